import Directory
import Foundation
import Kernel
import Postgres
import Web

/// Today's lessons at a terminal (AC-15): when, what, where; no name of a pupil or a teacher, no mark (ID-33).
struct KioskTodayPage: Page {
    struct Row: Encodable, Sendable, Equatable {
        let number: Int
        let time: String
        let subject: String
        let room: String?
        let isNow: Bool
    }

    static let template = "kiosk/today"
    let title: String
    let section = "kiosk-today"
    let day: String
    let lessons: [Row]
    let noLessons: StateBlock?

    init(for visit: Visit, _ guest: KioskGuest, _ database: Database) async throws {
        let today = visit.today
        let found = try await database.read { tx -> (SchoolTimetable, UUID)? in
            guard let child = try Directory.child(guest.pupil, in: tx) else { throw Problem.notFound }
            guard let classID = child.classID else { return nil }
            return (try SchoolTimetable.of(school: child.schoolID, only: classID, in: tx), classID)
        }
        let time = visit.zone.timeOfDay(of: visit.now)
        title = visit.tr("Today")
        day = visit.format.longDate(today)
        lessons = (found.map { timetable, classID in timetable.slots(of: classID, on: today) } ?? []).map { slot in
            let bell = found?.0.bells[slot.number]
            return Row(
                number: slot.number, time: bell.map { "\($0.starts.text)–\($0.ends.text)" } ?? "", subject: slot.subject, room: slot.room,
                isNow: bell.map { $0.starts <= time && time < $0.ends } ?? false)
        }
        noLessons = lessons.isEmpty ? .empty(visit.tr("No lessons today"), visit.tr("Have a good day.")) : nil
    }
}

import Directory
import Events
import Foundation
import Kernel
import Postgres
import Web

/// The diary, a copy of the paper one: a week with its lessons, homework and marks (JR-01 to JR-03), remarks for the parents alone
/// (JR-15), comments (JR-16).
struct DiaryPage: Page {
    struct Mark: Encodable, Sendable, Equatable {
        let value: String
        let previous: String?
        let isTwo: Bool
        let note: String?
        let noteID: String
    }

    struct Row: Encodable, Sendable, Equatable {
        let number: Int
        let subject: String
        let homework: String
        let topic: String?
        let mark: Mark?
        let absence: String?
        let isNow: Bool
        let rowID: String
    }

    struct DayPart: Encodable, Sendable, Equatable {
        let title: String
        let date: String
        let isToday: Bool
        let lessons: [Row]
        let hasLessons: Bool
        let remarks: [Said]
        let comments: [Said]
    }

    struct Said: Encodable, Sendable, Equatable {
        let text: String
        let by: String
    }

    static let template = "diary/show"
    let title: String
    let section = "diary"
    let name: String
    let className: String
    let accent: String
    let weeks: Pager
    let siblings: LinkRow?
    let left: [DayPart]
    let right: [DayPart]
    let isEmpty: Bool
}

extension DiaryPage {
    init(for visit: Visit, _ database: Database) async throws {
        let child = try visit.uuid("child")
        let today = visit.today
        let monday = (visit.day("week") ?? today).monday
        let viewer = visit.viewer
        let read = try await database.read { tx -> Reading in
            guard let record = try Directory.child(child, in: tx) else { throw Problem.notFound }
            let saturday = monday + 6
            // Whether remarks may be seen is the one decision's, asked anew for them.
            let seesRemarks = try Directory.decide(viewer, .seeRemarks, about: .child(child), on: today, in: tx) == .allowed
            guard let schoolClass = record.classID else {
                return Reading(child: record, places: nil, timetables: [:], written: [:], cells: [:], remarks: [], siblings: [])
            }
            // Old weeks of a pupil who has moved are those of his old class.
            let places = try PastPlaces.of(child, present: .init(schoolID: record.schoolID, classID: schoolClass), in: tx)
            var timetables: [UUID: SchoolTimetable] = [:]
            var written: [UUID: WrittenLesson] = [:]
            for place in places.places(from: monday, to: saturday) {
                timetables[place.classID] = try SchoolTimetable.of(school: place.schoolID, only: place.classID, in: tx)
                written.merge(try WrittenLesson.of(place.classID, from: monday, to: saturday, in: tx)) { $1 }
            }
            let cells = try LessonCells.of(Array(written.keys), in: tx)
            return Reading(
                child: record, places: places, timetables: timetables, written: written,
                cells: cells.compactMapValues { $0[child] },
                remarks: try Remark.of([child], from: monday, to: saturday, withRemarks: seesRemarks, in: tx),
                siblings: viewer.isPupil ? [] : try Directory.children(of: viewer, .seeDiary, at: visit.now, in: tx))
        }
        let time = visit.zone.timeOfDay(of: visit.now)
        let last = read.slots(on: monday + 5).isEmpty ? 5 : 6
        let days = (0..<max(last, today.monday == monday && today.weekday > last ? today.weekday : last)).map { offset -> DayPart in
            let day = monday + offset
            let classID = read.places?.place(on: day).classID ?? child
            let rows = read.slots(on: day).map { slot -> Row in
                let key = LessonKey(classID: classID, day: day, number: slot.number)
                let bell = read.timetables[classID]?.bells[slot.number]
                let isNow = day == today && bell.map { $0.starts <= time && time < $0.ends } ?? false
                return read.row(slot, key, isNow: isNow, visit)
            }
            func said(_ isForParentsOnly: Bool) -> [Said] {
                read.remarks.filter { $0.day == day && $0.isForParentsOnly == isForParentsOnly }.map { Said(text: $0.text, by: $0.by) }
            }
            return DayPart(
                title: visit.format.weekdayTitle(day), date: visit.format.date(day), isToday: day == today, lessons: rows, hasLessons: !rows.isEmpty, remarks: said(true),
                comments: said(false))
        }
        let half = (days.count + 1) / 2
        title = visit.tr("Diary")
        name = read.child.name?.given ?? read.child.pupilCode
        className = read.child.className?.description ?? ""
        accent = read.child.accent.rawValue
        weeks = Pager(
            visit.tr("Week"), visit.format.days(monday, monday + (days.count - 1)), before: "\(visit.path)?week=\(monday - 7)",
            visit.tr("The week before"), after: "\(visit.path)?week=\(monday + 7)", visit.tr("The week after"))
        siblings =
            read.siblings.count < 2
            ? nil
            : LinkRow(
                visit.tr("Children"),
                read.siblings.map {
                    .init(
                        $0.name?.given ?? $0.pupilCode, "/journal/children/\($0.id.text)/diary?week=\(monday)", isCurrent: $0.id == child,
                        note: $0.className?.description, accent: $0.accent)
                })
        left = Array(days.prefix(half))
        right = Array(days.dropFirst(half))
        isEmpty = days.allSatisfy { !$0.hasLessons }
    }

    private struct Reading {
        let child: ChildRecord
        /// None for a pupil without a class.
        let places: PastPlaces?
        /// By class.
        let timetables: [UUID: SchoolTimetable]
        let written: [UUID: WrittenLesson]
        /// The child's own cells by lesson.
        let cells: [UUID: LessonCells]
        let remarks: [Remark]
        let siblings: [ChildRecord]

        /// What his class of that day had.
        func slots(on day: Day) -> [SchoolTimetable.Slot] {
            guard let classID = places?.place(on: day).classID else { return [] }
            return timetables[classID]?.slots(of: classID, on: day) ?? []
        }

        func row(_ slot: SchoolTimetable.Slot, _ key: LessonKey, isNow: Bool, _ visit: Visit) -> Row {
            let lesson = written[key.lessonID]
            let cell = cells[key.lessonID]
            let id = "l-\(key.day)-\(key.number)"
            let mark = cell?.mark.map { mark in
                let note = [lesson?.work, mark.comment].compactMap(\.self).joined(separator: ". ")
                return Mark(
                    value: mark.value, previous: mark.previous, isTwo: mark.value == "2", note: note.isEmpty ? nil : note, noteID: id)
            }
            let absence: String? =
                switch cell?.attendance?.state {
                case .absent: visit.tr("absent")
                case .excused: visit.tr("absent with a reason")
                case .late: visit.tr("late")
                default: nil
                }
            return Row(
                number: slot.number, subject: lesson?.subject ?? slot.subject, homework: lesson?.homework ?? "", topic: lesson?.topic,
                mark: mark, absence: absence, isNow: isNow, rowID: id)
        }
    }
}

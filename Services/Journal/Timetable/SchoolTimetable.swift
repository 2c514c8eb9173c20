import Directory
import Events
import Foundation
import Kernel
import Postgres

/// The lessons of a school's classes on any day: the timetable of a week, the bells and the calendar put together.
struct SchoolTimetable: Sendable {
    struct Slot: Sendable, Equatable {
        let number: Int
        let subject: String
        let room: String?
        let teachers: [UUID]
    }

    struct Bell: Sendable, Equatable {
        let starts: TimeOfDay
        let ends: TimeOfDay
    }

    let school: UUID
    let calendar: SchoolCalendar
    let bells: [Int: Bell]
    /// By class, then by weekday (1 = Monday), in the order of the numbers.
    let slots: [UUID: [Int: [Slot]]]
    let teacherNames: [UUID: String]

    /// - Parameter only: one class, nil for all of the school.
    static func of(school: UUID, only: UUID? = nil, in transaction: borrowing Transaction) throws -> SchoolTimetable {
        let bells = try transaction.rows(
            "select number, starts_at, ends_at from bell where school_id = \(school)",
            as: Int.self, TimeOfDay.self, TimeOfDay.self)
        let rows = try transaction.rows(
            """
            select class_id, weekday, number, subject, room, teacher_ids from timetable_slot
            where school_id = \(school) and (\(only)::uuid is null or class_id = \(only))
            order by class_id, weekday, number
            """, as: UUID.self, Int.self, Int.self, String.self, String?.self, [UUID].self)
        var slots: [UUID: [Int: [Slot]]] = [:]
        for row in rows {
            slots[row.0, default: [:]][row.1, default: []].append(
                Slot(number: row.2, subject: row.3, room: row.4, teachers: row.5))
        }
        let people = try Directory.people(Array(Set(rows.flatMap(\.5))), in: transaction)
        return SchoolTimetable(
            school: school, calendar: try SchoolCalendar.of(school: school, in: transaction),
            bells: Dictionary(bells.map { ($0.0, Bell(starts: $0.1, ends: $0.2)) }, uniquingKeysWith: { $1 }),
            slots: slots, teacherNames: people.mapValues(\.name.initials))
    }

    /// What a class has on a day, holidays and moved days considered.
    func slots(of schoolClass: UUID, on day: Day) -> [Slot] {
        calendar.weekday(followedOn: day).flatMap { slots[schoolClass]?[$0] } ?? []
    }

    /// The names of those who teach a lesson.
    func teacher(of slot: Slot) -> String? {
        let names = slot.teachers.compactMap { teacherNames[$0] }
        return names.isEmpty ? nil : names.joined(separator: ", ")
    }

    /// The lessons as they are announced; one without a bell has no time and is left out.
    func lessons(of schoolClass: UUID, on day: Day) -> [LessonSlot] {
        slots(of: schoolClass, on: day).compactMap { slot in
            guard let bell = bells[slot.number] else { return nil }
            let key = LessonKey(classID: schoolClass, day: day, number: slot.number)
            return LessonSlot(
                lessonID: key.lessonID, number: slot.number, startsAt: bell.starts, endsAt: bell.ends, subject: slot.subject,
                room: slot.room, teacher: teacher(of: slot), isCancelled: false, isClub: false)
        }
    }

    /// How far a lesson is looked for, in days: longer than any holidays.
    private static let farthest = 120

    /// The lesson asked for on a day; when none is named, the one nearest to the day: that day's, the last before, the next.
    func lesson(
        of schoolClass: UUID, near day: Day, number: Int?, where fits: (Slot) -> Bool
    ) -> (key: LessonKey, slot: Slot)? {
        let offsets = number == nil ? Array(0...Self.farthest).map { -$0 } + Array(1...Self.farthest) : [0]
        for offset in offsets {
            let fitting = slots(of: schoolClass, on: day + offset).filter { fits($0) && (number == nil || $0.number == number) }
            // Going back one meets a day's last lesson first.
            guard let slot = offset < 0 ? fitting.last : fitting.first else { continue }
            return (LessonKey(classID: schoolClass, day: day + offset, number: slot.number), slot)
        }
        return nil
    }

    /// The next lesson after one (`by` = 1) or the one before it (−1).
    func step(from key: LessonKey, by direction: Int, where fits: (Slot) -> Bool) -> LessonKey? {
        for distance in 0...Self.farthest {
            let day = key.day + direction * distance
            let fitting = slots(of: key.classID, on: day).filter { slot in
                fits(slot) && (distance > 0 || (slot.number - key.number) * direction > 0)
            }
            guard let slot = direction > 0 ? fitting.first : fitting.last else { continue }
            return LessonKey(classID: key.classID, day: day, number: slot.number)
        }
        return nil
    }

    /// The subjects of a class in their alphabet.
    func subjects(of schoolClass: UUID) -> [String] {
        Set((slots[schoolClass] ?? [:]).values.joined().map(\.subject)).sorted()
    }

    /// Whether somebody teaches a subject to a class at any time of the week.
    func teaches(_ person: UUID, _ subject: String, to schoolClass: UUID) -> Bool {
        (slots[schoolClass] ?? [:]).values.joined().contains { $0.subject == subject && $0.teachers.contains(person) }
    }
}

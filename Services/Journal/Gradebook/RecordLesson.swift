import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// A teacher writes a lesson down: topic, homework, and a cell for each pupil.
///
/// The whole lesson is sent each time; only what differs from what is written is changed and told.
struct RecordLesson {
    let slot: LessonKey
    let school: UUID
    let subject: String
    let topic: String?
    let homework: String?
    let work: String?
    let weight: Int
    /// The cells by pupil; a pupil who is not named stays as he is.
    let cells: [UUID: CellEntry]
    let teacher: UUID?
    let teacherName: String

    /// How much was changed.
    struct Outcome: Sendable, Equatable {
        var lessonChanged = false
        var marks = 0
        var attendances = 0
    }

    @discardableResult
    func run(at now: Date, in transaction: borrowing Transaction, outbox: Outbox) throws -> Outcome {
        var outcome = Outcome()
        let id = slot.lessonID
        let before = try WrittenLesson.find(id, in: transaction)
        outcome.lessonChanged = try saveLesson(id, at: now, in: transaction, outbox: outbox)
        let known = try LessonCells.of(id, in: transaction)
        var said: Set<UUID> = []
        for (person, entry) in cells.sorted(by: { $0.key.uuidString < $1.key.uuidString }) {
            let old = known[person]
            if try saveMark(entry, of: person, old: old?.mark, at: now, in: transaction, outbox: outbox) {
                outcome.marks += 1
                said.insert(person)
            }
            if try saveAttendance(entry, of: person, old: old?.attendance, at: now, in: transaction, outbox: outbox) {
                outcome.attendances += 1
            }
        }
        if let before, before.work != work || before.weight != weight {
            outcome.marks += try tellAgain(known.keys.filter { !said.contains($0) }, in: transaction, outbox: outbox)
        }
        return outcome
    }

    /// What the marks are for and what they weigh is part of each of them.
    private func tellAgain(_ people: [UUID], in transaction: borrowing Transaction, outbox: Outbox) throws -> Int {
        let marks = try transaction.rows(
            """
            update mark set version = version + 1
            where lesson_id = \(slot.lessonID) and person_id = any(\(people)) and not ended
            returning id, version, person_id, value, comment, previous, given_by_name, given_at
            """, as: UUID.self, Int64.self, UUID.self, String.self, String?.self, String?.self, String.self, Date.self)
        try outbox.publish(
            marks.map {
                MarkChanged(
                    markID: $0.0, version: $0.1, personID: $0.2, classID: slot.classID, lessonID: slot.lessonID, day: slot.day,
                    lessonNumber: slot.number, subject: subject, value: $0.3, weight: weight, work: work, comment: $0.4,
                    previous: $0.5, by: $0.6, at: $0.7, ended: false)
            }, in: transaction)
        return marks.count
    }

    private func saveLesson(
        _ id: UUID, at now: Date, in transaction: borrowing Transaction, outbox: Outbox
    ) throws -> Bool {
        let saved = try transaction.first(
            """
            insert into lesson as written
                (id, school_id, class_id, day, number, subject, topic, homework, work, weight, recorded_by, recorded_at)
            values (\(id), \(school), \(slot.classID), \(slot.day), \(slot.number), \(subject), \(topic), \(homework),
                \(work), \(weight), \(teacher), \(now))
            on conflict (id) do update set topic = excluded.topic, homework = excluded.homework, work = excluded.work,
                weight = excluded.weight, recorded_by = excluded.recorded_by, recorded_at = excluded.recorded_at,
                version = written.version + 1
            where (written.topic, written.homework, written.work, written.weight)
                is distinct from (excluded.topic, excluded.homework, excluded.work, excluded.weight)
            returning version
            """, as: Int64.self)
        guard let version = saved else { return false }
        guard version > 1 || topic != nil || homework != nil else { return false }
        try outbox.publish(
            LessonRecorded(
                lessonID: id, version: version, classID: slot.classID, day: slot.day, number: slot.number, subject: subject,
                topic: topic, homework: homework, ended: false), in: transaction)
        return true
    }

    private func saveMark(
        _ entry: CellEntry, of person: UUID, old: LessonCells.Mark?, at now: Date, in transaction: borrowing Transaction,
        outbox: Outbox
    ) throws -> Bool {
        guard entry.mark != old?.value || (entry.mark != nil && entry.comment != old?.comment) else { return false }
        let id = UUID.derived(from: slot.lessonID, "mark \(person)")
        let version = try (old?.version ?? LessonCells.endedMarkVersion(id, in: transaction)) + 1
        let value = entry.mark ?? old?.value ?? "2"
        let previous = old.flatMap { $0.value == value ? $0.previous : $0.value }
        try transaction.execute(
            """
            insert into mark (id, lesson_id, person_id, value, comment, previous, given_by, given_by_name, given_at, version, ended)
            values (\(id), \(slot.lessonID), \(person), \(value), \(entry.comment), \(previous), \(teacher), \(teacherName),
                \(now), \(version), \(entry.mark == nil))
            on conflict (id) do update set value = excluded.value, comment = excluded.comment, previous = excluded.previous,
                given_by = excluded.given_by, given_by_name = excluded.given_by_name, given_at = excluded.given_at,
                version = excluded.version, ended = excluded.ended
            """)
        try outbox.publish(
            MarkChanged(
                markID: id, version: version, personID: person, classID: slot.classID, lessonID: slot.lessonID, day: slot.day,
                lessonNumber: slot.number, subject: subject, value: value, weight: weight, work: work,
                comment: entry.comment, previous: previous, by: teacherName, at: now, ended: entry.mark == nil),
            in: transaction)
        return true
    }

    private func saveAttendance(
        _ entry: CellEntry, of person: UUID, old: LessonCells.Attendance?, at now: Date,
        in transaction: borrowing Transaction, outbox: Outbox
    ) throws -> Bool {
        guard entry.attendance != (old?.state ?? .present) || entry.lateMinutes != old?.lateMinutes else { return false }
        let id = UUID.derived(from: slot.lessonID, "attendance \(person)")
        let version = (old?.version ?? 0) + 1
        try transaction.execute(
            """
            insert into attendance (id, lesson_id, person_id, state, late_minutes, noted_at, version)
            values (\(id), \(slot.lessonID), \(person), \(entry.attendance.rawValue), \(entry.lateMinutes), \(now), \(version))
            on conflict (id) do update set state = excluded.state, late_minutes = excluded.late_minutes,
                noted_at = excluded.noted_at, version = excluded.version
            """)
        try outbox.publish(
            AttendanceChanged(
                attendanceID: id, version: version, personID: person, classID: slot.classID, lessonID: slot.lessonID,
                day: slot.day, lessonNumber: slot.number, subject: subject, state: entry.attendance,
                lateMinutes: entry.lateMinutes, topic: topic, at: now, ended: false), in: transaction)
        return true
    }
}

/// Where a lesson stands: class, day and number. Its identifier follows from them, in the timetable and in the books.
struct LessonKey: Sendable, Hashable {
    let classID: UUID
    let day: Day
    let number: Int

    var lessonID: UUID { .derived(from: classID, "lesson \(day)/\(number)") }
}

/// What is written in the cells of a lesson.
struct LessonCells: Sendable, Equatable {
    struct Mark: Sendable, Equatable {
        let value: String
        let comment: String?
        let previous: String?
        let version: Int64
    }

    struct Attendance: Sendable, Equatable {
        let state: AttendanceState
        let lateMinutes: Int?
        let version: Int64
    }

    var mark: Mark?
    var attendance: Attendance?

    /// The cell as its teacher would type it.
    var entry: CellEntry {
        CellEntry(
            mark: mark?.value, comment: mark?.comment, attendance: attendance?.state ?? .present,
            lateMinutes: attendance?.lateMinutes)
    }

    /// The written cells of one lesson by pupil.
    static func of(_ lesson: UUID, in transaction: borrowing Transaction) throws -> [UUID: LessonCells] {
        try of([lesson], in: transaction)[lesson] ?? [:]
    }

    /// The written cells of several lessons.
    static func of(_ lessons: [UUID], in transaction: borrowing Transaction) throws -> [UUID: [UUID: LessonCells]] {
        var cells: [UUID: [UUID: LessonCells]] = [:]
        let marks = try transaction.rows(
            """
            select lesson_id, person_id, value, comment, previous, version from mark
            where lesson_id = any(\(lessons)) and not ended
            """, as: UUID.self, UUID.self, String.self, String?.self, String?.self, Int64.self)
        for row in marks {
            cells[row.0, default: [:]][row.1, default: LessonCells()].mark = Mark(
                value: row.2, comment: row.3, previous: row.4, version: row.5)
        }
        let attendances = try transaction.rows(
            """
            select lesson_id, person_id, state, late_minutes, version from attendance where lesson_id = any(\(lessons))
            """, as: UUID.self, UUID.self, String.self, Int?.self, Int64.self)
        for row in attendances {
            cells[row.0, default: [:]][row.1, default: LessonCells()].attendance = Attendance(
                state: AttendanceState(rawValue: row.2) ?? .present, lateMinutes: row.3, version: row.4)
        }
        return cells
    }

    /// The version of a mark that was taken away, so that a new one in its place is newer still.
    static func endedMarkVersion(_ id: UUID, in transaction: borrowing Transaction) throws -> Int64 {
        try transaction.first("select version from mark where id = \(id)", as: Int64.self) ?? 0
    }
}

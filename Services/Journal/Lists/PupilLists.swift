import Directory
import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// Lists about pupils: marks or absences.
enum PupilList: String, Sendable {
    /// `pupil_number,date,number,subject,value,weight,work,comment`
    case marks
    /// `pupil_number,date,number,state`; without a number the whole day is meant.
    case absences

    var columns: [String] {
        switch self {
        case .marks: ["pupil_number", "date", "value"]
        case .absences: ["pupil_number", "date", "state"]
        }
    }

    static let fields = ["date", "number", "subject", "value", "weight", "work", "comment", "state"]
}

/// Whom a line is about.
struct ListedPupil: Sendable {
    let id: UUID
    let school: UUID
    let schoolClass: UUID
}

/// Takes marks or absences from a list; a line about somebody unknown waits for him.
struct ImportPupilList {
    let list: PupilList
    let table: CSVTable

    func run(school: UUID, at now: Date, in transaction: borrowing Transaction, outbox: Outbox) throws -> ImportReport {
        var report = ImportReport(table, columns: list.columns)
        let timetable = try SchoolTimetable.of(school: school, in: transaction)
        let pupils = Dictionary(
            try Directory.pupils(ofSchool: school, in: transaction).compactMap { child in
                child.rosterNumber.map { ($0, child) }
            }, uniquingKeysWith: { first, _ in first })
        for row in table.rows {
            let number = row["pupil_number"]
            guard !number.isEmpty else {
                report.refuse(row.line, "the pupil's number is missing")
                continue
            }
            let fields = Dictionary(
                PupilList.fields.compactMap { row[$0].isEmpty ? nil : ($0, row[$0]) }, uniquingKeysWith: { $1 })
            guard let child = pupils[number] else {
                try transaction.execute(
                    """
                    insert into waiting_line (school_id, person_number, list, fields)
                    values (\(school), \(number), \(list.rawValue), \(JSON(fields))) on conflict do nothing
                    """)
                report.waiting += 1
                continue
            }
            guard let schoolClass = child.classID else {
                report.refuse(row.line, "pupil \(number) is in no class")
                continue
            }
            let pupil = ListedPupil(id: child.id, school: school, schoolClass: schoolClass)
            do throws(PupilLine.Failure) {
                try PupilLine(list: list, fields: fields, pupil: pupil, timetable: timetable)
                    .write(at: now, in: transaction, outbox: outbox)
                report.taken += 1
            } catch {
                switch error {
                case .refused(let reason): report.refuse(row.line, reason)
                case .database(let error): throw error
                }
            }
        }
        return report
    }
}

/// Lines that waited for their pupils.
enum WaitingLines {
    /// Takes what can be taken now.
    ///
    /// - Parameter pupil: the one who has just arrived, whom Directory need not know yet; nil for all who are known by now.
    /// - Returns: how many lines were taken.
    static func apply(
        school: UUID, arrived: (number: String, pupil: ListedPupil)? = nil, at now: Date,
        in transaction: borrowing Transaction, outbox: Outbox
    ) throws -> Int {
        let number = arrived?.number
        let rows = try transaction.rows(
            """
            select id, person_number, list, fields from waiting_line
            where school_id = \(school) and (\(number)::text is null or person_number = \(number)) order by id for update
            """, as: Int64.self, String.self, String.self, JSON<[String: String]>.self)
        guard !rows.isEmpty else { return 0 }
        let timetable = try SchoolTimetable.of(school: school, in: transaction)
        var taken = 0
        for row in rows {
            var pupil = arrived?.pupil
            if pupil == nil, let child = try Directory.child(rosterNumber: row.1, school: school, in: transaction),
                let schoolClass = child.classID
            {
                pupil = ListedPupil(id: child.id, school: school, schoolClass: schoolClass)
            }
            guard let pupil, let list = PupilList(rawValue: row.2) else { continue }
            do throws(PupilLine.Failure) {
                try PupilLine(list: list, fields: row.3.value, pupil: pupil, timetable: timetable)
                    .write(at: now, in: transaction, outbox: outbox)
            } catch {
                // It goes on waiting: the timetable it needs may still come.
                if case .database(let error) = error { throw error }
                continue
            }
            try transaction.execute("delete from waiting_line where id = \(row.0)")
            taken += 1
        }
        return taken
    }
}

/// One line about a known pupil.
struct PupilLine {
    let list: PupilList
    let fields: [String: String]
    let pupil: ListedPupil
    let timetable: SchoolTimetable

    enum Failure: Error {
        case refused(String)
        case database(any Error)
    }

    func write(at now: Date, in transaction: borrowing Transaction, outbox: Outbox) throws(Failure) {
        guard let day = fields["date"].flatMap({ Day($0) }) else {
            throw .refused("«\(fields["date"] ?? "")» is no day like 2026-11-20")
        }
        let slots = try slots(on: day)
        for slot in slots {
            let key = LessonKey(classID: pupil.schoolClass, day: day, number: slot.number)
            do {
                try write(slot, key, at: now, in: transaction, outbox: outbox)
            } catch let failure as Failure {
                throw failure
            } catch {
                throw .database(error)
            }
        }
    }

    /// The lesson of the given number; without one the first of the subject; for an absence without either the whole day.
    private func slots(on day: Day) throws(Failure) -> [SchoolTimetable.Slot] {
        let all = timetable.slots(of: pupil.schoolClass, on: day)
        guard !all.isEmpty else { throw .refused("the class has no lessons on \(day)") }
        if let text = fields["number"] {
            guard let number = Int(text), let slot = all.first(where: { $0.number == number }) else {
                throw .refused("the class has no lesson \(text) on \(day)")
            }
            if let subject = fields["subject"], subject.lowercased() != slot.subject.lowercased() {
                throw .refused("lesson \(number) on \(day) is \(slot.subject), not \(subject)")
            }
            return [slot]
        }
        if let subject = fields["subject"] {
            guard let slot = all.first(where: { $0.subject.lowercased() == subject.lowercased() }) else {
                throw .refused("the class has no \(subject) on \(day)")
            }
            return [slot]
        }
        guard list == .absences else { throw .refused("neither number nor subject tells which lesson is meant") }
        return all
    }

    private func write(
        _ slot: SchoolTimetable.Slot, _ key: LessonKey, at now: Date, in transaction: borrowing Transaction, outbox: Outbox
    ) throws {
        let written = try WrittenLesson.find(key.lessonID, in: transaction)
        let old = try LessonCells.of(key.lessonID, in: transaction)[pupil.id]?.entry ?? .empty
        var work = written?.work
        var weight = written?.weight ?? 1
        let entry: CellEntry
        switch list {
        case .marks:
            guard let value = fields["value"], ["5", "4", "3", "2"].contains(value) else {
                throw Failure.refused("«\(fields["value"] ?? "")» is no mark from 2 to 5")
            }
            guard old.attendance == .present || old.attendance == .late else {
                throw Failure.refused("the pupil was not at lesson \(key.number) on \(key.day)")
            }
            if let text = fields["weight"] {
                guard let number = Int(text), (1...10).contains(number) else {
                    throw Failure.refused("«\(text)» is no weight from 1 to 10")
                }
                weight = number
            }
            work = fields["work"] ?? work
            entry = CellEntry(
                mark: value, comment: fields["comment"] ?? old.comment, attendance: old.attendance, lateMinutes: old.lateMinutes)
        case .absences:
            let named: CellEntry? =
                if let state = AttendanceState(rawValue: fields["state"] ?? "") {
                    CellEntry(mark: nil, comment: nil, attendance: state, lateMinutes: nil)
                } else {
                    try? CellEntry(fields["state"] ?? "?")
                }
            guard let named, named.mark == nil else { throw Failure.refused("«\(fields["state"] ?? "")» is no state") }
            guard old.mark == nil || named.attendance == .late || named.attendance == .present else {
                throw Failure.refused("the pupil has a mark for lesson \(key.number) on \(key.day)")
            }
            entry = CellEntry(
                mark: old.mark, comment: old.comment, attendance: named.attendance, lateMinutes: named.lateMinutes)
        }
        try RecordLesson(
            slot: key, school: pupil.school, subject: written?.subject ?? slot.subject, topic: written?.topic,
            homework: written?.homework, work: work, weight: weight, cells: [pupil.id: entry], teacher: slot.teachers.first,
            teacherName: slot.teachers.first.flatMap { timetable.teacherNames[$0] } ?? "Школа"
        ).run(at: now, in: transaction, outbox: outbox)
    }
}

import Directory
import Foundation
import Kernel
import Postgres

/// One lesson of a class in the week, as a list or an archive names it.
struct TimetableLine: Sendable, Equatable {
    let line: Int
    let className: String
    let weekday: Int
    let number: Int
    let subject: String
    /// Roster numbers of staff.
    let teachers: [String]
    let room: String?
}

/// The timetable of a week: `class,day,number,subject,teacher,room`.
///
/// A class that the list names has afterwards what the list says and nothing else, unless one of its lines was bad.
struct ImportTimetable {
    let lines: [TimetableLine]
    let start: ImportReport

    init(table: CSVTable) {
        var report = ImportReport(table, columns: ["class", "day", "number", "subject"])
        lines = table.rows.compactMap { row in
            guard let weekday = WeekdayName.number(row["day"]) else {
                report.refuse(row.line, "«\(row["day"])» is none of mon … sun")
                return nil
            }
            guard let number = Int(row["number"]), (0...14).contains(number) else {
                report.refuse(row.line, "«\(row["number"])» is no number of a lesson (0 to 14)")
                return nil
            }
            guard !row["subject"].isEmpty else {
                report.refuse(row.line, "the subject is missing")
                return nil
            }
            let teachers = row["teacher"].split(separator: ";").map { $0.trimmingCharacters(in: .whitespaces) }
            return TimetableLine(
                line: row.line, className: row["class"], weekday: weekday, number: number, subject: row["subject"],
                teachers: teachers, room: row["room"].isEmpty ? nil : row["room"])
        }
        start = report
    }

    /// - Parameters:
    ///   - archive: placements of an XHSTT solution; day 1 is Monday.
    ///   - map: `kind,reference,name`: the archive's names of classes, teachers, courses and rooms, and ours.
    init(archive: XHSTTTimetable, map table: CSVTable) {
        var report = ImportReport(table, columns: ["kind", "reference", "name"])
        var names: [String: [String: String]] = [:]
        for row in table.rows { names[row["kind"], default: [:]][row["reference"]] = row["name"] }
        // In an archive there are no lines: a placement's place is counted.
        var lines: [TimetableLine] = []
        for (index, placement) in archive.placements.enumerated() {
            let classes = placement.resources.compactMap { names["class"]?[$0] }
            let teachers = placement.resources.compactMap { names["teacher"]?[$0] }
            let room = placement.resources.lazy.compactMap { names["room"]?[$0] }.first
            let nameless = placement.resources.filter { resource in !names.values.contains { $0[resource] != nil } }
            if !nameless.isEmpty {
                report.refuse(index + 1, "the map does not name \(Set(nameless).sorted().joined(separator: ", "))")
                if classes.isEmpty { continue }
            }
            let subject = names["course"]?[placement.course] ?? placement.course
            for className in Set(classes).sorted() {
                lines.append(
                    TimetableLine(
                        line: index + 1, className: className, weekday: placement.dayNumber, number: placement.number,
                        subject: subject, teachers: Array(Set(teachers)).sorted(), room: room))
            }
        }
        self.lines = lines
        start = report
    }

    func run(school: UUID, in transaction: borrowing Transaction) throws -> ImportReport {
        var report = start
        let classes = Dictionary(
            try Directory.classes(ofSchool: school, in: transaction).map { ($0.name, $0.id) }, uniquingKeysWith: { $1 })
        var teachers: [String: UUID?] = [:]
        for number in Set(lines.flatMap(\.teachers)) {
            teachers[number] = try Directory.person(rosterNumber: number, school: school, in: transaction)?.id
        }
        var good: [UUID: [TimetableLine]] = [:]
        var spoilt: Set<UUID> = []
        for line in lines {
            guard let name = ClassName(line.className), let schoolClass = classes[name] else {
                report.refuse(line.line, "there is no class «\(line.className)»")
                continue
            }
            if let twin = good[schoolClass]?.first(where: { $0.weekday == line.weekday && $0.number == line.number }) {
                report.refuse(line.line, "class \(name.compact) has \(twin.subject) at that time already")
                spoilt.insert(schoolClass)
                continue
            }
            let unknown = line.teachers.filter { (teachers[$0] ?? nil) == nil }
            if !unknown.isEmpty {
                report.refuse(line.line, "nobody on the staff has the number \(unknown.joined(separator: ", "))")
                spoilt.insert(schoolClass)
                continue
            }
            good[schoolClass, default: []].append(line)
        }
        for (schoolClass, lines) in good {
            if !spoilt.contains(schoolClass) {
                try transaction.execute("delete from timetable_slot where class_id = \(schoolClass)")
            }
            for line in lines {
                let ids = line.teachers.compactMap { teachers[$0] ?? nil }
                try transaction.execute(
                    """
                    insert into timetable_slot (school_id, class_id, weekday, number, subject, room, teacher_ids)
                    values (\(school), \(schoolClass), \(line.weekday), \(line.number), \(line.subject), \(line.room), \(ids))
                    on conflict (class_id, weekday, number) do update set school_id = excluded.school_id,
                        subject = excluded.subject, room = excluded.room, teacher_ids = excluded.teacher_ids
                    """)
                report.taken += 1
            }
        }
        let bells = try transaction.rows("select number from bell where school_id = \(school)", as: Int.self)
        let silent = Set(good.values.joined().map(\.number)).subtracting(bells).sorted()
        if !silent.isEmpty {
            report.notes.append("no bell rings for lessons \(silent.map(String.init).joined(separator: ", ")): they are announced once it does")
        }
        return report
    }
}

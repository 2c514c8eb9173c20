import Foundation
import Kernel
import Postgres

/// `mon` … `sun` as a number, 1 for Monday.
enum WeekdayName {
    private static let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    static func number(_ text: String) -> Int? { names.firstIndex(of: text.lowercased()).map { $0 + 1 } }
}

/// When lessons begin and end: `number,starts,ends`. The list is the whole truth.
struct ImportBells {
    let table: CSVTable

    func run(school: UUID, in transaction: borrowing Transaction) throws -> ImportReport {
        var report = ImportReport(table, columns: ["number", "starts", "ends"])
        var numbers: [Int] = []
        for row in table.rows {
            guard let number = Int(row["number"]), (0...14).contains(number) else {
                report.refuse(row.line, "«\(row["number"])» is no number of a lesson (0 to 14)")
                continue
            }
            guard let starts = TimeOfDay(row["starts"]), let ends = TimeOfDay(row["ends"]), starts < ends else {
                report.refuse(row.line, "«\(row["starts"])» to «\(row["ends"])» is no time from hour to hour")
                continue
            }
            guard !numbers.contains(number) else {
                report.refuse(row.line, "lesson \(number) has a line already")
                continue
            }
            try transaction.execute(
                """
                insert into bell (school_id, number, starts_at, ends_at) values (\(school), \(number), \(starts), \(ends))
                on conflict (school_id, number) do update set starts_at = excluded.starts_at, ends_at = excluded.ends_at
                """)
            numbers.append(number)
        }
        if report.bad.isEmpty {
            try transaction.execute("delete from bell where school_id = \(school) and not number = any(\(numbers))")
        }
        report.taken = numbers.count
        return report
    }
}

/// The parts of the school year: `name,starts,ends`. The list is the whole truth.
struct ImportTerms {
    let table: CSVTable

    func run(school: UUID, in transaction: borrowing Transaction) throws -> ImportReport {
        var report = ImportReport(table, columns: ["name", "starts", "ends"])
        var taken: [(id: UUID, name: String, days: ClosedRange<Day>)] = []
        for row in table.rows {
            guard !row["name"].isEmpty, let starts = Day(row["starts"]), let ends = Day(row["ends"]), starts <= ends else {
                report.refuse(row.line, "a term has a name and two days like 2026-09-01, the first not after the last")
                continue
            }
            if let other = taken.first(where: { $0.days.overlaps(starts...ends) }) {
                report.refuse(row.line, "the term overlaps «\(other.name)»")
                continue
            }
            taken.append((UUID.derived(from: school, "term \(row["name"]) \(starts)"), row["name"], starts...ends))
        }
        if report.bad.isEmpty {
            try transaction.execute("delete from term where school_id = \(school) and not id = any(\(taken.map(\.id)))")
        }
        for term in taken {
            try transaction.execute(
                """
                insert into term (id, school_id, name, starts_on, ends_on)
                values (\(term.id), \(school), \(term.name), \(term.days.lowerBound), \(term.days.upperBound))
                on conflict (id) do update set ends_on = excluded.ends_on
                """)
        }
        report.taken = taken.count
        return report
    }
}

/// Days unlike their weekday: `date,works_as,name`, where `works_as` is `mon` … `sun` or `holiday`.
struct ImportCalendar {
    let table: CSVTable

    func run(school: UUID, in transaction: borrowing Transaction) throws -> ImportReport {
        var report = ImportReport(table, columns: ["date", "works_as", "name"])
        var days: [Day] = []
        for row in table.rows {
            guard let day = Day(row["date"]) else {
                report.refuse(row.line, "«\(row["date"])» is no day like 2026-11-04")
                continue
            }
            let worksAs = WeekdayName.number(row["works_as"])
            guard worksAs != nil || row["works_as"].lowercased() == "holiday" else {
                report.refuse(row.line, "«\(row["works_as"])» is neither mon … sun nor holiday")
                continue
            }
            try transaction.execute(
                """
                insert into unusual_day (school_id, day, works_as, name) values (\(school), \(day), \(worksAs), \(row["name"]))
                on conflict (school_id, day) do update set works_as = excluded.works_as, name = excluded.name
                """)
            days.append(day)
        }
        if report.bad.isEmpty {
            try transaction.execute("delete from unusual_day where school_id = \(school) and not day = any(\(days))")
        }
        report.taken = days.count
        return report
    }
}

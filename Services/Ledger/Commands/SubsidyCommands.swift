import ArgumentParser
import Directory
import Foundation
import Kernel
import Postgres
import Service

/// `ledger import-subsidies FILE`
struct ImportSubsidiesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import-subsidies",
        abstract: "Bring in certificates: account,title,certificate,issuer,valid_from,valid_until,pays_for,amount,every.",
        discussion: "account is the account number or the pupil code; pays_for is collective or any; every is schoolDay, month or once. "
            + "A certificate that a child has already is left as it is.")

    @OptionGroup var options: ServiceOptions
    @Argument(help: "The list.") var file: String

    func run() async throws {
        let table = CSVTable(try String(contentsOfFile: file, encoding: .utf8))
        let report = try await withParts(of: LedgerService.self, options) { parts in
            try await ImportSubsidies(table).run(parts.database, at: Date())
        }
        print("\(report.entered) entered, \(report.known) known before, \(report.bad.count) bad lines")
        for line in report.bad { FileHandle.standardError.write(Data("\(line)\n".utf8)) }
    }
}

/// Certificates from a list, line by line: a bad line holds nobody up.
struct ImportSubsidies {
    struct Report: Equatable {
        var entered = 0
        var known = 0
        var bad: [String] = []
    }

    let table: CSVTable

    init(_ table: CSVTable) { self.table = table }

    func run(_ database: Database, at now: Date) async throws -> Report {
        var report = Report(bad: table.damage.map { "line \($0.line): \($0.reason)" })
        for row in table.rows {
            guard let from = Day(row["valid_from"]), let until = Day(row["valid_until"]), let amount = Money(row["amount"]),
                let purpose = SubsidyPurpose(rawValue: row["pays_for"]), let rhythm = SubsidyRhythm(rawValue: row["every"])
            else {
                report.bad.append("line \(row.line): days, sum, pays_for or every cannot be read")
                continue
            }
            let code = row["account"].trimmed.replacing(" ", with: "")
            guard !code.isEmpty, let account = try await database.read({ try $0.accounts(.code(code), at: now).first }) else {
                report.bad.append("line \(row.line): no account «\(code)»")
                continue
            }
            let grant = GrantSubsidy(
                id: .derived(from: account.id, "subsidy.\(row["certificate"])"), child: account.personID, title: row["title"],
                certificate: row["certificate"], issuer: row["issuer"], validFrom: from, validUntil: until, purpose: purpose,
                amount: amount, rhythm: rhythm, by: nil)
            do {
                let isKnown = try await database.transaction { tx -> Bool in
                    let known = try tx.first(
                        "select 1 from subsidy where meals_id = \(account.id) and certificate = \(grant.certificate)", as: Int.self)
                    if known == nil { try grant.run(in: tx, at: now) }
                    return known != nil
                }
                if isKnown { report.known += 1 } else { report.entered += 1 }
            } catch let refusal as SubsidyRefused {
                report.bad.append("line \(row.line): \(refusal)")
            }
        }
        return report
    }
}

/// `ledger import-calendar FILE`
struct ImportCalendarCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import-calendar", abstract: "Bring in a school's calendar for accruals by school day: date,works_as,name.",
        discussion: "works_as is mon … sun, or holiday: the same list that the journal reads.")

    @OptionGroup var options: ServiceOptions
    @Argument(help: "The list.") var file: String
    @Option(help: "The school's name; not needed where there is one.") var school: String?

    func run() async throws {
        let table = CSVTable(try String(contentsOfFile: file, encoding: .utf8))
        let name = school
        let count = try await withParts(of: LedgerService.self, options) { parts in
            try await parts.database.transaction { tx -> Int in
                let schools = try Directory.schools(in: tx).filter { name == nil || $0.name == name }
                guard schools.count == 1, let school = schools.first else {
                    throw ValidationError("Name the school with --school: \(schools.count) schools are meant.")
                }
                return try tx.remember(calendar: table, of: school.id)
            }
        }
        print("\(count) days")
    }
}

extension Transaction {
    /// Keeps on which days a school works otherwise than the week says.
    ///
    /// - Returns: how many days the list names.
    func remember(calendar table: CSVTable, of school: UUID) throws -> Int {
        var count = 0
        for row in table.rows {
            guard let day = Day(row["date"]), !row["works_as"].isEmpty else { continue }
            let isSchoolDay = !["holiday", "sat", "sun"].contains(row["works_as"])
            try execute(
                """
                insert into school_calendar (school_id, day, is_school_day) values (\(school), \(day), \(isSchoolDay))
                on conflict (school_id, day) do update set is_school_day = excluded.is_school_day
                """)
            count += 1
        }
        return count
    }
}

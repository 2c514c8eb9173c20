import ArgumentParser
import Foundation
import Kernel
import Postgres
import Service

/// `identity import-snils FILE…`
struct ImportSnilsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import-snils",
        abstract: "Enter by which СНИЛС people come in through Gosuslugi.",
        discussion: """
            CSV in UTF-8 with the columns person_number (of the roster) and snils. Only a hash under gosuslugi.snilsKey is \
            stored; delete the file afterwards. Bad lines are reported with file, line and reason, the rest is taken.
            """)

    @OptionGroup var options: ServiceOptions

    @Argument(help: "Files.")
    var paths: [String]

    func run() async throws {
        let tables = try paths.map { ($0, CSVTable(try String(contentsOfFile: $0, encoding: .utf8))) }
        let (taken, bad) = try await withParts(of: IdentityService.self, options) { parts -> (Int, [String]) in
            guard let book = PortalSettings.book(parts.configuration) else {
                throw ValidationError("gosuslugi.snilsKey is not set: the numbers cannot be stored safely.")
            }
            var (taken, bad) = (0, [String]())
            for (path, table) in tables {
                let report = try await ImportSnils(table: table, book: book, now: Date()).run(parts.database)
                taken += report.taken
                bad += report.badLines.map { "\(path):\($0.line): \($0.reason)" }
            }
            return (taken, bad)
        }
        print("\(taken) numbers taken")
        for line in bad { FileHandle.standardError.write(Data("\(line)\n".utf8)) }
        if !bad.isEmpty { print("\(bad.count) lines were not taken.") }
    }
}

/// Enters the numbers of one table, line by line.
struct ImportSnils: Sendable {
    let table: CSVTable
    let book: SnilsBook
    let now: Date

    struct Report: Sendable, Equatable {
        struct BadLine: Sendable, Equatable {
            let line: Int
            let reason: String
        }

        var taken = 0
        var badLines: [BadLine] = []
    }

    func run(_ database: Database) async throws -> Report {
        var report = Report(badLines: table.damage.map { Report.BadLine(line: $0.line, reason: $0.reason) })
        for row in table.rows {
            let (number, book, now) = (row["person_number"], book, now)
            guard let snils = Snils(row["snils"]) else {
                report.badLines.append(.init(line: row.line, reason: "this is no СНИЛС"))
                continue
            }
            do {
                let isKnown = try await database.transaction { transaction -> Bool in
                    guard let id = try transaction.first(
                        "select id from person where roster_number = \(number) and not ended", as: UUID.self)
                    else { return false }
                    try book.enter(snils, for: id, by: nil, now: now, in: transaction)
                    return true
                }
                if isKnown { report.taken += 1 } else { report.badLines.append(.init(line: row.line, reason: "nobody has the number «\(number)»")) }
            } catch SnilsBook.Refused.isTaken {
                report.badLines.append(.init(line: row.line, reason: "this СНИЛС is entered for somebody else"))
            }
        }
        return report
    }
}

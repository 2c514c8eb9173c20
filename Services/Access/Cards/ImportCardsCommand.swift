import ArgumentParser
import Directory
import Foundation
import Kernel
import Postgres
import Service

/// `access import-cards FILE --school NAME`
struct ImportCardsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import-cards", abstract: "Give cards to people: person_number,kind,number, the number in any notation.")

    @OptionGroup var options: ServiceOptions
    @Argument(help: "The list.") var file: String
    @Option(help: "The school's name; not needed where there is one.") var school: String?
    @Flag(help: "Return when no line waits for its person any more.") var wait = false
    @Option(help: "How long to wait, in seconds.") var waitSeconds = 120

    func run() async throws {
        let table = CSVTable(try String(contentsOfFile: file, encoding: .utf8))
        let (name, wait, limit) = (school, wait, waitSeconds)
        let report = try await withParts(of: AccessService.self, options) { parts in
            let id = try await chosenSchool(name, parts.database)
            let outbox = parts.outbox
            var report = try await parts.database.transaction {
                try ImportCards(table, school: id).run(in: $0, outbox: outbox)
            }
            let end = ContinuousClock.now + .seconds(limit)
            while wait, report.waiting > 0, ContinuousClock.now < end {
                // The running service applies what waits as soon as it hears of the person.
                try await Task.sleep(for: .milliseconds(250))
                report.waiting = try await parts.database.read { try ImportCards.waiting(in: $0) }
            }
            return report
        }
        print("\(report.assigned) given, \(report.unchanged) as before, \(report.waiting) wait for their people, \(report.bad.count) bad")
        for line in report.bad { FileHandle.standardError.write(Data("line \(line.line): \(line.reason)\n".utf8)) }
    }
}

import ArgumentParser
import Foundation
import Messaging
import Service

/// `identity import-roster DIR|FILE…`
struct ImportRosterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import-roster",
        abstract: "Bring in a school's lists: schools, classes, pupils, guardians, staff.",
        discussion: """
            CSV in UTF-8 with a header row; a file is known by its columns, a folder gives school.csv, classes.csv, \
            pupils.csv, guardians.csv, staff.csv and contacts.csv. The same numbers are the same people: it may be \
            repeated as often as the lists change. Bad lines are reported with file, line and reason, the rest is taken.
            """)

    @OptionGroup var options: ServiceOptions

    @Argument(help: "Folders or files.")
    var paths: [String]

    @Flag(help: "The lists are complete: whoever is missing has left.")
    var complete = false

    @Flag(help: "Return when the others have been told, which needs a running service.")
    var wait = false

    @Option(help: "How long to wait, in seconds.")
    var waitSeconds = 120

    func run() async throws {
        let roster = try Roster(paths: paths)
        let (complete, wait, limit) = (complete, wait, waitSeconds)
        let report = try await withParts(of: IdentityService.self, options) { parts in
            let clock = ContinuousClock()
            let started = clock.now
            let report = try await ImportRoster(roster: roster, isComplete: complete).run(parts.database, parts.outbox)
            print(report.table)
            print("in \(started.duration(to: clock.now).formatted(.units(allowed: [.seconds, .milliseconds])))")
            if wait { try await OutboxEmptied(database: parts.database).wait(upTo: .seconds(limit)) }
            return report
        }
        for line in report.badLines { FileHandle.standardError.write(Data("\(line)\n".utf8)) }
        if !report.badLines.isEmpty { print("\(report.badLines.count) lines were not taken.") }
    }
}

extension ImportRoster.Report {
    /// The counts as a table for a terminal.
    var table: String {
        func row(_ cells: [String]) -> String {
            cells.enumerated().map { index, cell in
                let blank = String(repeating: " ", count: max(0, 10 - cell.count))
                return index == 0 ? cell + blank : blank + cell
            }.joined()
        }
        var lines = [row(["", "new", "changed", "as before", "left"])]
        for (name, count) in [
            ("schools", schools), ("classes", classes), ("pupils", pupils), ("guardians", guardians), ("staff", staff),
        ] {
            lines.append(row([name, "\(count.added)", "\(count.changed)", "\(count.unchanged)", "\(count.ended)"]))
        }
        return lines.joined(separator: "\n")
    }
}

import ArgumentParser
import Directory
import Foundation
import Kernel
import Postgres
import Service

/// `access import-log FILE --device NAME --users USERS.csv`
struct ImportLogCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import-log", abstract: "Bring in a terminal's stored log (ATTLOG).",
        discussion: """
            The log goes through the same rules as live readings: repeats dropped, directions told from who is inside. USERS.csv \
            (user,person_number) says who is who. Importing the same log again changes nothing.
            """)

    @OptionGroup var options: ServiceOptions
    @Argument(help: "The log.") var file: String
    @Option(help: "The device it comes from, as registered.") var device: String
    @Option(help: "user,person_number: who the terminal's users are.") var users: String
    @Option(help: "Days to add to every date; an old log can be shown as a recent one.") var moveDays = 0
    @Option(help: "Leave out marks before this day (after moving).") var since: String?
    @Option(help: "Leave out marks after this day (after moving).") var until: String?

    func run() async throws {
        let log = TerminalLog(try String(contentsOfFile: file, encoding: .utf8))
        let table = CSVTable(try String(contentsOfFile: users, encoding: .utf8))
        let first = since.flatMap { Day($0) } ?? Day(daysSince1970: 0)
        let last = until.flatMap { Day($0) } ?? Day(daysSince1970: 60_000)
        let (device, moveDays) = (device, moveDays)
        let numbers = Dictionary(table.rows.map { ($0["user"], $0["person_number"]) }, uniquingKeysWith: { first, _ in first })
        try await withParts(of: AccessService.self, options) { parts in
            let found = try await parts.database.read { tx -> (Device, SchoolZone, [String: UUID])? in
                guard let known = try Device.named([device], in: tx)[device] else { return nil }
                let people = try tx.rows(
                    """
                    select roster_number, id from directory_person where roster_number = any(\(Array(numbers.values))) and not ended
                    """, as: String.self, UUID.self)
                return (
                    known, try Directory.zone(of: known.schoolID, in: tx),
                    Dictionary(people.map { ($0.0, $0.1) }, uniquingKeysWith: { first, _ in first })
                )
            }
            guard let (_, zone, people) = found else { throw ValidationError("there is no device «\(device)»: register it first") }
            let now = Date()
            var unknown = Set<String>()
            var arrivals: [RecordReadings.Arrival] = []
            for mark in log.marks {
                let day = mark.day.adding(days: moveDays)
                guard first <= day, day <= last else { continue }
                guard let person = numbers[mark.user].flatMap({ people[$0] }) else {
                    unknown.insert(mark.user)
                    continue
                }
                let time = zone.date(day, mark.time).addingTimeInterval(TimeInterval(mark.second))
                guard time <= now else { continue }
                arrivals.append(
                    RecordReadings.Arrival(
                        reading: Reading(
                            device: device, key: "\(mark.user)@\(mark.day)T\(mark.time):\(mark.second)", deviceTime: time, card: nil,
                            cardText: mark.user, direction: mark.direction, person: person),
                        // A stored log is as old as it is: it is believed wherever the clock had its power.
                        receivedAt: max(time, time.addingTimeInterval(1)), sentAt: nil, isStored: true))
            }
            var sum = RecordReadings.Result()
            for start in stride(from: 0, to: arrivals.count, by: 500) {
                let batch = RecordReadings(arrivals: Array(arrivals[start..<min(start + 500, arrivals.count)]))
                let outbox = parts.outbox
                let result = try await parts.database.transaction { try batch.run(in: $0, outbox: outbox) }
                sum.passages += result.passages
                sum.repeats += result.repeats
                sum.doubleTouches += result.doubleTouches
            }
            print("\(log.marks.count) marks read, \(arrivals.count) in the period: \(sum.passages) passages, \(sum.doubleTouches) double touches, \(sum.repeats) known already")
            if !unknown.isEmpty { print("users without a person: \(unknown.sorted().joined(separator: ", "))") }
        }
        for line in log.bad { FileHandle.standardError.write(Data("line \(line.line): \(line.reason)\n".utf8)) }
    }
}

import ArgumentParser
import Foundation
import Kernel
import Messaging
import Postgres
import RabbitMQ

/// Says the service's state again, to fill one queue of a new or restored reader.
struct RepublishCommand<S: SchoolService>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "republish", abstract: "Say the present state again, to one queue.",
            discussion: """
                Facts are said again only with --since. The running service carries what this writes; repeated messages say \
                that they are, and raise no letter and no alert.
                """)
    }

    @OptionGroup var options: ServiceOptions
    @Argument(help: "The queue: canteen.directory.") var queue: String
    @Option(help: "Facts from this day on, too: 2026-11-01.") var since: String?
    @Option(help: "Facts before this day; without it up to now.") var until: String?

    func run() async throws {
        try await withParts(of: S.self, options) { parts in
            let period = try period(in: parts.zone)
            try await Self.mustExist(parts.outbox.prefix + queue, parts.broker)
            let said = try await Republication.run(
                S.republications, to: parts.outbox.prefix + queue, period: period, outbox: parts.outbox,
                database: parts.database)
            if said.isEmpty { print("\(S.name) has nothing to say again") }
            for (name, count) in said { print("\(count)\t\(name)") }
        }
    }

    /// What is written for a queue that does not exist would stand in the outbox for ever.
    private static func mustExist(_ queue: String, _ broker: BrokerConfiguration) async throws {
        let channel = BrokerChannel(broker)
        do {
            _ = try await channel.state(ofQueue: queue)
        } catch let error as BrokerError where error.kind == .notFound {
            await channel.close()
            throw ValidationError("the broker has no queue \(queue)")
        } catch {
            await channel.close()
            throw error
        }
        await channel.close()
    }

    private func period(in zone: SchoolZone) throws -> DateInterval? {
        func start(of text: String) throws -> Date {
            guard let day = Day(text) else { throw ValidationError("«\(text)» is no day; one is 2026-11-21") }
            return zone.start(of: day)
        }
        guard let since else {
            guard until == nil else { throw ValidationError("--until without --since") }
            return nil
        }
        let begin = try start(of: since)
        let end = try until.map(start) ?? Date()
        guard begin <= end else { throw ValidationError("--since is after --until") }
        return DateInterval(start: begin, end: end)
    }
}

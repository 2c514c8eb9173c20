import ArgumentParser
import Configuration
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

    @Option(help: "Only this kind of message; may be repeated. Without it what the queue listens to.") var only: [String] = []

    func run() async throws {
        try await withParts(of: S.self, options) { parts in
            let period = try period(in: parts.zone)
            try await Self.mustExist(parts.outbox.prefix + queue, parts.broker)
            let chosen = try await chosen(parts)
            let said = try await Republication.run(
                chosen, to: parts.outbox.prefix + queue, period: period, outbox: parts.outbox,
                database: parts.database)
            if said.isEmpty { print("\(S.name) says nothing that \(queue) listens to") }
            for (name, count) in said { print("\(count)\t\(name)") }
        }
    }

    /// What the queue listens to, and nothing else: names of people must not pass through a queue of Ledger's.
    private func chosen(_ parts: Parts) async throws -> [Republication] {
        let known = S.republications.map(\.name)
        if let stranger = only.first(where: { !known.contains($0) }) {
            throw ValidationError("\(S.name) does not say \(stranger) again; it says \(known.joined(separator: ", "))")
        }
        if !only.isEmpty { return S.republications.filter { only.contains($0.name) } }
        guard let management = parts.configuration.string(forKey: "rabbitmq.management", isSecret: true) else {
            throw ValidationError("without rabbitmq.management the queue's bindings are unknown: name the messages with --only")
        }
        let prefix = parts.outbox.prefix
        let keys = try await BoundKeys.of(prefix + queue, on: prefix + "school.events", management: management)
        return S.republications.filter { BoundKeys.contain($0.name, keys) }
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

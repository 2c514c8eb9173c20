import ArgumentParser
import Configuration
import Foundation
import Logging
import Messaging
import Postgres
import RabbitMQ

/// Looks whether everything the service needs is there; changes nothing.
struct CheckCommand<S: SchoolService>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "check",
            abstract: "Check configuration, database, migrations and broker objects; change nothing.")
    }

    @OptionGroup var options: ServiceOptions
    @Flag(help: "The configuration alone.") var offline = false

    func run() async throws {
        let opened = try await Opened(S.self, options)
        for line in opened.configuration.printed { print(line) }
        let parts = try opened.unconnectedParts()
        if offline { return }
        let topology = try S.topology(parts)
        let readiness = await Readiness.examine(
            [
                ReadinessCheck("database") {
                    try await Migrations.verify(S.migrations, in: opened.database)
                    return "answers, and has every migration"
                },
                ReadinessCheck("broker") { try await Self.examine(topology, parts.broker) },
            ] + S.checks(parts), limit: .seconds(20))
        await opened.database.close()
        print("")
        for finding in readiness.checks { print("\(finding.ok ? "ok    " : "FAULT ") \(finding.name): \(finding.detail)") }
        if !readiness.ready { throw ExitCode.failure }
    }

    /// Over AMQP only existence can be seen; `deploy/topology check` compares arguments, bindings and rights.
    private static func examine(_ topology: Topology, _ broker: BrokerConfiguration) async throws -> String {
        let channel = BrokerChannel(broker)
        var missing: [String] = []
        do {
            for exchange in topology.exchanges where try await !channel.exists(exchange: exchange.name) {
                missing.append("exchange \(exchange.name)")
            }
            // The rights of the service end at its own queues: the others cannot be asked for.
            let readable = Set(topology.permissions.flatMap(\.reads))
            for queue in topology.queues where readable.contains(queue.name) {
                do {
                    _ = try await channel.state(ofQueue: queue.name)
                } catch let error as BrokerError where error.kind == .notFound {
                    missing.append("queue \(queue.name)")
                }
            }
        } catch {
            await channel.close()
            throw error
        }
        await channel.close()
        guard missing.isEmpty else {
            throw NotReady("\(missing.joined(separator: ", ")): not there; run deploy/topology apply")
        }
        return "\(topology.exchanges.count) exchanges and \(topology.queues.count) queues are there"
    }
}

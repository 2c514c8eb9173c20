import ArgumentParser
import Configuration
import Executors
import Foundation
import Hummingbird
import Logging
import Messaging
import Postgres
import RabbitMQ
import ServiceLifecycle
import UnixSignals

/// Works until it is asked to stop.
struct ServeCommand<S: SchoolService>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(commandName: "serve", abstract: "Work until SIGTERM, then finish what is held and leave.")
    }

    @OptionGroup var options: ServiceOptions

    func run() async throws {
        let opened = try await Opened(S.self, options)
        for line in opened.configuration.printed { opened.logger.info("setting", metadata: ["value": "\(line)"]) }
        let parts = try await opened.parts()
        let group = try serviceGroup(S.self, parts, signals: [.sigterm, .sigint])
        opened.logger.info("\(S.name) serves at \(parts.publicAddress)/\(S.name)/")
        // Whoever asks the database waits on the thread on which he asks.
        do {
            try await withTaskExecutorPreference(SocketExecutor.shared) { try await group.run() }
        } catch is CancellationError {
            // The group says nothing of it aloud.
            opened.logger.error("\(S.name) had not left within shutdown.seconds and gave up what was under way; it comes again")
            throw ExitCode.failure
        }
        opened.logger.info("\(S.name) has left")
    }
}

/// How many batches of messages a service writes at once; more would only wait for the same processors and the same disk.
private let mostHearingConnections = 4

/// Everything a service consists of; the signals end it gracefully.
///
/// Started in this order and stopped in the reverse one: no new requests, then no new messages and the last batch
/// acknowledged, then the outbox carried off, then the connections closed.
func serviceGroup<S: SchoolService>(
    _ service: S.Type, _ parts: Parts, signals: [UnixSignal] = []
) throws -> ServiceGroup {
    let reader = parts.configuration
    let relay = Relay(parts.outbox, database: parts.database.configuration, broker: parts.broker, logger: parts.logger)
    let hearings = S.hearings(parts)
    // What is heard and what is looked at do not wait for each other's connections.
    let heard = Database(
        parts.database.configuration.byKey("hearing", poolSize: min(hearings.count, mostHearingConnections)), logger: parts.logger)
    let loops = hearings.map {
        (queue: $0.queue, loop: HearingLoop($0, outbox: parts.outbox, database: heard, broker: parts.broker, logger: parts.logger))
    }
    let checks = readinessChecks(S.self, parts, relay: relay, loops: loops)
    let health = Application(
        router: HealthServer(checks: checks, metrics: ProcessWide.metrics).router(),
        configuration: ApplicationConfiguration(
            address: .hostname(
                reader.string(forKey: "health.host", default: "127.0.0.1"),
                port: reader.int(forKey: "health.port", default: 9080))),
        logger: quiet(parts.logger))
    let pages = Application(
        router: try S.router(parts),
        configuration: ApplicationConfiguration(
            address: .hostname(
                reader.string(forKey: "http.host", default: "127.0.0.1"),
                port: reader.int(forKey: "http.port", default: 8080))),
        logger: quiet(parts.logger))

    // Between the pages, which note looks, and the relay, which carries them off.
    let looks = LookCarrier(parts.looks, database: parts.database, outbox: parts.outbox, logger: parts.logger)
    var services: [any ServiceLifecycle.Service] = [
        health, ClosingDatabase(database: parts.database), ClosingDatabase(database: heard), relay, looks,
        SweepInbox(database: parts.database, logger: parts.logger),
    ]
    services += loops.map(\.loop)
    services += S.work(parts)
    services.append(pages)
    var configuration = ServiceGroupConfiguration(
        services: services, gracefulShutdownSignals: signals, logger: parts.logger)
    configuration.maximumGracefulShutdownDuration = .seconds(reader.int(forKey: "shutdown.seconds", default: 20))
    return ServiceGroup(configuration: configuration)
}

/// The server's own start messages say nothing that ours do not.
private func quiet(_ logger: Logger) -> Logger {
    var logger = logger
    if logger.logLevel < .notice { logger.logLevel = .notice }
    return logger
}

/// What the service cannot work without.
func readinessChecks<S: SchoolService>(
    _ service: S.Type, _ parts: Parts, relay: Relay, loops: [(queue: String, loop: HearingLoop)]
) -> [ReadinessCheck] {
    let limit = Double(parts.configuration.int(forKey: "messaging.outboxAgeSeconds", default: 60))
    let migrations = S.migrations
    return [
        ReadinessCheck("database") {
            try await Migrations.verify(migrations, in: parts.database)
            return "answers, and has every migration of \(migrations.map(\.name).joined(separator: ", "))"
        },
        ReadinessCheck("broker") {
            let absent = loops.filter { !$0.loop.status.isConnected }
            if let first = absent.first {
                throw NotReady("\(absent.count) of \(loops.count) queues are not heard; \(first.queue): \(first.loop.status)")
            }
            return "\(loops.count) queues are heard"
        },
        ReadinessCheck("outbox") {
            let age = relay.oldestAge ?? 0
            if age > limit { throw NotReady("the oldest message has waited \(Int(age)) s; the broker does not take it") }
            return age == 0 ? "empty" : "the oldest message has waited \(Int(age)) s"
        },
    ]
}

extension BrokerStatus {
    /// Whether messages come; a broker that takes none for now still gives.
    var isConnected: Bool {
        switch self {
        case .connected, .blocked: true
        case .idle, .recovering, .closed: false
        }
    }
}

/// Closes the pool after everybody who uses it has left.
private struct ClosingDatabase: ServiceLifecycle.Service {
    let database: Database

    func run() async throws {
        try await gracefulShutdown()
        await database.close()
    }
}

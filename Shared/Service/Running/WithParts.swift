import Configuration
import Foundation
import Logging
import Messaging
import Postgres

/// Opens a service as its administration commands need it, runs `body`, and closes it again.
///
/// What `body` publishes is carried to the broker by the running service.
///
/// ```swift
/// struct ImportCards: AsyncParsableCommand {
///     @OptionGroup var options: ServiceOptions
///     func run() async throws {
///         try await withParts(of: AccessService.self, options) { parts in … }
///     }
/// }
/// ```
///
/// - Throws: ``ConfigurationRefused``; `Migrations.Refused` when the schema is not what the program expects.
public func withParts<S: SchoolService, T>(
    of service: S.Type, _ options: ServiceOptions, _ body: (Parts) async throws -> T
) async throws -> T {
    let opened = try await Opened(service, options)
    let outcome: Result<T, any Error>
    do {
        outcome = .success(try await body(try await opened.parts()))
    } catch {
        outcome = .failure(error)
    }
    await opened.database.close()
    return try outcome.get()
}

/// A service whose configuration has been read and whose database can be reached, but which does nothing yet.
struct Opened<S: SchoolService>: Sendable {
    let configuration: ServiceConfiguration
    let database: Database
    let logger: Logger

    init(_ service: S.Type, _ options: ServiceOptions) async throws {
        configuration = try await ServiceConfiguration.load(
            file: options.config, environment: ProcessInfo.processInfo.environment, settings: S.allSettings)
        let reader = configuration.reader
        let level = try reader.requiredString(forKey: "log.level")
        guard let level = Logger.Level(rawValue: level) else {
            throw ConfigurationRefused(faults: ["log.level: «\(level)» is none; one is info"])
        }
        ProcessWide.install(
            service: S.name, level: level,
            format: LineLogHandler.Format(configured: reader.string(forKey: "log.format", default: "auto")),
            writesSpans: reader.bool(forKey: "log.spans", default: true))
        logger = Logger(label: S.name)
        database = Database(try S.databaseConfiguration(reader), logger: logger)
    }

    /// The parts over a database whose schema is known.
    func parts() async throws -> Parts {
        try await Migrations.verify(S.migrations, in: database)
        let prefix = configuration.reader.string(forKey: "messaging.prefix", default: "")
        let outbox = try await Outbox.open(service: S.name, prefix: prefix, in: database)
        return try S.parts(configuration: configuration, database: database, outbox: outbox, logger: logger)
    }

    /// The parts without asking the database anything: enough to know what is heard and served.
    func unconnectedParts() throws -> Parts {
        let prefix = configuration.reader.string(forKey: "messaging.prefix", default: "")
        return try S.parts(
            configuration: configuration, database: database, outbox: Outbox(service: S.name, prefix: prefix),
            logger: logger)
    }
}

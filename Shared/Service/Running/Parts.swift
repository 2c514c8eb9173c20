import Configuration
import Directory
import Foundation
import Kernel
import Logging
import Messaging
import Postgres
import RabbitMQ
import Web

/// What a service works with; the same for serving, administration and tests.
public struct Parts: Sendable {
    /// The service's own schema.
    public let database: Database
    /// Where its facts leave from.
    public let outbox: Outbox
    /// Its templates, catalogues and assets.
    public let pages: Pages
    /// Every setting, defaults included: `string(forKey:)`, `int(forKey:)`, `bool(forKey:)`.
    public let configuration: ConfigReader
    public let logger: Logger
    /// The time zone of a school that has not told its own.
    public let zone: SchoolZone
    /// `https://cabinet.example`, without a slash at the end.
    public let publicAddress: String
    /// Who looked at which child, on its way to the access log (BY-10).
    public let looks: LookBook
    /// Where the broker is.
    let broker: BrokerConfiguration
}

extension SchoolService {
    /// The migrations of the service's schema, in their order: what everybody has, then its own.
    public static var migrations: [Migrations] {
        [.messaging, DirectoryParts.migrations, Migrations(name, in: bundle)]
    }

    /// The parts over a test's database, with every setting at its default but those given.
    ///
    /// - Parameters:
    ///   - settings: values by key.
    ///   - outbox: another than one with the first epoch.
    public static func parts(
        database: Database, settings: [String: String] = [:], outbox: Outbox? = nil
    ) async throws -> Parts {
        let byVariable = Dictionary(
            allSettings.compactMap { setting in settings[setting.key].map { (setting.variable, $0) } },
            uniquingKeysWith: { $1 })
        if let stranger = settings.keys.first(where: { key in !allSettings.contains { $0.key == key } }) {
            throw ConfigurationRefused(faults: ["\(stranger) is not a key of \(name)"])
        }
        let standard = [
            "POSTGRES_URL": database.configuration.conninfo, "RABBITMQ_URL": "amqp://nobody@127.0.0.1:1",
            "HTTP_PUBLIC_ADDRESS": "https://localhost",
        ]
        // A secret that only an installation can make.
        let invented = Dictionary(
            settingsWithoutValue.map { ($0.variable, "of-this-test-\($0.key)") }, uniquingKeysWith: { $1 })
        let environment = invented.merging(standard) { $1 }.merging(byVariable) { $1 }
        let configuration = try await ServiceConfiguration.load(file: nil, environment: environment, settings: allSettings)
        return try parts(
            configuration: configuration, database: database, outbox: outbox ?? Outbox(service: name),
            logger: Logger(label: name))
    }

    private static var settingsWithoutValue: [Setting] { settings.filter { $0.isRequired && $0.standard == nil } }

    /// Puts the parts together.
    static func parts(
        configuration: ServiceConfiguration, database: Database, outbox: Outbox, logger: Logger
    ) throws -> Parts {
        let reader = configuration.reader
        let zone = try reader.requiredString(forKey: "school.timeZone")
        guard let zone = SchoolZone(zone) else {
            throw ConfigurationRefused(faults: ["school.timeZone: «\(zone)» is no time zone; one is Europe/Moscow"])
        }
        var address = try reader.requiredString(forKey: "http.publicAddress")
        while address.hasSuffix("/") { address.removeLast() }
        let broker: BrokerConfiguration
        do {
            broker = try BrokerConfiguration(
                url: reader.requiredString(forKey: "rabbitmq.url", isSecret: true), name: name,
                trustedAuthority: reader.string(forKey: "rabbitmq.authority"))
        } catch let error as BrokerError {
            throw ConfigurationRefused(faults: ["rabbitmq.url: \(error)"])
        }
        return Parts(
            database: database, outbox: outbox, pages: try Pages(bundle, prefix: "/\(name)"), configuration: reader, logger: logger,
            zone: zone, publicAddress: address, looks: LookBook(), broker: broker)
    }

    /// How the schema is reached, from the configuration.
    static func databaseConfiguration(_ reader: ConfigReader) throws -> DatabaseConfiguration {
        DatabaseConfiguration(
            conninfo: try reader.requiredString(forKey: "postgres.url", isSecret: true),
            poolSize: reader.int(forKey: "postgres.poolSize", default: 6),
            acquireTimeout: .seconds(reader.int(forKey: "postgres.acquireSeconds", default: 5)),
            statementTimeout: .seconds(reader.int(forKey: "postgres.statementSeconds", default: 30)),
            schema: name, applicationName: "zvonok \(name)")
    }
}

import ArgumentParser
import Configuration
import Foundation
import Logging
import Messaging
import Postgres
import RabbitMQ
import Testing

@testable import Service

@Suite("Command line") struct CommandLineTests {
    @Test("every service understands the same commands", arguments: [
        ["serve"], ["serve", "--config", "x.yaml"], ["migrate", "--admin", "host=db"], ["check"], ["check", "--offline"],
        ["settings"], ["settings", "--json"], ["topology", "--definitions"], ["republish", "canteen.directory"],
        ["republish", "notifier.feed", "--since", "2026-11-01", "--until", "2026-11-21"], ["dead-letters", "list"],
        ["dead-letters", "show", "id", "--queue", "bell.sessions"], ["dead-letters", "replay", "--all"],
        ["dead-letters", "drop", "id"], ["raise-epoch"],
    ])
    func understood(_ arguments: [String]) throws {
        _ = try CommandLineOf<BellService>.parseAsRoot(arguments)
    }

    @Test("only what a queue listens to is said again", arguments: [
        ("identity.person.changed.v1", ["identity.pupil.changed.v1"], false),
        ("identity.pupil.changed.v1", ["identity.pupil.changed.v1"], true), ("identity.pupil.changed.v1", ["identity.#"], true),
        ("identity.pupil.changed.v1", ["*.pupil.changed.v1"], true), ("identity.pupil.changed.v1", ["identity.*"], false),
        ("identity.pupil.changed.v1", [], false),
    ])
    func boundKeys(name: String, keys: [String], isSaid: Bool) { #expect(BoundKeys.contain(name, keys) == isSaid) }

    @Test("throwing away needs a name or --all", arguments: [
        ["dead-letters", "drop"], ["dead-letters", "replay", "id", "--all"], ["republish"],
    ])
    func refused(_ arguments: [String]) {
        #expect(throws: (any Error).self) { try CommandLineOf<BellService>.parseAsRoot(arguments) }
    }

    @Test("the example of the settings is a configuration that works once the secrets stand in it")
    func exampleIsValid() async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).yaml")
        defer { try? FileManager.default.removeItem(at: file) }
        let settings = BellService.allSettings.sorted { $0.key < $1.key }
        try SettingsCommand<BellService>.example(settings).write(to: file, atomically: true, encoding: .utf8)
        let configuration = try await ServiceConfiguration.load(file: file.path, environment: [:], settings: settings)
        #expect(configuration.reader.int(forKey: "bell.volume") == 60)
        #expect(configuration.reader.string(forKey: "bell.secret") == "…")
    }

    @Test("a value is found in every form of libpq's connection strings", arguments: [
        ("host=db password=secret user=x", "secret"), ("password='it''s' host=db", "it"),
        ("password = 'a \\'b\\' c' host=db", "a 'b' c"), ("postgresql://ledger:p%40ss@db:5432/zvonok", "p@ss"),
        ("host=db user=x", nil), ("", nil),
    ] as [(String, String?)])
    func connectionStrings(text: String, password: String?) {
        #expect(ConnectionString.value(of: "password", in: text) == password)
    }

    @Test("an epoch is greater than the one before, and than one given to an earlier restore of the same backup")
    func epochs() {
        let now = Date(timeIntervalSince1970: 1_795_000_000)
        #expect(Epoch.next(after: 1, at: now) > 16_000)
        #expect(Epoch.next(after: 1, at: now.addingTimeInterval(3600)) > Epoch.next(after: 1, at: now))
        #expect(Epoch.next(after: 900_000, at: now) == 900_001)
    }

    @Test("a service's share of the broker names its queues, its dead, and what it may say") func share() async throws {
        let parts = try BellService.parts(
            configuration: await ServiceConfiguration.load(
                file: nil,
                environment: [
                    "POSTGRES_URL": "host=db", "RABBITMQ_URL": "amqp://bell:secret@broker", "BELL_SECRET": "x",
                ], settings: BellService.allSettings),
            database: .init(.init(conninfo: "host=db"), logger: .init(label: "test")), outbox: Outbox(service: "bell"),
            logger: .init(label: "test"))
        let share = try BellService.topology(parts)
        #expect(Set(share.queues.map(\.name)).isSuperset(of: ["bell.sessions", "dead.bell.sessions", "unrouted"]))
        #expect(share.users.map(\.name) == ["bell"])
        #expect(share.users.first?.passwordHash.contains("secret") == false)
        #expect(share.grants.contains { $0.exchange == "school.events" && $0.keys == ["bell\\..+"] })
        #expect(share.grants.contains { $0.user == "identity" && $0.exchange == "school.republish" })
    }
}

import Events
import Foundation
import Logging
import Messaging
import Postgres
import RabbitMQ
import Service
import Support

@testable import Access
@testable import Canteen
@testable import Identity
@testable import Journal
@testable import Ledger
@testable import Notifier

/// The six services over databases of their own and the real broker: what each hears and says, as in its process. Each can be
/// stopped and started again.
actor SixServices {
    /// One service: its database, its outbox, what it hears.
    struct Member: Sendable {
        let name: String
        let database: Database
        let outbox: Outbox
        let hearings: [Hearing]
    }

    nonisolated let members: [String: Member]
    private let broker: BrokerConfiguration
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    private var running: [String: Task<Void, Never>] = [:]

    /// Runs a test among services that hear these queues; afterwards nothing of it is left.
    ///
    /// - Parameter hears: which of a service's queues are made.
    static func with(hears: @escaping @Sendable (_ queue: String) -> Bool, _ body: @Sendable (SixServices) async throws -> Void) async throws {
        let prefix = "j\(UUID().uuidString.prefix(8).lowercased())."
        try await TestDatabase.with(IdentityService.migrations) { identity in
            try await TestDatabase.with(LedgerService.migrations) { ledger in
                try await TestDatabase.with(CanteenService.migrations) { canteen in
                    try await TestDatabase.with(AccessService.migrations) { access in
                        try await TestDatabase.with(JournalService.migrations) { journal in
                            try await TestDatabase.with(NotifierService.migrations) { notifier in
                                let members = [
                                    try await member(IdentityService.self, identity, prefix, hears), try await member(LedgerService.self, ledger, prefix, hears),
                                    try await member(CanteenService.self, canteen, prefix, hears), try await member(AccessService.self, access, prefix, hears),
                                    try await member(JournalService.self, journal, prefix, hears), try await member(NotifierService.self, notifier, prefix, hears),
                                ]
                                try await SixServices(members).run(prefix, body)
                            }
                        }
                    }
                }
            }
        }
    }

    private static func member<S: SchoolService>(
        _ service: S.Type, _ database: TestDatabase, _ prefix: String, _ hears: @Sendable (String) -> Bool
    ) async throws -> Member {
        let outbox = Outbox(service: S.name, prefix: prefix)
        let parts = try await S.parts(database: database.database, outbox: outbox)
        return Member(name: S.name, database: database.database, outbox: outbox, hearings: S.hearings(parts).filter { hears($0.queue) })
    }

    private init(_ members: [Member]) throws {
        self.members = Dictionary(uniqueKeysWithValues: members.map { ($0.name, $0) })
        broker = try BrokerConfiguration(url: TestServers.amqp, name: "test")
    }

    private func run(_ prefix: String, _ body: @Sendable (SixServices) async throws -> Void) async throws {
        var topology = Topology.shared
        for hearing in members.values.flatMap(\.hearings) { topology = try topology.merging(hearing.topology) }
        topology = topology.prefixed(by: prefix)
        // What may heal waits a second at each level, not up to ten minutes.
        for index in topology.queues.indices where topology.queues[index].arguments["x-message-ttl"] != nil {
            topology.queues[index].arguments["x-message-ttl"] = .number(1000)
        }
        let channel = BrokerChannel(broker)
        try await channel.declare(topology)
        for name in members.keys { start(name) }
        var failure: (any Error)?
        do { try await body(self) } catch { failure = error }
        for name in members.keys { await stop(name) }
        try await channel.delete(queues: topology.queues.map(\.name), exchanges: topology.exchanges.map(\.name))
        await channel.close()
        if let failure { throw failure }
    }

    nonisolated func member(_ name: String) -> Member {
        guard let member = members[name] else { fatalError("there is no service \(name)") }
        return member
    }

    /// The service hears and says again, from where it stopped.
    func start(_ name: String) {
        guard running[name] == nil else { return }
        let (member, broker, logger) = (member(name), broker, logger)
        let relay = Relay(member.outbox, database: member.database.configuration, broker: broker, logger: logger)
        let loops = member.hearings.map {
            HearingLoop($0, outbox: member.outbox, database: member.database, broker: broker, logger: logger)
        }
        running[name] = Task {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { try? await relay.run() }
                for loop in loops { group.addTask { try? await loop.run() } }
            }
        }
    }

    /// The service neither hears nor says anything; what is for it waits in the broker.
    func stop(_ name: String) async {
        guard let task = running.removeValue(forKey: name) else { return }
        task.cancel()
        await task.value
    }
}

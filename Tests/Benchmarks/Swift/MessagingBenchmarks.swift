import ArgumentParser
import Events
import Executors
import Foundation
import Kernel
import Messaging
import Postgres
import RabbitMQ
import Synchronization

/// A small service of the benchmark's own: its tables, its outbox and the one queue that it listens to.
struct Place: ParsableArguments {
    @Option(help: "libpq's connection string, with a database of the benchmark's own.") var conninfo: String
    @Option(help: "The broker's address.") var amqp: String

    /// Stands before the names of all exchanges and queues.
    static let prefix = "bench."
    static let queue = "canteen.ledger"
    static let outbox = Outbox(service: "ledger", prefix: prefix)

    static let tables = Migrations(
        "benchmarks",
        files: [
            (
                "001-benchmarks",
                """
                create table figure (id bigint primary key, value bigint not null);
                insert into figure select id, 0 from generate_series(1, 100000) as id;
                create table balance (account_id uuid primary key, version bigint not null, kopecks bigint not null);
                """
            )
        ])

    func broker() throws -> BrokerConfiguration { try BrokerConfiguration(url: amqp, name: "benchmark") }
    func database() -> Database { Database(DatabaseConfiguration(conninfo: conninfo).byKey("hearing", poolSize: 4), logger: quietLogger()) }

    /// A projection as the services keep it: the newest state of each account, set-based.
    ///
    /// - Parameter heard: called with the size of each batch, in its transaction.
    static func hearing(
        heard: @escaping @Sendable (Int) -> Void = { _ in }, afterBatch: (@Sendable (Database) async -> Void)? = nil
    ) -> Hearing {
        Hearing(
            queue: queue, afterBatch: afterBatch,
            [
                .batch(AccountChanged.self) { changes, transaction, _ in
                    let accounts = changes.map(\.event.account.accountID)
                    let versions = changes.map(\.version)
                    let balances = changes.map(\.event.account.balance)
                    try transaction.execute(
                        """
                        insert into balance (account_id, version, kopecks)
                        select distinct on (id) id, version, kopecks
                        from unnest(\(accounts), \(versions), \(balances)) as said (id, version, kopecks)
                        order by id, version desc
                        on conflict (account_id) do update set version = excluded.version, kopecks = excluded.kopecks
                        where excluded.version > balance.version
                        """)
                    heard(changes.count)
                }
            ])
    }
}

struct Prepare: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Makes tables, exchanges and queue, or empties them when they are there.")
    @OptionGroup var place: Place

    func run() async throws {
        let database = place.database()
        try await Migrations.apply([.messaging, Place.tables], to: database)
        try await database.execute("truncate outbox, inbox, balance")
        await database.close()
        let channel = BrokerChannel(try place.broker())
        let topology = try Topology.shared.merging(Place.hearing().topology).prefixed(by: Place.prefix)
        // A new queue each time: a quorum queue that held much goes on tidying up after it is empty.
        try await channel.delete(queues: [Place.prefix + Place.queue])
        try await channel.declare(topology)
        await channel.close()
    }
}

struct Say: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Fills the outbox with changes of 800 accounts.")
    @OptionGroup var place: Place
    @Option(help: "How many messages.") var messages = 60_000

    func run() async throws {
        let database = place.database()
        let school = UUID.v7()
        let day = AccountChanged.example.account.day
        let accounts = (0..<800).map { _ in (account: UUID.v7(), person: UUID.v7()) }
        let start = ContinuousClock.now
        for first in stride(from: 0, to: messages, by: 1000) {
            let numbers = first..<min(first + 1000, messages)
            let events = numbers.map { number in
                let (account, person) = accounts[number % accounts.count]
                return AccountChanged(
                    account: AccountState(
                        accountID: account, version: Int64(number / accounts.count + 1), personID: person, schoolID: school,
                        accountNumber: String(4_000_000_000 + number % accounts.count),
                        balance: Money(kopecks: Int64(100_000 + number)), dailyLimit: Money(kopecks: 30_000),
                        spentToday: Money(kopecks: Int64(number % 30_000)), day: day, isOpen: true))
            }
            try await database.transaction { try Place.outbox.publish(events, in: $0) }
        }
        // The rows lie as they would after a while: known to the planner.
        try await database.execute("analyze outbox")
        try Measurement(count: messages, in: .now - start).show()
        await database.close()
    }
}

struct RelayOutbox: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "relay", abstract: "Carries the outbox to the broker until it is empty.")
    @OptionGroup var place: Place
    @Option(help: "How many messages there are.") var messages = 60_000

    func run() async throws {
        let relay = Relay(
            Place.outbox, database: DatabaseConfiguration(conninfo: place.conninfo), broker: try place.broker(),
            logger: quietLogger())
        let start = ContinuousClock.now
        var count = 0
        while count < messages {
            let moved = try await relay.carry()
            guard moved > 0 else { throw Stuck(description: "the outbox had only \(count) messages") }
            count += moved
        }
        try Measurement(count: count, in: .now - start).show()
    }
}

struct Inbox: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Hears what is in the queue: inbox and projection in one transaction a batch.")
    @OptionGroup var place: Place
    @Option(help: "How many messages there are.") var messages = 60_000

    func run() async throws {
        let database = place.database()
        let handled = Handled(expecting: messages)
        let hearing = Place.hearing(heard: { handled.add($0) }, afterBatch: { _ in handled.commit() })
        let loop = HearingLoop(
            hearing, outbox: Place.outbox, database: database, broker: try place.broker(), logger: quietLogger())
        let start = ContinuousClock.now
        let running = Task(executorPreference: SocketExecutor.shared) { try await loop.run() }
        guard await handled.all.wait(upTo: .seconds(60)) else {
            throw Stuck(description: "only \(handled.count) messages were handled within a minute")
        }
        try Measurement(count: handled.count, in: .now - start).show()
        running.cancel()
        try await running.value
        await database.close()
    }
}

/// How many messages were handled: counted when their batch has been committed and acknowledged.
private final class Handled: Sendable {
    private let total = Mutex((open: 0, committed: 0))
    private let expected: Int
    let all = CommitSignal()

    init(expecting expected: Int) { self.expected = expected }

    var count: Int { total.withLock { $0.committed } }
    func add(_ number: Int) { total.withLock { $0.open += number } }
    func commit() {
        let isAll = total.withLock { total in
            total.committed = total.open
            return total.committed >= expected
        }
        if isAll { all.fire() }
    }
}

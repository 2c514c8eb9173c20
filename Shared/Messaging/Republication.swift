public import Events
public import Foundation
import Kernel
public import Postgres

/// What an owner can say again: its present state, to fill one reader's queue.
///
/// Between an opening and a closing marker everything that exists is named, ended things included where they are kept as
/// such; what was not named has ended.
public struct Republication: Sendable {
    /// The name of the event that is said again.
    public let name: String
    let say: @Sendable (Outbox, Database, String, DateInterval?) async throws -> Int

    /// How many states are read and said in one transaction.
    private static let page = 500

    /// States, read in pages after an aggregate's identifier, in its order.
    public static func of<E: VersionedEvent>(
        _ type: E.Type, _ page: @escaping @Sendable (borrowing Transaction, _ after: UUID?, _ limit: Int) throws -> [E]
    ) -> Republication {
        Republication(name: E.name) { outbox, database, queue, _ in
            let run = UUID.v7()
            try await database.transaction { transaction in
                try outbox.republish([RepublicationOpened(run: run, event: E.name)], to: queue, run: run, in: transaction)
            }
            var after: UUID?
            var count = 0
            while true {
                let last = after
                let events = try await database.transaction { transaction -> [E] in
                    let events = try page(transaction, last, Self.page)
                    try outbox.republish(events, to: queue, run: run, in: transaction)
                    return events
                }
                count += events.count
                guard let end = events.last, events.count == Self.page else { break }
                after = end.aggregate
            }
            let named = count
            try await database.transaction { transaction in
                try outbox.republish(
                    [RepublicationClosed(run: run, event: E.name, count: named)], to: queue, run: run, in: transaction)
            }
            return named
        }
    }

    /// Facts of a period, read in pages.
    public static func facts<E: Event>(
        _ type: E.Type,
        _ page: @escaping @Sendable (borrowing Transaction, _ period: DateInterval, _ after: UUID?, _ limit: Int) throws -> [E]
    ) -> Republication {
        Republication(name: E.name) { outbox, database, queue, period in
            guard let period else { return 0 }
            let run = UUID.v7()
            var after: UUID?
            var count = 0
            while true {
                let last = after
                let events = try await database.transaction { transaction -> [E] in
                    let events = try page(transaction, period, last, Self.page)
                    try outbox.republish(events, to: queue, run: run, in: transaction)
                    return events
                }
                count += events.count
                guard let end = events.last, events.count == Self.page else { return count }
                after = end.aggregate
            }
        }
    }

    /// Says everything again to one queue; gives how many messages of each name.
    ///
    /// - Parameter period: for facts; without one only states are said.
    public static func run(
        _ all: [Republication], to queue: String, period: DateInterval? = nil, outbox: Outbox, database: Database
    ) async throws -> [(name: String, count: Int)] {
        var said: [(name: String, count: Int)] = []
        for one in all { said.append((one.name, try await one.say(outbox, database, queue, period))) }
        return said
    }

    /// How long a closing marker waits for states that were named and have not been handled.
    private static let longestRun: TimeInterval = 86400

    /// Remembers which aggregates a run has named. Each message says its run, so it does not matter whether another copy
    /// has handled the opening marker yet.
    static func note<E: Event>(_ events: [Received<E>], queue: String, in transaction: borrowing Transaction) throws {
        guard E.self is any VersionedEvent.Type else { return }
        var runs: [UUID] = []
        var named: [UUID] = []
        for event in events where event.isRepublished {
            guard let run = event.cause.correlationID.flatMap(UUID.init(uuidString:)) else { continue }
            runs.append(run)
            named.append(event.event.aggregate)
        }
        guard !runs.isEmpty else { return }
        try transaction.execute(
            """
            insert into republished (run_id, queue, aggregate_id)
            select run, \("\(queue)/\(E.name)"), named from unnest(\(runs), \(named)) as said (run, named)
            on conflict do nothing
            """)
    }

    /// The run has begun.
    static func open(_ opened: RepublicationOpened, queue: String, in transaction: borrowing Transaction) throws {
        try transaction.execute(
            """
            insert into republished (run_id, queue, aggregate_id)
            values (\(opened.run), \("\(queue)/\(opened.event)"), \(opened.run)) on conflict do nothing
            """)
    }

    /// Everything was named: what was not has ended.
    ///
    /// - Throws: ``NotYet`` while another copy is still handling what was named, or a name waits at a retry level;
    ///   ``Unacceptable`` when that has lasted a day.
    static func close(
        _ closed: RepublicationClosed, hearing: Hearing, in transaction: borrowing Transaction
    ) throws {
        let key = "\(hearing.queue)/\(closed.event)"
        let named = try transaction.first(
            """
            select count(*) from republished where run_id = \(closed.run) and queue = \(key) and aggregate_id <> run_id
            """, as: Int.self) ?? 0
        guard named >= closed.count else {
            let missing = "\(closed.count - named) of \(closed.count) named states have not been handled"
            if let begun = closed.run.moment, -begun.timeIntervalSinceNow > longestRun {
                throw Unacceptable("\(missing) in a day; see what was parked, then republish again")
            }
            throw NotYet("\(missing) yet")
        }
        let subscription = hearing.subscriptions.first { $0.name == closed.event }
        try subscription?.endUnnamed?(closed.run, transaction)
        try transaction.execute("delete from republished where run_id = \(closed.run) and queue = \(key)")
    }
}

/// From here on an owner names all its states of one kind.
struct RepublicationOpened: Event {
    static let name = "messaging.republication.opened.v1"
    let run: UUID
    let event: String
    var aggregate: UUID { run }
    static var example: RepublicationOpened { RepublicationOpened(run: UUID(uuid: (1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)), event: "x") }
}

/// So many were named; what was not has ended.
struct RepublicationClosed: Event {
    static let name = "messaging.republication.closed.v1"
    let run: UUID
    let event: String
    let count: Int
    var aggregate: UUID { run }
    static var example: RepublicationClosed {
        RepublicationClosed(run: UUID(uuid: (1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)), event: "x", count: 1)
    }
}

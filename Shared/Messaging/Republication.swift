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
                try outbox.republish([RepublicationOpened(run: run, event: E.name)], to: queue, in: transaction)
            }
            var after: UUID?
            var count = 0
            while true {
                let last = after
                let events = try await database.transaction { transaction -> [E] in
                    let events = try page(transaction, last, Self.page)
                    try outbox.republish(events, to: queue, in: transaction)
                    return events
                }
                count += events.count
                guard let end = events.last, events.count == Self.page else { break }
                after = end.aggregate
            }
            let named = count
            try await database.transaction { transaction in
                try outbox.republish([RepublicationClosed(run: run, event: E.name, count: named)], to: queue, in: transaction)
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
            var after: UUID?
            var count = 0
            while true {
                let last = after
                let events = try await database.transaction { transaction -> [E] in
                    let events = try page(transaction, period, last, Self.page)
                    try outbox.republish(events, to: queue, in: transaction)
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

    /// Remembers which aggregates an open run has named.
    static func note<E: Event>(_ events: [Received<E>], in transaction: borrowing Transaction) throws {
        let again = events.filter(\.isRepublished)
        guard !again.isEmpty, E.self is any VersionedEvent.Type else { return }
        try transaction.execute(
            """
            insert into republished (run_id, queue, aggregate_id)
            select run_id, open.queue, named from (select distinct run_id, queue from republished
                where aggregate_id = run_id and queue like \("%/" + E.name)) as open, unnest(\(again.map(\.event.aggregate))) as named
            on conflict do nothing
            """)
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

public import Events
import Foundation
import Instrumentation
import Kernel
public import Postgres
import ServiceContextModule
import Synchronization

/// Where a service says things: into a table, in the transaction of the fact itself.
///
/// The event leaves together with the data or not at all. The ``Relay`` carries it to the broker and is woken by the
/// commit. Take the row lock of the aggregate before publishing about it: then the order of the rows is the order of the
/// facts.
public struct Outbox: Sendable {
    /// `ledger`: the first word of everything it says.
    public let service: String
    /// The owner's epoch (see `owner_epoch`).
    public let epoch: Int64
    /// Put before the names of exchanges; empty but in tests.
    public let prefix: String
    /// Fired by every commit that published something.
    public let signal: CommitSignal

    public init(service: String, epoch: Int64 = 1, prefix: String = "") {
        self.service = service
        self.epoch = epoch
        self.prefix = prefix
        signal = CommitSignal()
    }

    /// The outbox of a service with the epoch that its database knows.
    public static func open(service: String, prefix: String = "", in database: Database) async throws -> Outbox {
        let epochs: [Int64] = try await database.rows("select epoch from owner_epoch", as: Int64.self)
        return Outbox(service: service, epoch: epochs.first ?? 1, prefix: prefix)
    }

    /// Says one event or sends one command.
    public func publish<E: Event>(_ event: E, cause: Cause? = nil, in transaction: borrowing Transaction) throws {
        try publish([event], cause: cause, in: transaction)
    }

    /// Says several of one kind with one statement, in their order.
    public func publish<E: Event>(_ events: [E], cause: Cause? = nil, in transaction: borrowing Transaction) throws {
        let cause = traced(cause)
        try write(events.map { ($0, cause) }, to: nil, in: transaction)
    }

    /// Says several of one kind, each with its own cause.
    public func publish<E: Event>(each events: [(E, Cause)], in transaction: borrowing Transaction) throws {
        try write(events.map { ($0.0, traced($0.1)) }, to: nil, in: transaction)
    }

    /// Says state again to one queue only; marked, so that it raises no alert.
    ///
    /// - Parameter run: the republication, which is the story that all its messages belong to.
    func republish<E: Event>(
        _ events: [E], to queue: String, run: UUID, in transaction: borrowing Transaction
    ) throws {
        let cause = Cause(correlationID: run.text)
        try write(events.map { ($0, cause) }, to: queue, in: transaction)
    }

    /// What fits into a property of AMQP: 255 bytes of whole characters. The envelope keeps all of it.
    private static func shortened(_ text: String) -> String {
        guard text.utf8.count > 255 else { return text }
        var short = String(text.prefix(255))
        while short.utf8.count > 255 { short.removeLast() }
        return short
    }

    private func write<E: Event>(
        _ events: [(E, Cause?)], to queue: String?, in transaction: borrowing Transaction
    ) throws {
        guard !events.isEmpty else { return }
        let now = Date()
        let encoder = EventCoding.encoder
        var ids: [UUID] = []
        var bodies: [Bytes] = []
        var correlations: [String?] = []
        var keys: [UUID] = []
        for (event, cause) in events {
            let id = UUID.v7(at: now)
            ids.append(id)
            correlations.append(cause?.correlationID.map(Self.shortened))
            keys.append(event.aggregate)
            bodies.append(
                Bytes(
                    try Envelope.encode(
                        event, id: id, service: service, epoch: epoch, at: now, cause: cause, isRepublished: queue != nil,
                        with: encoder)))
        }
        let exchange = queue != nil ? "school.republish" : E.self is any Command.Type ? "school.commands" : "school.events"
        try transaction.execute(
            """
            insert into outbox (event_id, exchange, routing_key, type, body, correlation_id, partition_key)
            select id, \(prefix + exchange), \(queue ?? E.name), \(E.name), body, correlation, key
            from unnest(\(ids), \(bodies), \(correlations), \(keys))
                with ordinality as said (id, body, correlation, key, position)
            order by position
            """)
        transaction.afterCommit(signal)
    }

    /// The cause, or that of the message being handled; with the trace of the running task, unless it names one.
    private func traced(_ given: Cause?) -> Cause? {
        let cause = given ?? Cause.current
        guard cause?.traceParent == nil, let context = ServiceContext.current else { return cause }
        var carrier: [String: String] = [:]
        InstrumentationSystem.instrument.inject(context, into: &carrier, using: TextInjector())
        guard let trace = carrier["traceparent"] else { return cause }
        return Cause(correlationID: cause?.correlationID, causationID: cause?.causationID, traceParent: trace)
    }
}

private struct TextInjector: Injector {
    func inject(_ value: String, forKey key: String, into carrier: inout [String: String]) { carrier[key] = value }
}

import Events
import Foundation
import Kernel
import Metrics
import Postgres
import RabbitMQ

/// What handling a batch writes: inbox rows, effects, and how often a message came without an end.
extension HearingLoop {
    /// A message, read as far as it can be without the database. A class, because it goes through many hands.
    final class Taken: Sendable {
        let delivery: Delivery
        let id: UUID?
        let type: String?
        /// The key under which it was published, also after it waited or was parked.
        let key: String
        /// Which of the hearing's subscriptions it is for; nil when nobody wants it.
        let subscription: Int?
        /// What its subscription reads it as, or why it cannot; nil until it is read.
        private let early: Result<any Sendable, any Error>?
        private let receivedAt: Date

        init(_ delivery: Delivery, hearing: Hearing, receivedAt: Date, decoder: JSONDecoder) {
            self.delivery = delivery
            id = delivery.messageID.flatMap { UUID(ascii: $0) }
            type = delivery.type ?? (delivery.properties.contentType == Envelope.contentType ? Envelope.type(of: delivery.body) : nil)
            key = delivery.headers.isEmpty ? delivery.routingKey : delivery.headers[Header.key]?.text ?? delivery.routingKey
            subscription = hearing.subscription(for: type, key: key)
            self.receivedAt = receivedAt
            let arrived = Subscription.Arrived(body: delivery.body, routingKey: key, receivedAt: receivedAt)
            // What came back may be what ended us, were it by reading it: not before it is counted.
            early = delivery.isRedelivered
                ? nil : subscription.map { place in Result { try hearing.subscriptions[place].read(arrived, decoder) } }
        }

        /// What its subscription reads it as; nil when nobody wants it.
        func content(for hearing: Hearing) throws -> (subscription: Int, read: any Sendable)? {
            guard let subscription else { return nil }
            if let early { return (subscription, try early.get()) }
            let arrived = Subscription.Arrived(body: delivery.body, routingKey: key, receivedAt: receivedAt)
            return (subscription, try hearing.subscriptions[subscription].read(arrived, EventCoding.decoder))
        }

        /// By what its attempts are counted: hardware gives no identifier, but what it says is always said in the same bytes.
        var countedAs: UUID { id ?? Self.fingerprint(key: key, body: delivery.body) }

        static func fingerprint(key: String, body: [UInt8]) -> UUID {
            .derived(
                from: UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)),
                key + " " + Data(body).base64EncodedString())
        }
    }

    /// Reads what has come; needs no database.
    func taken(_ deliveries: [Delivery]) -> [Taken] {
        let decoder = EventCoding.decoder
        let now = Date()
        return deliveries.map { Taken($0, hearing: hearing, receivedAt: now, decoder: decoder) }
    }

    /// A message that came again and again without its consumer living to say how it ended.
    struct Killer: Error, CustomStringConvertible {
        let times: Int
        var description: String { "it was taken \(times) times and never finished" }
    }

    /// Inbox rows and effects of a batch. Messages of one kind are handled together; where the order of the queue counts,
    /// only those that follow each other.
    func apply(_ all: [Taken], in transaction: borrowing Transaction) throws {
        let queue = hearing.queue
        let ids = hearing.remembers ? all.compactMap(\.id) : []
        /// Those that are new; nil when all are.
        var new: Set<UUID>?
        if !ids.isEmpty {
            let noted = try transaction.rows(
                """
                insert into inbox (queue, message_id) select \(queue), id from unnest(\(ids)) as id
                on conflict do nothing returning message_id
                """, as: UUID.self)
            if noted.count < ids.count { new = Set(noted) }
        }
        var groups: [(subscription: Int, read: [any Sendable])] = []
        for taken in all {
            if new != nil, let id = taken.id, new?.remove(id) == nil { continue }
            if try marker(taken, in: transaction) { continue }
            guard let (subscription, read) = try taken.content(for: hearing) else {
                // A newer publisher says more than we know of; an older binding still brings what nobody wants.
                ignored.increment()
                continue
            }
            let at = hearing.order == .single
                ? groups.indices.last.flatMap { groups[$0].subscription == subscription ? $0 : nil }
                : groups.firstIndex { $0.subscription == subscription }
            if let at {
                groups[at].read.append(read)
            } else {
                groups.append((subscription, [read]))
            }
        }
        for group in groups { try hearing.subscriptions[group.subscription].handle(group.read, queue, transaction, outbox) }
    }

    /// Opens and closes a republication; true when the message was a marker.
    private func marker(_ taken: Taken, in transaction: borrowing Transaction) throws -> Bool {
        let decoder = EventCoding.decoder
        switch taken.type {
        case RepublicationOpened.name:
            let opened = try Envelope.decode(taken.delivery.body, as: RepublicationOpened.self, with: decoder).event
            try Republication.open(opened, queue: hearing.queue, in: transaction)
        case RepublicationClosed.name:
            let closed = try Envelope.decode(taken.delivery.body, as: RepublicationClosed.self, with: decoder).event
            try Republication.close(closed, hearing: hearing, in: transaction)
        default: return false
        }
        return true
    }

    // MARK: Attempts

    /// Counts a message that came again, in a transaction of its own, before it may end us once more. Gives how many times
    /// it was begun and never finished.
    func begin(_ taken: Taken) async throws -> Int {
        let (queue, id) = (hearing.queue, taken.countedAs)
        let times = try await database.rows(
            """
            insert into attempted as known (queue, message_id, times) values (\(queue), \(id), 1)
            on conflict (queue, message_id) do update set times = known.times + 1, last_at = now()
            returning times
            """, as: Int.self)
        return times.first ?? 1
    }

    /// The attempt has come to an end, whatever it was: nothing is held against the message.
    func finish(_ taken: Taken, in transaction: borrowing Transaction) throws {
        try transaction.execute(
            "delete from attempted where queue = \(hearing.queue) and message_id = \(taken.countedAs)")
    }

    /// The same outside the transaction that failed, also when the task is being cancelled. If the database cannot be
    /// reached the count stays: one of the few that it takes to find a killer.
    func finish(_ taken: Taken) async {
        await Task { _ = try? await database.transaction { try self.finish(taken, in: $0) } }.value
    }
}

import Events
import Foundation
import Kernel
import Metrics
import Postgres
import RabbitMQ

/// What handling a batch writes: inbox rows, effects, and how often a message came without an end.
extension HearingLoop {
    /// A message with what is found out about it once.
    struct Taken: Sendable {
        let id: UUID?
        let type: String?
        let arrived: Subscription.Arrived

        init(_ delivery: Delivery, queue: String, receivedAt: Date) {
            let key = delivery.headers[Header.key]?.text ?? delivery.routingKey
            id = delivery.messageID.flatMap(UUID.init(uuidString:))
            type = delivery.type ?? (delivery.properties.contentType == Envelope.contentType ? Envelope.type(of: delivery.body) : nil)
            arrived = Subscription.Arrived(queue: queue, body: delivery.body, routingKey: key, receivedAt: receivedAt)
        }

        /// By what its attempts are counted: hardware gives no identifier, but what it says is always said in the same bytes.
        var countedAs: UUID { id ?? Self.fingerprint(key: arrived.routingKey, body: arrived.body) }

        static func fingerprint(key: String, body: [UInt8]) -> UUID {
            .derived(from: UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)), key + " " + Data(body).base64EncodedString())
        }
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
        let ids = all.compactMap(\.id)
        var new = Set(ids)
        if !ids.isEmpty {
            new = Set(
                try transaction.rows(
                    """
                    insert into inbox (queue, message_id) select \(queue), id from unnest(\(ids)) as id
                    on conflict do nothing returning message_id
                    """, as: UUID.self))
        }
        var groups: [(subscription: Subscription, arrived: [Subscription.Arrived])] = []
        for taken in all {
            if let id = taken.id, new.remove(id) == nil { continue }
            if try marker(taken, in: transaction) { continue }
            guard let subscription = hearing.subscription(for: taken.type, key: taken.arrived.routingKey) else {
                // A newer publisher says more than we know of; an older binding still brings what nobody wants.
                ignored.increment()
                continue
            }
            let at = hearing.order == .single
                ? groups.indices.last.flatMap { groups[$0].subscription.name == subscription.name ? $0 : nil }
                : groups.firstIndex { $0.subscription.name == subscription.name }
            if let at {
                groups[at].arrived.append(taken.arrived)
            } else {
                groups.append((subscription, [taken.arrived]))
            }
        }
        for group in groups { try group.subscription.handle(group.arrived, transaction, outbox) }
    }

    /// Opens and closes a republication; true when the message was a marker.
    private func marker(_ taken: Taken, in transaction: borrowing Transaction) throws -> Bool {
        let decoder = EventCoding.decoder
        switch taken.type {
        case RepublicationOpened.name:
            let opened = try Envelope.decode(taken.arrived.body, as: RepublicationOpened.self, with: decoder).event
            try Republication.open(opened, queue: hearing.queue, in: transaction)
        case RepublicationClosed.name:
            let closed = try Envelope.decode(taken.arrived.body, as: RepublicationClosed.self, with: decoder).event
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

import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// A service has said what it would carry, or that it has: the checklist goes on, and the last part ends the transfer.
struct WhenPartIsTransferred {
    let service: TransferPartner
    let part: TransferPart

    /// - Throws: `Unacceptable` when there is no such transfer.
    func react(in transaction: borrowing Transaction, _ outbox: Outbox, at now: Date) throws {
        let found = try transaction.first(
            "select state from transfer where id = \(part.transferID) and child_id = \(part.personID) for update", as: String.self)
        guard let state = found.flatMap(TransferState.init) else {
            throw Unacceptable("there is no transfer \(part.transferID.text) of this pupil")
        }
        try transaction.execute(
            """
            insert into transfer_part as t (transfer_id, service, state, version, count, balance, said_at)
            values (\(part.transferID), \(service.rawValue), \(part.state.rawValue), \(part.transferVersion), \(part.count),
                \(part.balance), \(now))
            on conflict (transfer_id, service) do update set state = excluded.state, version = excluded.version,
                count = excluded.count, balance = excluded.balance, said_at = excluded.said_at
            where excluded.version >= t.version and t.state <> 'done'
            """)
        guard let next = TransferRule.state(after: .complete, from: state) else { return }
        let arrived = try transaction.rows(
            "select service from transfer_part where transfer_id = \(part.transferID) and state = 'done'", as: String.self)
        guard Set(arrived).isSuperset(of: TransferPartner.allCases.map(\.rawValue)) else { return }
        try transaction.execute(
            "update transfer set state = \(next.rawValue), done_at = \(now), version = version + 1 where id = \(part.transferID)")
        try TransferFacts.publish([part.transferID], to: outbox, in: transaction)
    }

    /// What Identity listens to about transfers.
    static let hearing = Hearing(
        queue: "identity.transfers",
        [
            subscription(AccountTransferred.self, .ledger), subscription(CardsTransferred.self, .access),
            subscription(DietTransferred.self, .canteen), subscription(DiaryTransferred.self, .journal),
        ])

    private static func subscription<E: TransferPartEvent>(_ type: E.Type, _ service: TransferPartner) -> Subscription {
        .each(type) { received, transaction, outbox in
            try WhenPartIsTransferred(service: service, part: received.event.part).react(in: transaction, outbox, at: Date())
        }
    }
}

/// The services that keep something of a pupil.
enum TransferPartner: String, Sendable, CaseIterable {
    case ledger, access, canteen, journal
}

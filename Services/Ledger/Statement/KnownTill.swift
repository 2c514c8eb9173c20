import Events
import Foundation
import Messaging
import Postgres

/// Canteen's tills as far as a statement needs them: what they are called (AC-05).
///
/// A till that has ended stays: what was paid at it still stands in statements.
enum KnownTill {
    static let hearing = Hearing(
        queue: "ledger.tills", [.batch(TillChanged.self) { changes, tx, _ in try remember(changes, in: tx) }])

    /// Keeps the newest state of each till.
    static func remember(_ changes: [Received<TillChanged>], in transaction: borrowing Transaction) throws {
        // In the order of their ids, so that two copies never wait for each other in a ring.
        for change in changes.sorted(by: { $0.event.tillID.uuidString < $1.event.tillID.uuidString }) {
            let till = change.event
            try transaction.execute(
                """
                insert into known_till as known (id, school_id, name, version)
                values (\(till.tillID), \(till.schoolID), \(till.name), \(change.version))
                on conflict (id) do update set school_id = excluded.school_id, name = excluded.name, version = excluded.version
                where excluded.version > known.version
                """)
        }
    }
}

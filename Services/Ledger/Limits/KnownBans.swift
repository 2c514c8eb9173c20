import Events
import Foundation
import Messaging
import Postgres

/// Canteen's bans as far as the page of limits shows them beside the limit (BY-05).
enum KnownBans {
    static let hearing = Hearing(queue: "ledger.bans", [.batch(BansChanged.self) { changes, tx, _ in try remember(changes, in: tx) }])

    /// What is banned for a child, as last heard.
    static func of(_ child: UUID, in transaction: borrowing Transaction) throws -> [GoodsBan] {
        try transaction.first("select bans from known_bans where person_id = \(child)", as: JSON<[GoodsBan]>.self)?.value ?? []
    }

    /// Keeps the newest list of each child.
    static func remember(_ changes: [Received<BansChanged>], in transaction: borrowing Transaction) throws {
        // In the order of their ids, so that two copies never wait for each other in a ring.
        for change in changes.sorted(by: { $0.event.personID.uuidString < $1.event.personID.uuidString }) {
            // Of a child who is forgotten an empty list stays, so that what comes late brings nothing back.
            try transaction.execute(
                """
                insert into known_bans as known (person_id, version, bans)
                values (\(change.event.personID), \(change.version), \(JSON(change.event.ended ? [] : change.event.bans)))
                on conflict (person_id) do update set version = excluded.version, bans = excluded.bans
                where excluded.version > known.version
                """)
        }
    }
}

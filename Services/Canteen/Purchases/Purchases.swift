import Foundation
import Kernel
import Postgres

/// A child's purchases, refused attempts among them (CA-02, CA-05).
enum Purchases {
    /// Newest first, within days.
    static func of(_ person: UUID, from: Day, to: Day, in transaction: borrowing Transaction) throws -> [Sale] {
        try Sale.found(
            """
            \(Sale.columns) where person_id = \(person) and day between \(from) and \(to) and state <> 'pending'
            order by sold_at desc, id
            """, in: transaction)
    }
}

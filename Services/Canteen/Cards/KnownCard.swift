import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// Access's cards as far as the till needs them: whose number it is.
enum KnownCard {
    /// Whose card this is; nil when nobody's, or when the reader saw too little to tell two cards apart.
    static func holder(of number: CardNumber, in transaction: borrowing Transaction) throws -> UUID? {
        let cards = try transaction.rows(
            """
            select person_id, value, mask from known_card
            where low16 = \(number.low16) and status = 'active' and (valid_until is null or valid_until >= current_date - 1)
            """, as: UUID.self, Int64.self, Int64.self)
        let people = Set(
            cards.filter {
                CardNumber(value: UInt64(bitPattern: $0.1), mask: UInt64(bitPattern: $0.2)).matches(number)
            }.map { $0.0 })
        return people.count == 1 ? people.first : nil
    }

    /// Keeps the newest state of each card.
    static func remember(_ changes: [Received<CardChanged>], in transaction: borrowing Transaction) throws {
        for change in changes {
            let card = change.event
            guard let number = try? CardNumber(card.number, as: .hex) else {
                throw Unacceptable("«\(card.number)» is no card number")
            }
            try transaction.execute(
                """
                insert into known_card as known (id, person_id, value, mask, low16, status, valid_until, version)
                values (\(card.cardID), \(card.personID), \(Int64(bitPattern: number.value)),
                    \(Int64(bitPattern: number.mask)), \(number.low16), \(card.status.rawValue), \(card.validUntil),
                    \(change.version))
                on conflict (id) do update set person_id = excluded.person_id, value = excluded.value,
                    mask = excluded.mask, low16 = excluded.low16, status = excluded.status,
                    valid_until = excluded.valid_until, version = excluded.version
                where excluded.version > known.version
                """)
        }
    }
}

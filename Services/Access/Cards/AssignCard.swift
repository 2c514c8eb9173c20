import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// Someone of the school gives a card to a person, or a list of cards does.
struct AssignCard {
    let person: UUID
    let number: CardNumber
    let kind: CardKind

    /// Why a card was not given.
    enum Refused: Error, Equatable {
        /// The number is another person's, or cannot be told from another person's at a 26-bit reader.
        case belongsToSomebodyElse
    }

    /// What came of it.
    enum Outcome: Equatable, Sendable {
        case assigned(UUID)
        /// The person has this very card already.
        case unchanged(UUID)
    }

    @discardableResult
    func run(in transaction: borrowing Transaction, outbox: Outbox) throws -> Outcome {
        let alike = (try Card.candidates(for: [number], in: transaction)[number.low16] ?? [])
            .filter { $0.number.matches(number) }
        if let own = alike.first(where: { $0.personID == person }) {
            // A longer form of the same number tells more cards apart: keep the longest.
            guard number.mask.nonzeroBitCount > own.number.mask.nonzeroBitCount || own.status != .active else {
                return .unchanged(own.id)
            }
            let longest = number.mask.nonzeroBitCount > own.number.mask.nonzeroBitCount ? number : own.number
            try save(own.id, longest, version: own.version + 1, in: transaction, outbox: outbox)
            return .assigned(own.id)
        }
        guard alike.isEmpty else { throw Refused.belongsToSomebodyElse }
        let id = UUID.v7()
        try save(id, number, version: 1, in: transaction, outbox: outbox)
        return .assigned(id)
    }

    private func save(
        _ id: UUID, _ number: CardNumber, version: Int64, in transaction: borrowing Transaction, outbox: Outbox
    ) throws {
        try transaction.execute(
            """
            insert into card (id, person_id, number, value, mask, low16, kind, status, version)
            values (\(id), \(person), \(number.text), \(Int64(bitPattern: number.value)),
                \(Int64(bitPattern: number.mask)), \(number.low16), \(kind.rawValue), 'active', \(version))
            on conflict (id) do update set number = excluded.number, value = excluded.value, mask = excluded.mask,
                kind = excluded.kind, status = 'active', version = excluded.version, changed_at = now()
            """)
        try outbox.publish(
            CardChanged(
                cardID: id, version: version, personID: person, number: number.text, kind: kind, status: .active,
                validUntil: nil, ended: false), in: transaction)
    }
}

/// A card is lost, found again, or given back.
struct ChangeCard {
    let card: UUID
    let status: CardStatus

    /// Gives the card as it is now; nil when there is no such card.
    @discardableResult
    func run(in transaction: borrowing Transaction, outbox: Outbox) throws -> Card? {
        guard let card = try Card.card(card, in: transaction) else { return nil }
        guard card.status != status, card.status != .ended else { return card }
        try transaction.execute(
            """
            update card set status = \(status.rawValue), version = version + 1, changed_at = now()
            where id = \(card.id)
            """)
        guard let changed = try Card.card(card.id, in: transaction) else { return nil }
        try outbox.publish(changed.changed, in: transaction)
        return changed
    }
}

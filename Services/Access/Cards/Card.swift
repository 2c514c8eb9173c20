import Events
import Foundation
import Kernel
import Postgres

/// A carrier of a number (card, bracelet, fob) and whose it is.
struct Card: Sendable, Equatable {
    let id: UUID
    let personID: UUID
    let number: CardNumber
    let kind: CardKind
    let status: CardStatus
    let validUntil: Day?
    let version: Int64

    /// Whose card a number is: of the cards that agree with it the one that agrees on the most bits.
    ///
    /// A 26-bit reader sees too little to tell two cards with the same low bits apart; then nobody is named rather
    /// than the wrong child.
    static func holder(of number: CardNumber, among cards: [Card], at time: Date) -> UUID? {
        let possible = cards.filter { $0.status == .active && $0.number.matches(number) }
        let people = Set(possible.map(\.personID))
        return people.count == 1 ? people.first : nil
    }

    /// The cards that could be one of these numbers, by their low 16 bits.
    static func candidates(
        for numbers: [CardNumber], in transaction: borrowing Transaction
    ) throws -> [Int: [Card]] {
        guard !numbers.isEmpty else { return [:] }
        let cards = try found(
            "\(columns) where status <> 'ended' and low16 = any(\(Array(Set(numbers.map(\.low16)))))", in: transaction)
        return Dictionary(grouping: cards, by: \.number.low16)
    }

    /// A person's cards, newest first.
    static func all(of person: UUID, in transaction: borrowing Transaction) throws -> [Card] {
        try found("\(columns) where person_id = \(person) order by changed_at desc", in: transaction)
    }

    /// Whose card it is; nil when there is no such card.
    static func person(of id: UUID, in transaction: borrowing Transaction) throws -> UUID? {
        try transaction.first("select person_id from card where id = \(id)", as: UUID.self)
    }

    static func card(_ id: UUID, in transaction: borrowing Transaction) throws -> Card? {
        try found("\(columns) where id = \(id) for update", in: transaction).first
    }

    /// A page of all cards, for republishing.
    static func page(after: UUID?, limit: Int, in transaction: borrowing Transaction) throws -> [Card] {
        try found(
            "\(columns) where \(after)::uuid is null or id > \(after)::uuid order by id limit \(limit)", in: transaction)
    }

    /// The card as everyone else hears of it.
    var changed: CardChanged {
        CardChanged(
            cardID: id, version: version, personID: personID, number: number.text, kind: kind, status: status,
            validUntil: validUntil, ended: status == .ended)
    }

    private static let columns: SQL = """
        select id, person_id, value, mask, kind, status, valid_until, version from card
        """

    private static func found(_ sql: SQL, in transaction: borrowing Transaction) throws -> [Card] {
        try transaction.rows(
            sql, as: UUID.self, UUID.self, Int64.self, Int64.self, String.self, String.self, Day?.self, Int64.self
        ).map {
            Card(
                id: $0.0, personID: $0.1,
                number: CardNumber(value: UInt64(bitPattern: $0.2), mask: UInt64(bitPattern: $0.3)),
                kind: CardKind(rawValue: $0.4) ?? .serviceCard, status: CardStatus(rawValue: $0.5) ?? .ended,
                validUntil: $0.6, version: $0.7)
        }
    }
}

import Events
import Foundation
import Kernel
import Postgres

/// Something sold to a child, from the till's request to its end.
struct Sale: Sendable, Equatable {
    enum State: String, Sendable {
        /// Ledger has not answered yet.
        case pending
        case completed
        case refused
    }

    let id: UUID
    let schoolID: UUID
    let tillID: UUID?
    let tillName: String
    let personID: UUID
    let kind: PurchaseKind
    let meal: String?
    let amount: Money
    let items: [SoldItem]
    let soldAt: Date
    let day: Day
    let state: State
    let reason: DeclineReason?
    let available: Money?
    let limitLeft: Money?

    static let columns: SQL = """
        select id, school_id, till_id, till_name, person_id, kind, meal, amount_kopecks, items, sold_at, day, state, reason,
            available_kopecks, limit_left_kopecks
        from sale
        """

    static func found(_ sql: SQL, in transaction: borrowing Transaction) throws -> [Sale] {
        try transaction.rows(
            sql, as: UUID.self, UUID.self, UUID?.self, String.self, UUID.self, String.self, String?.self, Money.self,
            JSON<[SoldItem]>.self, Date.self, Day.self, String.self, String?.self, Money?.self, Money?.self
        ).map {
            Sale(
                id: $0.0, schoolID: $0.1, tillID: $0.2, tillName: $0.3, personID: $0.4,
                kind: PurchaseKind(rawValue: $0.5) ?? .personal, meal: $0.6, amount: $0.7, items: $0.8.value,
                soldAt: $0.9, day: $0.10, state: State(rawValue: $0.11) ?? .pending,
                reason: $0.12.flatMap(DeclineReason.init(rawValue:)), available: $0.13, limitLeft: $0.14)
        }
    }

    static func sale(_ id: UUID, in transaction: borrowing Transaction) throws -> Sale? {
        try found("\(columns) where id = \(id)", in: transaction).first
    }

    static func locked(_ id: UUID, in transaction: borrowing Transaction) throws -> Sale? {
        try found("\(columns) where id = \(id) for update", in: transaction).first
    }
}

/// The charge of a sale's numbered attempt: whoever computes it gets the same, so a repeat is recognised everywhere.
enum Attempt {
    static func chargeID(of sale: UUID, number: Int) -> UUID { .derived(from: sale, "attempt \(number)") }
}

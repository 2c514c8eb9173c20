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
    /// What of it the parents had banned, where that was the reason (BY-05).
    let banned: [BannedGood]

    /// In the order in which a row is read.
    static let list: SQL = """
        id, school_id, till_id, till_name, person_id, kind, meal, amount_kopecks, items, sold_at, day, state, reason,
        available_kopecks, limit_left_kopecks, banned
        """
    static let columns: SQL = "select \(list) from sale"

    static func found(_ sql: SQL, in transaction: borrowing Transaction) throws -> [Sale] {
        try transaction.rows(
            sql, as: UUID.self, UUID.self, UUID?.self, String.self, UUID.self, String.self, String?.self, Money.self,
            JSON<[SoldItem]>.self, Date.self, Day.self, String.self, String?.self, Money?.self, Money?.self, JSON<[BannedGood]>?.self
        ).map(Sale.init(row:))
    }

    /// The sale as it stands now, read by itself in one round trip.
    static func sale(_ id: UUID, _ database: Database) async throws -> Sale? {
        try await database.rows(
            "\(columns) where id = \(id)", as: UUID.self, UUID.self, UUID?.self, String.self, UUID.self, String.self,
            String?.self, Money.self, JSON<[SoldItem]>.self, Date.self, Day.self, String.self, String?.self, Money?.self,
            Money?.self, JSON<[BannedGood]>?.self
        ).first.map(Sale.init(row:))
    }

    static func sale(_ id: UUID, in transaction: borrowing Transaction) throws -> Sale? {
        try found("\(columns) where id = \(id)", in: transaction).first
    }

    static func locked(_ id: UUID, in transaction: borrowing Transaction) throws -> Sale? {
        try found("\(columns) where id = \(id) for update", in: transaction).first
    }
}

extension Sale {
    typealias Row = (
        UUID, UUID, UUID?, String, UUID, String, String?, Money, JSON<[SoldItem]>, Date, Day, String, String?, Money?, Money?,
        JSON<[BannedGood]>?
    )

    init(row: Row) {
        self.init(
            id: row.0, schoolID: row.1, tillID: row.2, tillName: row.3, personID: row.4,
            kind: PurchaseKind(rawValue: row.5) ?? .personal, meal: row.6, amount: row.7, items: row.8.value,
            soldAt: row.9, day: row.10, state: State(rawValue: row.11) ?? .pending,
            reason: row.12.flatMap(DeclineReason.init(rawValue:)), available: row.13, limitLeft: row.14,
            banned: row.15?.value ?? [])
    }
}

/// The charge of a sale's numbered attempt: whoever computes it gets the same, so a repeat is recognised everywhere.
enum Attempt {
    static func chargeID(of sale: UUID, number: Int) -> UUID { .derived(from: sale, "attempt \(number)") }
}

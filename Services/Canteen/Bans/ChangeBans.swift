import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// A guardian bans a product or a group of the buffet for his child, or lifts a ban (BY-05).
///
/// Once its transaction has ended, no sale that begins sells what is banned: the till asks for the bans in the transaction that
/// stores the sale (``Bans/holding(for:in:)``).
struct ChangeBans {
    enum Change: Sendable, Equatable {
        case set(Ban)
        case lift(UUID)
    }

    enum Refused: Error, Equatable {
        case tooMany
    }

    /// More bans than this are no list that anybody reads.
    static let most = 200

    let child: UUID
    let change: Change
    let by: UUID

    /// - Returns: whether anything is another now; what was banned or lifted before stays as it is.
    @discardableResult
    func run(in transaction: borrowing Transaction, _ outbox: Outbox, at now: Date) throws -> Bool {
        // The row is there from the first ban on, and whoever changes bans holds it alone.
        try transaction.execute(
            "insert into child_bans (person_id, version) values (\(child), 0) on conflict (person_id) do nothing")
        _ = try transaction.first("select version from child_bans where person_id = \(child) for update", as: Int64.self)
        let isChanged: Bool
        switch change {
        case .set(let ban):
            let standing = try SetBan.of(child, in: transaction)
            guard standing.count < Self.most || standing.contains(where: { $0.id == ban.id(of: child) }) else { throw Refused.tooMany }
            isChanged =
                try transaction.execute(
                    """
                    insert into ban (id, person_id, scope, name, set_by, set_at)
                    values (\(ban.id(of: child)), \(child), \(ban.scope.rawValue), \(ban.name), \(by), \(now))
                    on conflict (id) do nothing
                    """) == 1
        case .lift(let id):
            isChanged = try transaction.execute("delete from ban where id = \(id) and person_id = \(child)") == 1
        }
        guard isChanged else { return false }
        try transaction.execute("update child_bans set version = version + 1 where person_id = \(child)")
        try outbox.publish(Self.told([child], in: transaction), in: transaction)
        return true
    }
}

extension ChangeBans {
    /// The bans of children as everyone else hears of them.
    static func told(_ children: [UUID], in transaction: borrowing Transaction) throws -> [BansChanged] {
        try transaction.rows(
            "select person_id, version from child_bans where person_id = any(\(children)) order by person_id", as: UUID.self, Int64.self
        ).map { child, version in
            BansChanged(
                personID: child, version: version,
                bans: try SetBan.of(child, in: transaction).map { GoodsBan(scope: $0.ban.scope, name: $0.ban.name) })
        }
    }

    /// A page of everybody's bans, lists that have become empty too, for republishing.
    static func published(after: UUID?, limit: Int, in transaction: borrowing Transaction) throws -> [BansChanged] {
        let children = try transaction.rows(
            """
            select person_id from child_bans where version > 0 and (\(after)::uuid is null or person_id > \(after)::uuid)
            order by person_id limit \(limit)
            """, as: UUID.self)
        return try told(children, in: transaction)
    }

    /// A child is forgotten: his bans go here, and everyone who heard of them is told so.
    static func forget(_ child: UUID, in transaction: borrowing Transaction, _ outbox: Outbox) throws {
        try transaction.execute("delete from ban where person_id = \(child)")
        let version = try transaction.first("delete from child_bans where person_id = \(child) returning version", as: Int64.self)
        guard let version else { return }
        try outbox.publish(BansChanged(personID: child, version: version + 1, bans: [], ended: true), in: transaction)
    }
}

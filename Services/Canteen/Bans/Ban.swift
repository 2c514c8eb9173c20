import Events
import Foundation
import Kernel
import Postgres

/// What parents do not want to be sold to their child: a product of the buffet, or a whole group of it (BY-05).
///
/// It goes by the name, for that is what makes a product within a school (``Product/put(_:group:price:school:in:)``): so it holds
/// for one that is taken off sale and comes back, and at another school's buffet too. Meals of the menu are no goods of the
/// buffet and cannot be banned.
struct Ban: Sendable, Equatable {
    let scope: BanScope
    let name: String

    /// The same name whatever its letters' size and the spaces around and within it.
    static func key(_ name: String) -> String {
        name.split(whereSeparator: \.isWhitespace).joined(separator: " ").lowercased()
    }

    /// The one row of this ban of a child's.
    func id(of child: UUID) -> UUID { .derived(from: child, "ban \(scope.rawValue) \(Self.key(name))") }
}

/// All that a child's parents have banned, to be held against a basket.
struct Bans: Sendable, Equatable {
    private let products: Set<String>
    private let groups: Set<String>

    static let none = Bans([])

    init(_ bans: [Ban]) {
        products = Set(bans.filter { $0.scope == .product }.map { Ban.key($0.name) })
        groups = Set(bans.filter { $0.scope == .group }.map { Ban.key($0.name) })
    }

    /// Whether a product is banned; by itself, or with its group. A product without a group is banned by itself alone.
    func ban(on product: Product) -> BannedGood? {
        if products.contains(Ban.key(product.name)) { return BannedGood(item: product.id, name: product.name) }
        guard takeIn(group: product.group) else { return nil }
        return BannedGood(item: product.id, name: product.name, group: product.group)
    }

    /// Whether everything in a group is banned.
    func takeIn(group: String) -> Bool {
        let key = Ban.key(group)
        return !key.isEmpty && groups.contains(key)
    }
}

extension Bans {
    /// What holds for a sale, until the transaction ends: the child's row is locked, so a change that comes now waits for the sale,
    /// and a change that was answered before is seen.
    static func holding(for child: UUID, in transaction: borrowing Transaction) throws -> Bans {
        let version = try transaction.first(
            "select version from child_bans where person_id = \(child) for share", as: Int64.self)
        // A statement of its own, begun after the row was locked: it sees what whoever held the row has changed.
        return version == nil ? .none : Bans(try SetBan.of(child, in: transaction).map(\.ban))
    }

    /// What stands at this moment, to be shown.
    static func of(_ child: UUID, in transaction: borrowing Transaction) throws -> Bans {
        Bans(try SetBan.of(child, in: transaction).map(\.ban))
    }
}

/// A ban as it is kept.
struct SetBan: Sendable, Equatable {
    let id: UUID
    let ban: Ban
    let by: UUID
    let at: Date

    /// Groups before products, by name.
    static func of(_ child: UUID, in transaction: borrowing Transaction) throws -> [SetBan] {
        try transaction.rows(
            "select id, scope, name, set_by, set_at from ban where person_id = \(child) order by scope, name, id",
            as: UUID.self, String.self, String.self, UUID.self, Date.self
        ).compactMap { id, scope, name, by, at in
            BanScope(rawValue: scope).map { SetBan(id: id, ban: Ban(scope: $0, name: name), by: by, at: at) }
        }
    }
}

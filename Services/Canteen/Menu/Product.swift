import Foundation
import Kernel
import Postgres

/// Something of the buffet with its price.
struct Product: Sendable, Equatable {
    let id: UUID
    let name: String
    let group: String
    let price: Money

    static func all(of school: UUID, in transaction: borrowing Transaction) throws -> [Product] {
        try transaction.rows(
            """
            select id, name, product_group, price_kopecks from product where school_id = \(school) and not ended
            order by product_group, name
            """, as: UUID.self, String.self, String.self, Money.self
        ).map { Product(id: $0.0, name: $0.1, group: $0.2, price: $0.3) }
    }

    /// Puts a product on sale or changes its price; true when anything changed.
    static func put(
        _ name: String, group: String, price: Money, school: UUID, in transaction: borrowing Transaction
    ) throws -> Bool {
        try transaction.execute(
            """
            insert into product as known (id, school_id, name, product_group, price_kopecks)
            values (\(UUID.derived(from: school, "product \(name)")), \(school), \(name), \(group), \(price))
            on conflict (id) do update set product_group = excluded.product_group, price_kopecks = excluded.price_kopecks, ended = false
            where (known.product_group, known.price_kopecks, known.ended) is distinct from (excluded.product_group, excluded.price_kopecks, false)
            """) == 1
    }

    /// Takes a product off sale.
    static func end(_ id: UUID, school: UUID, in transaction: borrowing Transaction) throws {
        try transaction.execute("update product set ended = true where id = \(id) and school_id = \(school)")
    }
}

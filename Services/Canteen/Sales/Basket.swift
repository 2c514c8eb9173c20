import Events
import Foundation
import Kernel
import Postgres

/// What a till names when it sells: goods and how many of each; prices are ours.
struct Basket: Sendable, Equatable {
    struct Line: Sendable, Equatable, Codable {
        /// A product of the buffet or a meal of today's menu.
        let item: UUID
        let quantity: Int
    }

    /// More of one thing than this is a slip of the finger.
    static let mostOfOne = 20

    let lines: [Line]

    /// Why a basket cannot be sold.
    enum Refused: Error, Equatable {
        case empty
        case quantity(UUID)
        case unknownItem(UUID)
    }

    /// A basket with today's names and prices.
    struct Priced: Sendable, Equatable {
        let items: [SoldItem]
        let amount: Money
        /// The kind of the meal in it, if there is one; else it came from the buffet.
        let meal: MealKind?
        /// What of it is the buffet's, for parents may ban that (BY-05).
        let goods: [Product]

        /// What the statement says: «Обед, 1-4 классы; Чай с лимоном × 2».
        var description: String {
            items.map { $0.quantity == 1 ? $0.name : "\($0.name) × \($0.quantity)" }.joined(separator: "; ")
        }
    }

    /// Looks the goods up and adds them together; meals become bundles that unfold into their dishes (CA-03).
    func priced(
        school: UUID, day: Day, titles: (MealKind) -> String, in transaction: borrowing Transaction
    ) throws -> Priced {
        guard !lines.isEmpty else { throw Refused.empty }
        let ids = lines.map(\.item)
        let products = try transaction.rows(
            """
            select id, name, product_group, price_kopecks from product
            where id = any(\(ids)) and school_id = \(school) and not ended
            """, as: UUID.self, String.self, String.self, Money.self
        ).map { Product(id: $0.0, name: $0.1, group: $0.2, price: $0.3) }
        let product = Dictionary(products.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        // Most of what is sold between meals needs no menu.
        let isBuffet = ids.allSatisfy { product[$0] != nil }
        let meals = Dictionary(
            isBuffet ? [] : try MenuOfDay.served(school: school, day: day, in: transaction).map { ($0.id, $0.meal) },
            uniquingKeysWith: { first, _ in first })
        var items: [SoldItem] = []
        var meal: MealKind?
        for line in lines {
            guard (1...Self.mostOfOne).contains(line.quantity) else { throw Refused.quantity(line.item) }
            if let known = product[line.item] {
                items.append(SoldItem(name: known.name, quantity: line.quantity, price: known.price, parts: []))
            } else if let bundle = meals[line.item] {
                meal = meal ?? bundle.kind
                let name = bundle.ration.isEmpty ? titles(bundle.kind) : "\(titles(bundle.kind)), \(bundle.ration)"
                items.append(
                    SoldItem(
                        name: name, quantity: line.quantity, price: bundle.price,
                        parts: bundle.dishes.map { SoldPart(name: $0.name, quantity: 1) }))
            } else {
                throw Refused.unknownItem(line.item)
            }
        }
        return Priced(
            items: items, amount: items.reduce(.zero) { $0 + $1.price * $1.quantity }, meal: meal,
            goods: products.sorted { $0.name < $1.name })
    }
}

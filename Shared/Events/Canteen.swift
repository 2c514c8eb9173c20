public import Foundation
public import Kernel

/// What a bundle unfolds into (CA-03).
public struct SoldPart: Codable, Sendable, Equatable {
    public let name: String
    public let quantity: Int

    public init(
        name: String, quantity: Int
    ) {
        self.name = name
        self.quantity = quantity
    }
}

/// One line of a sale.
public struct SoldItem: Codable, Sendable, Equatable {
    public let name: String
    public let quantity: Int
    /// Of one.
    public let price: Money
    /// Empty unless it is a bundle.
    public let parts: [SoldPart]

    public init(
        name: String, quantity: Int, price: Money, parts: [SoldPart]
    ) {
        self.name = name
        self.quantity = quantity
        self.price = price
        self.parts = parts
    }
}

/// A child got a meal and it is paid.
public struct SaleCompleted: Event {
    public static let name = "canteen.sale.completed.v1"

    public let saleID: UUID
    public let personID: UUID
    public let schoolID: UUID
    public let amount: Money
    public let kind: PurchaseKind
    /// breakfast, lunch, snack or buffet.
    public let meal: String?
    public let items: [SoldItem]
    public let tillID: UUID?
    public let tillName: String
    public let soldAt: Date
    public let day: Day
    public let chargeID: UUID

    public init(
        saleID: UUID, personID: UUID, schoolID: UUID, amount: Money, kind: PurchaseKind, meal: String? = nil,
        items: [SoldItem], tillID: UUID? = nil, tillName: String, soldAt: Date, day: Day, chargeID: UUID
    ) {
        self.saleID = saleID
        self.personID = personID
        self.schoolID = schoolID
        self.amount = amount
        self.kind = kind
        self.meal = meal
        self.items = items
        self.tillID = tillID
        self.tillName = tillName
        self.soldAt = soldAt
        self.day = day
        self.chargeID = chargeID
    }

    public var aggregate: UUID { saleID }

    public static var example: SaleCompleted {
        SaleCompleted(
            saleID: Example.sale, personID: Example.child, schoolID: Example.school, amount: Money(kopecks: 10_450),
            kind: .personal, meal: "lunch",
            items: [
            SoldItem(
            name: "Обед № 2", quantity: 1, price: Money(kopecks: 10_450),
            parts: [SoldPart(name: "Борщ с капустой и картофелем", quantity: 1)])
            ],
            tillID: Example.till, tillName: "Касса 1", soldAt: Example.moment, day: Example.day, chargeID: Example.charge)
    }
}

/// A child wanted to buy and could not.
public struct SaleRefused: Event {
    public static let name = "canteen.sale.refused.v1"

    public let saleID: UUID
    public let personID: UUID
    public let schoolID: UUID
    public let amount: Money
    public let reason: DeclineReason
    public let items: [SoldItem]
    public let tillName: String
    public let at: Date
    public let day: Day
    /// What of it the parents have banned (BY-05); none for any other reason.
    public let banned: [BannedGood]?

    public init(
        saleID: UUID, personID: UUID, schoolID: UUID, amount: Money, reason: DeclineReason, items: [SoldItem],
        tillName: String, at: Date, day: Day, banned: [BannedGood]? = nil
    ) {
        self.saleID = saleID
        self.personID = personID
        self.schoolID = schoolID
        self.amount = amount
        self.reason = reason
        self.items = items
        self.tillName = tillName
        self.at = at
        self.day = day
        self.banned = banned
    }

    public var aggregate: UUID { saleID }

    public static var example: SaleRefused {
        SaleRefused(
            saleID: Example.sale, personID: Example.child, schoolID: Example.school, amount: Money(kopecks: 10_450),
            reason: .dailyLimit,
            items: [
            SoldItem(
            name: "Обед № 2", quantity: 1, price: Money(kopecks: 10_450),
            parts: [SoldPart(name: "Борщ с капустой и картофелем", quantity: 1)])
            ],
            tillName: "Касса 1", at: Example.moment, day: Example.day,
            banned: [BannedGood(item: Example.product, name: "Лимонад", group: "напитки")])
    }
}

/// A thing of a basket that the parents have banned.
public struct BannedGood: Codable, Sendable, Equatable {
    /// The product as the till named it.
    public let item: UUID
    public let name: String
    /// The group it is banned with; none when it is banned by itself.
    public let group: String?

    public init(item: UUID, name: String, group: String? = nil) {
        self.item = item
        self.name = name
        self.group = group
    }
}

/// How much a ban takes in.
public enum BanScope: String, DescribedEnum {
    /// One product of the buffet.
    case product
    /// Everything that stands in a group, whenever it came there.
    case group
}

/// What parents do not want to be sold to their child.
public struct GoodsBan: Codable, Sendable, Equatable {
    public let scope: BanScope
    /// Of the product or of the group, as the buffet names it.
    public let name: String

    public init(scope: BanScope, name: String) {
        self.scope = scope
        self.name = name
    }
}

/// Everything that a child's parents have banned at the buffet, as it stands (BY-05).
public struct BansChanged: VersionedEvent {
    public static let name = "canteen.bans.changed.v1"

    public let personID: UUID
    /// Grows with every change of this one; only a higher one applies.
    public let version: Int64
    public let bans: [GoodsBan]
    /// True when the child is forgotten; the list is empty then.
    public let ended: Bool

    public init(personID: UUID, version: Int64, bans: [GoodsBan], ended: Bool = false) {
        self.personID = personID
        self.version = version
        self.bans = bans
        self.ended = ended
    }

    public var aggregate: UUID { personID }

    public static var example: BansChanged {
        BansChanged(
            personID: Example.child, version: 2,
            bans: [GoodsBan(scope: .product, name: "Лимонад"), GoodsBan(scope: .group, name: "сладости")], ended: false)
    }
}

/// One meal of a day’s menu.
public struct MenuMeal: Codable, Sendable, Equatable {
    /// breakfast, lunch or snack.
    public let meal: String
    public let name: String
    public let price: Money
    public let dishes: [String]

    public init(
        meal: String, name: String, price: Money, dishes: [String]
    ) {
        self.meal = meal
        self.name = name
        self.price = price
        self.dishes = dishes
    }
}

/// What there is to eat in a school on a day (CA-01).
public struct MenuPublished: VersionedEvent {
    public static let name = "canteen.menu.published.v1"

    public let menuID: UUID
    /// Grows with every change of this one; only a higher one applies.
    public let version: Int64
    public let schoolID: UUID
    public let day: Day
    public let meals: [MenuMeal]
    /// True when it exists no more; the other fields then say what was last known.
    public let ended: Bool

    public init(
        menuID: UUID, version: Int64, schoolID: UUID, day: Day, meals: [MenuMeal], ended: Bool = false
    ) {
        self.menuID = menuID
        self.version = version
        self.schoolID = schoolID
        self.day = day
        self.meals = meals
        self.ended = ended
    }

    public var aggregate: UUID { menuID }

    public static var example: MenuPublished {
        MenuPublished(
            menuID: Example.menu, version: 2, schoolID: Example.school, day: Example.day,
            meals: [
            MenuMeal(
            meal: "lunch", name: "Обед № 2", price: Money(kopecks: 10_450),
            dishes: ["Борщ с капустой и картофелем", "Котлета рубленая", "Компот из сухофруктов"])
            ],
            ended: false)
    }
}

/// A till of a school's canteen and what it is called: what families read of where they paid (AC-05).
public struct TillChanged: VersionedEvent {
    public static let name = "canteen.till.changed.v1"

    public let tillID: UUID
    /// Grows with every change of this one; only a higher one applies.
    public let version: Int64
    public let schoolID: UUID
    public let name: String
    /// True when it exists no more; the other fields then say what was last known.
    public let ended: Bool

    public init(
        tillID: UUID, version: Int64, schoolID: UUID, name: String, ended: Bool = false
    ) {
        self.tillID = tillID
        self.version = version
        self.schoolID = schoolID
        self.name = name
        self.ended = ended
    }

    public var aggregate: UUID { tillID }

    public static var example: TillChanged {
        TillChanged(tillID: Example.till, version: 2, schoolID: Example.school, name: "Касса 1", ended: false)
    }
}

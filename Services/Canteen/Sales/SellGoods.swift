import Directory
import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// A till sells: the sale is stored as pending and the charge is asked for, in one transaction.
///
/// The till makes the sale's id. Sent again with the same contents it changes nothing; with others it is refused.
struct SellGoods {
    /// How long Ledger may take before its answer comes too late for the queue in front of the till.
    static let timeToLive: TimeInterval = 1.0

    let saleID: UUID
    let school: UUID
    let till: Till?
    let buyer: Buyer
    let basket: Basket
    let kind: PurchaseKind
    /// The till's own time, believed within a day.
    let soldAt: Date?
    let localSequence: Int64?
    let soldBy: UUID?

    /// Who stands at the till.
    enum Buyer: Sendable, Equatable {
        case card(CardNumber)
        case person(UUID)
    }

    enum Refused: Error, Equatable {
        case unknownCard
        case noPupilHere
        case basket(Basket.Refused)
        /// The same id with other contents.
        case differs
    }

    /// Gives the sale as it stands now: pending when it is new, ended when it has been repeated.
    func run(now: Date, in transaction: borrowing Transaction, outbox: Outbox) throws -> Sale {
        let person = try buyerID(in: transaction)
        let zone = try Directory.zone(of: school, in: transaction)
        let time = soldAt.map { $0 <= now && $0 > now.addingTimeInterval(-86_400) ? $0 : now } ?? now
        let day = zone.day(of: time)
        let priced: Basket.Priced
        do {
            priced = try basket.priced(school: school, day: day, titles: Self.russianTitle, in: transaction)
        } catch let refused as Basket.Refused {
            // A repeat counts although the goods have gone off the menu since.
            if let known = try Sale.locked(saleID, in: transaction) { return try same(known, person, in: transaction) }
            throw Refused.basket(refused)
        }
        let meal = priced.meal?.rawValue ?? "buffet"
        let bans = try priced.goods.isEmpty ? Bans.none : Bans.holding(for: person, in: transaction)
        let banned = priced.goods.compactMap { bans.ban(on: $0) }
        guard banned.isEmpty else {
            let sale = Sale(
                id: saleID, schoolID: school, tillID: till?.id, tillName: till?.name ?? "", personID: person, kind: kind, meal: meal,
                amount: priced.amount, items: priced.items, soldAt: time, day: day, state: .refused, reason: .banned, available: nil,
                limitLeft: nil, banned: banned)
            return try refuse(sale, at: now, in: transaction, outbox: outbox)
        }
        let charge = Attempt.chargeID(of: saleID, number: 1)
        // The sale and its first attempt; neither when the sale is known already.
        let inserted = try transaction.execute(
            """
            with sold as (
                insert into sale (id, school_id, till_id, till_name, local_sequence, person_id, kind, meal, amount_kopecks,
                    items, basket, sold_by, sold_at, day, state)
                values (\(saleID), \(school), \(till?.id), \(till?.name ?? ""), \(localSequence), \(person), \(kind.rawValue),
                    \(meal), \(priced.amount), \(JSON(priced.items)), \(JSON(basket.lines)), \(soldBy), \(time), \(day), 'pending')
                on conflict (id) do nothing
                returning id)
            insert into attempt (charge_id, sale_id, number, state) select \(charge), id, 1, 'asked' from sold
            """)
        guard inserted == 1 else { return try repeated(by: person, in: transaction) }
        try outbox.publish(
            Charge(
                chargeID: charge, saleID: saleID, attempt: 1, personID: person, amount: priced.amount, kind: kind,
                what: priced.description, tillID: till?.id, by: soldBy, soldAt: time,
                expiresAt: now.addingTimeInterval(Self.timeToLive), offlineDay: nil, allowanceID: nil),
            in: transaction)
        return Sale(
            id: saleID, schoolID: school, tillID: till?.id, tillName: till?.name ?? "", personID: person, kind: kind,
            meal: meal, amount: priced.amount, items: priced.items, soldAt: time, day: day, state: .pending, reason: nil,
            available: nil, limitLeft: nil, banned: [])
    }

    /// What the parents have banned is not sold, and nobody is asked for money (BY-05): there is no attempt. The refusal is kept under
    /// the sale's id, so a repeat is answered with it also after the ban is lifted.
    private func refuse(
        _ sale: Sale, at now: Date, in transaction: borrowing Transaction, outbox: Outbox
    ) throws -> Sale {
        let inserted = try transaction.execute(
            """
            insert into sale (id, school_id, till_id, till_name, local_sequence, person_id, kind, meal, amount_kopecks, items, basket,
                sold_by, sold_at, day, state, reason, banned)
            values (\(saleID), \(school), \(sale.tillID), \(sale.tillName), \(localSequence), \(sale.personID), \(kind.rawValue),
                \(sale.meal), \(sale.amount), \(JSON(sale.items)), \(JSON(basket.lines)), \(soldBy), \(sale.soldAt), \(sale.day),
                'refused', \(DeclineReason.banned.rawValue), \(JSON(sale.banned)))
            on conflict (id) do nothing
            """)
        // It was sold before the ban, or refused before: a repeat changes nothing.
        guard inserted == 1 else { return try repeated(by: sale.personID, in: transaction) }
        try outbox.publish(
            SaleRefused(
                saleID: saleID, personID: sale.personID, schoolID: school, amount: sale.amount, reason: .banned, items: sale.items,
                tillName: sale.tillName, at: now, day: sale.day, banned: sale.banned),
            in: transaction)
        return sale
    }

    /// The sale that was stored under this id before.
    private func repeated(by person: UUID, in transaction: borrowing Transaction) throws -> Sale {
        guard let known = try Sale.locked(saleID, in: transaction) else { throw NotYet("the sale is being written") }
        return try same(known, person, in: transaction)
    }

    /// The known sale, if it is this one; prices may have changed since, so what was asked for is compared.
    private func same(_ known: Sale, _ person: UUID, in transaction: borrowing Transaction) throws -> Sale {
        let asked = try transaction.first("select basket from sale where id = \(saleID)", as: JSON<[Basket.Line]>.self)
        guard known.personID == person, known.schoolID == school, known.kind == kind, asked?.value == basket.lines else {
            throw Refused.differs
        }
        return known
    }

    /// What is sold keeps its name in the books, and the books are Russian.
    static func russianTitle(_ kind: MealKind) -> String {
        switch kind {
        case .breakfast: "Завтрак"
        case .secondBreakfast: "Второй завтрак"
        case .lunch: "Обед"
        case .snack: "Полдник"
        }
    }

    private func buyerID(in transaction: borrowing Transaction) throws -> UUID {
        let person: UUID
        switch buyer {
        case .person(let id): person = id
        case .card(let number):
            guard let holder = try KnownCard.holder(of: number, in: transaction) else { throw Refused.unknownCard }
            person = holder
        }
        // A card of another school opens no purse here.
        guard let child = try Directory.child(person, in: transaction), child.schoolID == school else {
            throw Refused.noPupilHere
        }
        return person
    }
}

/// The till waited in vain: the attempt is closed. A charge that was posted is taken back, one that was not can never be
/// any more; the sale ends as refused when Ledger has said which.
struct GiveUpSale {
    let saleID: UUID

    /// Gives the sale as it is: it may have been decided in the last moment, and then that counts.
    func run(in transaction: borrowing Transaction, outbox: Outbox) throws -> Sale? {
        guard let sale = try Sale.locked(saleID, in: transaction) else { return nil }
        guard sale.state == .pending else { return sale }
        let asked = try transaction.rows(
            """
            update attempt set state = 'withdrawing' where sale_id = \(saleID) and state = 'asked'
            returning charge_id, number
            """, as: UUID.self, Int.self)
        for (charge, number) in asked {
            try outbox.publish(
                WithdrawCharge(
                    chargeID: charge, saleID: saleID, attempt: number, personID: sale.personID,
                    reason: "no answer in time"),
                in: transaction)
        }
        return sale
    }
}

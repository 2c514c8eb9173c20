import Directory
import Events
import Foundation
import HTTPTypes
import Kernel
import Messaging
import Postgres
import Web

/// What a till asks and is told, as JSON over HTTPS.
struct TillAPI {
    let database: Database
    let outbox: Outbox

    struct Goods: Encodable, Sendable {
        struct Item: Encodable, Sendable {
            let item: UUID
            let name: String
            let group: String
            let price: Money
        }

        let day: Day
        let items: [Item]
    }

    struct Request: Decodable, Sendable {
        let saleID: UUID
        let sequence: Int64?
        let card: String?
        let person: UUID?
        let items: [Basket.Line]
        let soldAt: Date?
        let kind: PurchaseKind?
    }

    struct Result: Encodable, Sendable {
        let saleID: UUID
        /// `completed`, `refused`, or `notPaid`: not answered in time and given up.
        let state: String
        let reason: DeclineReason?
        /// What the cashier may read aloud.
        let words: String
        let amount: Money
        let available: Money?
        let limitLeft: Money?
        /// What of the basket the parents have banned; the rest may be sold under an id of its own.
        let banned: [BannedGood]
    }

    /// Who stands at the till, and what the account held when Ledger was last heard: shown, never decided upon.
    struct Buyer: Encodable, Sendable {
        let person: UUID
        let name: String
        let className: String
        let balance: Money?
        let asOf: Date?
        /// The products on sale that the parents have banned: shown, and decided upon anew with every sale.
        let banned: [UUID]
    }

    func buyer(_ visit: Visit) async throws -> Answer {
        let till = try await self.till(visit)
        guard let number = visit.query("card").flatMap({ try? CardNumber($0) }) else {
            throw Problem(.unprocessableContent, "This is no card number")
        }
        let found = try await database.read { tx -> Buyer? in
            guard let person = try KnownCard.holder(of: number, in: tx), let child = try Directory.child(person, in: tx),
                child.schoolID == till.schoolID
            else { return nil }
            let hint = try tx.first(
                "select balance_kopecks, heard_at from account_hint where person_id = \(person)", as: Money.self, Date.self)
            return Buyer(
                person: person, name: child.name?.listed ?? child.pupilCode, className: child.className?.description ?? "",
                balance: hint?.0, asOf: hint?.1, banned: try Self.banned(for: person, school: till.schoolID, in: tx))
        }
        guard let found else { throw Self.problem(.unknownCard) }
        return .json(found)
    }

    func goods(_ visit: Visit) async throws -> Answer {
        let till = try await self.till(visit)
        let read = try await database.read { tx -> Goods in
            let day = try Directory.zone(of: till.schoolID, in: tx).day(of: visit.now)
            return Goods(day: day, items: try Self.items(school: till.schoolID, day: day, in: tx))
        }
        return .json(read)
    }

    /// Today's meals and the products of the buffet.
    static func items(school: UUID, day: Day, in transaction: borrowing Transaction) throws -> [Goods.Item] {
        let meals = try MenuOfDay.served(school: school, day: day, in: transaction).map {
            Goods.Item(
                item: $0.id,
                name: $0.meal.ration.isEmpty
                    ? SellGoods.russianTitle($0.meal.kind) : "\(SellGoods.russianTitle($0.meal.kind)), \($0.meal.ration)",
                group: $0.meal.kind.rawValue, price: $0.meal.price)
        }
        let products = try Product.all(of: school, in: transaction).map {
            Goods.Item(item: $0.id, name: $0.name, group: $0.group, price: $0.price)
        }
        return meals + products
    }

    /// The products on sale that a child may not be sold (BY-05).
    static func banned(for child: UUID, school: UUID, in transaction: borrowing Transaction) throws -> [UUID] {
        let bans = try Bans.of(child, in: transaction)
        guard bans != .none else { return [] }
        return try Product.all(of: school, in: transaction).compactMap { bans.ban(on: $0)?.item }
    }

    func sell(_ visit: Visit) async throws -> Answer {
        let till = try await self.till(visit)
        let request = try visit.json(Request.self)
        let buyer: SellGoods.Buyer
        if let card = request.card {
            guard let number = try? CardNumber(card) else { throw Problem(.unprocessableContent, "This is no card number") }
            buyer = .card(number)
        } else if let person = request.person {
            buyer = .person(person)
        } else {
            throw Problem(.unprocessableContent, "Nobody is named: send card or person")
        }
        let sell = SellGoods(
            saleID: request.saleID, school: till.schoolID, till: till, buyer: buyer, basket: Basket(lines: request.items),
            kind: request.kind ?? .personal, soldAt: request.soldAt, localSequence: request.sequence, soldBy: nil)
        do {
            return .json(Self.result(try await SellAndWait(database: database, outbox: outbox).run(sell, now: visit.now), visit))
        } catch let refused as SellGoods.Refused {
            throw Self.problem(refused)
        }
    }

    func sale(_ visit: Visit) async throws -> Answer {
        let till = try await self.till(visit)
        let id = try visit.uuid("sale")
        guard let sale = try await database.read({ try Sale.sale(id, in: $0) }), sale.schoolID == till.schoolID else {
            throw Problem.notFound
        }
        return .json(Self.result(sale, visit))
    }

    static func result(_ sale: Sale, _ visit: Visit) -> Result {
        Result(
            saleID: sale.id, state: sale.state == .pending ? "notPaid" : sale.state.rawValue, reason: sale.reason,
            words: tillWords(for: sale, visit), amount: sale.amount, available: sale.available, limitLeft: sale.limitLeft,
            banned: sale.banned)
    }

    /// What the cashier reads: why, and what can be done about it.
    static func tillWords(for sale: Sale, _ visit: Visit) -> String {
        let words = words(for: sale, visit)
        let names = Set(sale.banned.map(\.name))
        guard sale.reason == .banned, sale.items.contains(where: { !names.contains($0.name) }) else { return words }
        return words + " " + visit.tr("The rest may be sold.")
    }

    /// Why, in words that need no explaining (BY-05).
    static func words(for sale: Sale, _ visit: Visit) -> String {
        switch sale.state {
        case .completed: return visit.tr("Paid: %@", visit.format.money(sale.amount))
        case .pending: return visit.tr("Not paid: the accounts did not answer in time. Please try again.")
        case .refused: break
        }
        switch sale.reason {
        case .notEnoughMoney:
            return sale.available.map { visit.tr("Not enough money: there is %@.", visit.format.money($0)) } ?? visit.tr("Not enough money.")
        case .dailyLimit:
            return sale.limitLeft.map { visit.tr("The parents' limit for today leaves %@.", visit.format.money($0)) }
                ?? visit.tr("The parents' limit for today is reached.")
        case .noAccount: return visit.tr("This pupil has no account yet.")
        case .accountClosed: return visit.tr("The account is closed.")
        case .banned:
            let names = sale.banned.map { good in
                good.group.map { visit.tr("%@ (the whole group «%@»)", good.name, $0) } ?? good.name
            }
            return visit.tr("The parents have banned: %@.", names.joined(separator: ", "))
        case .tooLate, .withdrawn, nil: return visit.tr("Not paid: the accounts did not answer in time. Please try again.")
        }
    }

    static func problem(_ refused: SellGoods.Refused) -> Problem {
        switch refused {
        case .unknownCard, .noPupilHere: Problem(.notFound, "Nobody of this school has this card")
        case .basket(.empty): Problem(.unprocessableContent, "Nothing is being bought")
        case .basket(.quantity): Problem(.unprocessableContent, "Too many of one thing")
        case .basket(.unknownItem): Problem(.unprocessableContent, "One of the goods is not on sale today")
        case .differs: Problem(.conflict, "This sale was sent before with other contents")
        }
    }

    private func till(_ visit: Visit) async throws -> Till {
        guard let id = visit.device, let till = try await Till.till(id, database) else { throw Problem.notFound }
        return till
    }
}

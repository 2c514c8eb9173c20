import Directory
import Events
import Foundation
import HTTPTypes
import Kernel
import Messaging
import Postgres
import Web

/// The cashier's page: a card is held to the reader, goods are touched, one button pays.
struct TillPage: Page {
    struct Buyer: Encodable, Sendable, Equatable {
        let name: String
        let className: String
        let accent: String
        let initials: String
        let balance: String
        let asOf: String
        /// What the parents' limit leaves for today; nil without a limit.
        let limitLeft: String?
        let limit: String?
    }

    struct Tile: Encodable, Sendable, Equatable {
        let item: String
        let name: String
        let price: String
        let kopecks: Int64
        let quantity: String
        /// Said on what the parents do not want to be sold to this child; the sale is refused all the same (BY-05).
        let ban: String?
    }

    /// The goods that lie together.
    struct Shelf: Encodable, Sendable, Equatable {
        let title: String
        let tiles: [Tile]
    }

    struct TillChoice: Encodable, Sendable, Equatable {
        let id: String
        let name: String
        let isChosen: Bool
    }

    static let template = "till/show"
    let title: String
    let section = "till"
    /// The till that sells here: its name stands in the family's history.
    let till: String
    let tills: [TillChoice]
    let hasTills: Bool
    let card: String
    let cardField: Field
    let buyer: Buyer?
    /// Kopecks on the account as last heard; empty when nothing is known.
    let balanceKopecks: String
    let saleID: String
    let shelves: [Shelf]
    let most: Int
    /// How the last sale ended, to be read aloud.
    let paid: String?
    let refused: String?
    let isEmpty: Bool
    let isWaiting: Bool
}

extension TillPage {
    /// The cookie in which a browser keeps which till it is.
    static let cookie = "__Host-till"

    init(
        for visit: Visit, _ database: Database, card: String? = nil, typed: Form? = nil, paid: String? = nil, refused: String? = nil
    ) async throws {
        let code = (card ?? visit.query("card") ?? "").trimmingCharacters(in: .whitespaces)
        let number = code.isEmpty ? nil : try? CardNumber(code)
        let read = try await database.read { tx -> Reading in
            guard let school = try Directory.schools(of: visit.viewer, .sellAtTill, in: tx).first else { throw Problem.notFound }
            let day = school.zone.day(of: visit.now)
            var child: ChildRecord?
            var hint: AccountHint?
            var banned: [UUID] = []
            if let number, let person = try KnownCard.holder(of: number, in: tx), let found = try Directory.child(person, in: tx),
                found.schoolID == school.id
            {
                child = found
                hint = try AccountHint.of(person, on: day, in: tx)
                banned = try TillAPI.banned(for: person, school: school.id, in: tx)
            }
            return Reading(
                child: child, hint: hint, banned: Set(banned), items: try TillAPI.items(school: school.id, day: day, in: tx),
                tills: try Till.all(of: school.id, in: tx), till: try Self.till(for: visit, school: school.id, in: tx))
        }
        title = visit.tr("Till")
        till = read.till?.name ?? visit.tr("Till")
        tills = read.tills.map { TillChoice(id: $0.id.text, name: $0.name, isChosen: $0.id == read.till?.id) }
        hasTills = read.tills.count > 1
        self.card = code
        cardField = .text(
            "card", visit.tr("Card"), value: read.child == nil ? code : "",
            wrong: code.isEmpty || read.child != nil ? nil : visit.tr("Nobody of this school has this card"), autocomplete: "off",
            isRequired: true, isFocused: read.child == nil)
        buyer = read.child.map { Buyer($0, read.hint, visit) }
        balanceKopecks = read.hint.map { "\($0.balance.kopecks)" } ?? ""
        saleID = UUID.v7(at: visit.now).text
        shelves = Self.shelves(read.items, read.banned, typed, visit)
        most = Basket.mostOfOne
        isEmpty = read.items.isEmpty
        isWaiting = read.child == nil && !read.items.isEmpty
        self.paid = paid
        self.refused = refused
    }

    /// The till that this browser said it is, else the school's first by name.
    static func till(for visit: Visit, school: UUID, in transaction: borrowing Transaction) throws -> Till? {
        let tills = try Till.all(of: school, in: transaction)
        let said = visit.cookie(cookie).flatMap(UUID.init(uuidString:))
        return tills.first { $0.id == said } ?? tills.first
    }

    private static func shelves(_ items: [TillAPI.Goods.Item], _ banned: Set<UUID>, _ typed: Form?, _ visit: Visit) -> [Shelf] {
        var shelves: [Shelf] = []
        for item in items {
            let title =
                if MealKind(rawValue: item.group) != nil {
                    visit.tr("Sets")
                } else {
                    item.group.isEmpty ? visit.tr("Buffet") : item.group.prefix(1).uppercased() + item.group.dropFirst()
                }
            let tile = Tile(
                item: item.item.text, name: item.name, price: visit.format.money(item.price), kopecks: item.price.kopecks,
                // What may not be sold leaves the bill, so that the rest can be paid at once.
                quantity: banned.contains(item.item) ? "" : typed?["item-\(item.item.text)"] ?? "",
                ban: banned.contains(item.item) ? visit.tr("banned by the parents") : nil)
            if let last = shelves.last, last.title == title {
                shelves[shelves.count - 1] = Shelf(title: title, tiles: last.tiles + [tile])
            } else {
                shelves.append(Shelf(title: title, tiles: [tile]))
            }
        }
        return shelves
    }

    private struct Reading: Sendable {
        let child: ChildRecord?
        let hint: AccountHint?
        let banned: Set<UUID>
        let items: [TillAPI.Goods.Item]
        let tills: [Till]
        let till: Till?
    }
}

extension TillPage.Buyer {
    fileprivate init(_ child: ChildRecord, _ hint: AccountHint?, _ visit: Visit) {
        name = child.name.map { "\($0.given) \($0.surname)" } ?? child.pupilCode
        className = child.className?.description ?? ""
        accent = child.accent.rawValue
        initials = child.name.map { "\($0.given.prefix(1))\($0.surname.prefix(1))" } ?? "•"
        balance = hint.map { visit.format.money($0.balance) } ?? visit.tr("not known yet")
        asOf = hint.map { visit.tr("as of %@", visit.format.time($0.heardAt)) } ?? ""
        limitLeft = hint?.limitLeft.map(visit.format.money)
        limit = hint?.limit.map { visit.tr("of %@ a day", visit.format.money($0)) }
    }
}

/// What Ledger last said about an account: shown, never decided upon.
struct AccountHint: Sendable, Equatable {
    let balance: Money
    let limit: Money?
    let limitLeft: Money?
    let heardAt: Date

    static func of(_ person: UUID, on day: Day, in transaction: borrowing Transaction) throws -> AccountHint? {
        try transaction.first(
            "select balance_kopecks, daily_limit_kopecks, spent_kopecks, day, heard_at from account_hint where person_id = \(person)",
            as: Money.self, Money?.self, Money.self, Day.self, Date.self
        ).map { balance, limit, spent, spentOn, heardAt in
            // What was spent on another day has nothing to do with today's limit.
            let left = limit.map { max(.zero, $0 - (spentOn == day ? spent : .zero)) }
            return AccountHint(balance: balance, limit: limit, limitLeft: left, heardAt: heardAt)
        }
    }
}

/// Selling from the cashier's page.
struct TillForm {
    let database: Database
    let outbox: Outbox

    func sell(_ visit: Visit) async throws -> Answer {
        let form = try await visit.form()
        let card = form["card"] ?? ""
        guard let number = try? CardNumber(card), let sale = form["sale"].flatMap(UUID.init(uuidString:)) else { throw Problem.badRequest }
        let lines = form.values.compactMap { name, values -> Basket.Line? in
            guard name.hasPrefix("item-"), let item = UUID(uuidString: String(name.dropFirst(5))),
                let quantity = values.first.flatMap({ Int($0) }), quantity != 0
            else { return nil }
            return Basket.Line(item: item, quantity: quantity)
        }.sorted { $0.item.uuidString < $1.item.uuidString }
        let place = try await database.read { tx -> (UUID, Till?)? in
            guard let school = try Directory.schools(of: visit.viewer, .sellAtTill, in: tx).first?.id else { return nil }
            return (school, try TillPage.till(for: visit, school: school, in: tx))
        }
        guard let (school, till) = place else { throw Problem.notFound }
        let sell = SellGoods(
            saleID: sale, school: school, till: till, buyer: .card(number), basket: Basket(lines: lines), kind: .personal, soldAt: nil,
            localSequence: nil, soldBy: visit.viewer.personID)
        do {
            let ended = try await SellAndWait(database: database, outbox: outbox).run(sell, now: visit.now)
            let words = TillAPI.tillWords(for: ended, visit)
            let isPaid = ended.state == .completed
            return .page(
                try await TillPage(
                    for: visit, database, card: isPaid ? "" : card, typed: isPaid ? nil : form, paid: isPaid ? words : nil,
                    refused: isPaid ? nil : words), isPaid ? .ok : .conflict)
        } catch let refused as SellGoods.Refused {
            let problem = TillAPI.problem(refused)
            return .page(
                try await TillPage(for: visit, database, card: card, typed: form, refused: visit.tr(problem.title)), problem.status)
        }
    }

    /// Says which till this browser is; it is remembered there for a year.
    func choose(_ visit: Visit) async throws -> Answer {
        let form = try await visit.form()
        let chosen = try await database.read { tx -> Till? in
            guard let school = try Directory.schools(of: visit.viewer, .sellAtTill, in: tx).first?.id else { return nil }
            return try Till.all(of: school, in: tx).first { $0.id.text == form["till"]?.lowercased() }
        }
        guard let chosen else { throw Problem.notFound }
        return .seeOther("/canteen/till").settingCookie(TillPage.cookie, chosen.id.text, seconds: 365 * 86_400)
    }
}

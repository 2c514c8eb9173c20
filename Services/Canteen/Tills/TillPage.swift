import Directory
import Events
import Foundation
import HTTPTypes
import Kernel
import Messaging
import Postgres
import Web

/// The cashier's page: a card is held to the reader, the goods are counted, one button pays.
struct TillPage: Page {
    struct Buyer: Encodable, Sendable, Equatable {
        let name: String
        let className: String
        let accent: String
        let initial: String
        let balance: String
        let asOf: String
        let card: String
    }

    struct Tile: Encodable, Sendable, Equatable {
        let item: String
        let name: String
        let price: String
        let quantity: String
    }

    static let template = "till/show"
    let title: String
    let section = "till"
    let card: String
    let cardError: String?
    let buyer: Buyer?
    let saleID: String
    let tiles: [Tile]
    /// How the last sale ended, to be read aloud.
    let paid: String?
    let refused: String?
    let isEmpty: Bool
}

extension TillPage {
    init(
        for visit: Visit, _ database: Database, card: String? = nil, typed: Form? = nil, paid: String? = nil, refused: String? = nil
    ) async throws {
        let code = card ?? visit.query("card") ?? ""
        let number = code.isEmpty ? nil : try? CardNumber(code)
        let read = try await database.read { tx -> (ChildRecord?, (Money, Date)?, [TillAPI.Goods.Item]) in
            guard let school = try Directory.schools(of: visit.viewer, .sellAtTill, in: tx).first else { throw Problem.notFound }
            var child: ChildRecord?
            var hint: (Money, Date)?
            if let number, let person = try KnownCard.holder(of: number, in: tx), let found = try Directory.child(person, in: tx),
                found.schoolID == school.id
            {
                child = found
                hint = try tx.first(
                    "select balance_kopecks, heard_at from account_hint where person_id = \(person)", as: Money.self, Date.self)
            }
            return (child, hint, try TillAPI.items(school: school.id, day: school.zone.day(of: visit.now), in: tx))
        }
        title = visit.tr("Till")
        self.card = code
        cardError = code.isEmpty || read.0 != nil ? nil : visit.tr("Nobody of this school has this card")
        buyer = read.0.map { child in
            Buyer(
                name: child.name?.listed ?? child.pupilCode, className: child.className?.description ?? "", accent: child.accent.rawValue,
                initial: child.name.map { String($0.given.prefix(1)) } ?? "•",
                balance: read.1.map { visit.format.money($0.0) } ?? visit.tr("not known yet"),
                asOf: read.1.map { visit.tr("as of %@", visit.format.time($0.1)) } ?? "", card: code)
        }
        saleID = UUID.v7(at: visit.now).text
        tiles = read.2.map {
            Tile(item: $0.item.text, name: $0.name, price: visit.format.money($0.price), quantity: typed?["item-\($0.item.text)"] ?? "")
        }
        isEmpty = tiles.isEmpty
        self.paid = paid
        self.refused = refused
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
        let school = try await database.read { try Directory.schools(of: visit.viewer, .sellAtTill, in: $0).first?.id }
        guard let school else { throw Problem.notFound }
        let sell = SellGoods(
            saleID: sale, school: school, till: nil, buyer: .card(number), basket: Basket(lines: lines), kind: .personal, soldAt: nil,
            localSequence: nil, soldBy: visit.viewer.personID)
        do {
            let ended = try await SellAndWait(database: database, outbox: outbox).run(sell, now: visit.now)
            let words = TillAPI.words(for: ended, visit)
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
}

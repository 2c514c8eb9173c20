import Directory
import Events
import Foundation
import Kernel
import Postgres
import Web

/// What a child bought, day by day: when, what, how much, for how much, personally or with the class (CA-02 to CA-05).
struct PurchasesPage: Page {
    struct Item: Encodable, Sendable, Equatable {
        let name: String
        let quantity: String?
        let price: String
        /// A bundle unfolds into what it consists of (CA-03).
        let parts: [String]
        let isBundle: Bool
    }

    struct Purchase: Encodable, Sendable, Equatable {
        /// The sale: other pages link to it.
        let id: UUID
        let time: String
        let till: String
        let hasTill: Bool
        let kind: String
        let items: [Item]
        let amount: String
        let refusal: String?
    }

    struct DayGroup: Encodable, Sendable, Equatable {
        let day: String
        let sum: String
        let purchases: [Purchase]
    }

    static let template = "purchases/show"
    let title: String
    let section = "meals"
    let name: String
    let accent: String
    let months: Pager
    let days: [DayGroup]
    let isEmpty: Bool
    let total: String
    /// Where the parents say what may not be sold (BY-05); nil for whom that is no business of.
    let bans: String?
}

extension PurchasesPage {
    init(for visit: Visit, _ database: Database) async throws {
        let child = try visit.uuid("child")
        let today = visit.today
        let asked = visit.query("month").flatMap { Day($0 + "-01") } ?? today
        let first = Day(year: asked.year, month: asked.month, day: 1) ?? today
        let next = Self.month(after: first)
        let (record, sales, decision) = try await database.read { tx in
            (
                try Directory.child(child, in: tx), try Purchases.of(child, from: first, to: next - 1, in: tx),
                try Directory.decide(visit.viewer, .seeBans, about: .child(child), on: today, in: tx)
            )
        }
        guard let record else { throw Problem.notFound }
        func purchase(_ sale: Sale) -> Purchase {
            Purchase(
                id: sale.id, time: visit.format.time(sale.soldAt), till: sale.tillName, hasTill: !sale.tillName.isEmpty,
                kind: sale.kind == .personal ? visit.tr("personal purchase") : visit.tr("with the class, on the class teacher's request"),
                items: sale.items.map { item in
                    Item(
                        name: item.name, quantity: item.quantity == 1 ? nil : "× \(item.quantity)",
                        price: visit.format.money(item.price * item.quantity),
                        parts: item.parts.map { $0.quantity == 1 ? $0.name : "\($0.name) × \($0.quantity)" }, isBundle: !item.parts.isEmpty)
                },
                amount: sale.state == .completed ? visit.format.money(-sale.amount) : visit.format.money(sale.amount),
                refusal: sale.state == .refused ? TillAPI.words(for: sale, visit) : nil)
        }
        let byDay = Dictionary(grouping: sales, by: \.day).sorted { $0.key > $1.key }
        title = visit.tr("Purchases")
        name = record.name?.given ?? record.pupilCode
        accent = record.accent.rawValue
        months = Pager(
            visit.tr("Month"), visit.format.month(first, thisYear: today.year),
            before: "\(visit.path)?month=\((first - 1).iso.prefix(7))", visit.tr("The month before"),
            after: next <= today ? "\(visit.path)?month=\(next.iso.prefix(7))" : nil, visit.tr("The month after"))
        days = byDay.map { day, sales in
            let paid = sales.filter { $0.state == .completed }.reduce(Money.zero) { $0 + $1.amount }
            return DayGroup(day: visit.format.longDate(day), sum: visit.format.money(paid), purchases: sales.map(purchase))
        }
        isEmpty = sales.isEmpty
        bans = decision == .allowed ? "/canteen/children/\(child.text)/bans" : nil
        total = visit.format.money(sales.filter { $0.state == .completed }.reduce(Money.zero) { $0 + $1.amount })
    }

    private static func month(after first: Day) -> Day {
        let next = first + 31
        return next - (next.day - 1)
    }
}

import Directory
import Events
import Foundation
import Hummingbird
import Kernel
import Messaging
import Postgres
import Web

/// The form for what a child may spend per day on personal purchases (AC-07).
struct LimitPage: Page {
    static let template = "limit/edit"
    let title: String
    let section = "money"
    let purse: Purse
    /// As typed; the present limit before anything was typed.
    let value: String
    let error: String?
    /// The sum under which the guardians are told.
    let low: Field
    let lowPath: String
    /// What the till does not sell to the child, as Canteen last said (BY-05); they are set there.
    let bans: [String]
    let hasBans: Bool
    let bansPath: String
}

extension LimitPage {
    init(for visit: Visit, _ database: Database, value: String? = nil, error: String? = nil, wrong: FieldErrors = FieldErrors()) async throws {
        let purse = try await BalancePage(for: visit, database).purse
        let (below, bans) = try await database.read { (try $0.lowBelow(of: purse.child), try KnownBans.of(purse.child, in: $0)) }
        let typed = wrong.messages.isEmpty ? nil : try await visit.form()["below"]
        self.init(
            title: visit.tr("Personal purchases"), purse: purse,
            value: value ?? purse.limit.map { $0.limit.typed } ?? "", error: error,
            low: .money(
                "below", visit.tr("Tell us when less is left than"), value: typed ?? below?.typed ?? "",
                hint: visit.tr("Empty: no notice. It comes once each time a purchase takes the balance under this sum."), wrong: wrong["below"]),
            lowPath: "/ledger/children/\(purse.child.text)/low-balance",
            bans: bans.map { $0.scope == .group ? visit.tr("The whole group «%@»", $0.name) : $0.name }, hasBans: !bans.isEmpty,
            bansPath: "/canteen/children/\(purse.child.text)/bans")
    }
}

/// Setting the limit from the form or by a program.
struct LimitForm {
    let database: Database
    let outbox: Outbox

    func set(_ visit: Visit) async throws -> Answer {
        let child = try visit.uuid("child")
        let typed = try await visit.form()["limit"]?.trimmed ?? ""
        let limit: Money?
        if typed.isEmpty {
            limit = nil
        } else if let sum = Money(typed), sum >= .zero, sum <= SetDailyLimit.most {
            limit = sum
        } else {
            let words = visit.tr("Write a sum in roubles from 0 to %@, or leave the field empty: then there is no limit.", visit.money(SetDailyLimit.most))
            return .page(try await LimitPage(for: visit, database, value: typed, error: words), .unprocessableContent)
        }
        let change = SetDailyLimit(child: child, limit: limit, by: visit.viewer.personID)
        let changed = try await database.transaction { [outbox] in try change.run(in: $0, outbox, at: visit.now) }
        guard changed != nil else { throw Problem.notFound }
        return .seeOther("/ledger/children/\(child.text)/statement")
    }
}

extension LimitForm {
    /// Naming the sum under which the guardians are told.
    func setLow(_ visit: Visit) async throws -> Answer {
        let child = try visit.uuid("child")
        let typed = try await visit.form()["below"]?.trimmed ?? ""
        let below = typed.isEmpty ? nil : Money(typed)
        guard typed.isEmpty || below.map({ $0 > .zero && $0 <= SetLowBalance.most }) ?? false else {
            throw FieldErrors([
                "below": visit.tr("Write a sum above zero and up to %@, or leave the field empty.", visit.money(SetLowBalance.most))
            ])
        }
        let change = SetLowBalance(child: child, below: below)
        let isKnown = try await database.transaction { try change.run(in: $0) }
        guard isKnown else { throw Problem.notFound }
        return .seeOther("/ledger/children/\(child.text)/limit")
    }
}

extension Money {
    /// As one types it into a field: `150`, `150,50`.
    var typed: String {
        let rest = abs(kopecks % 100)
        return rest == 0 ? "\(kopecks / 100)" : "\(kopecks / 100),\(rest < 10 ? "0" : "")\(rest)"
    }
}

extension String {
    var trimmed: String { trimmingCharacters(in: .whitespacesAndNewlines) }
}

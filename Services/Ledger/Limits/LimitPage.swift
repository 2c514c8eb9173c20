import Directory
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
}

extension LimitPage {
    init(for visit: Visit, _ database: Database, value: String? = nil, error: String? = nil) async throws {
        let purse = try await BalancePage(for: visit, database).purse
        self.init(
            title: visit.tr("Personal purchases"), purse: purse,
            value: value ?? purse.limit.map { $0.limit.typed } ?? "", error: error)
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

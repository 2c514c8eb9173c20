import Foundation
import Kernel
import Postgres
import Web

/// The balance at a terminal (AC-15, AC-19), by account number and without a name (D-05).
struct KioskBalancePage: Page {
    static let template = "kiosk/balance"
    let title: String
    let section = "kiosk-balance"
    let accountNumber: String
    let balance: Money
    let whole: String
    let rest: String
    let isDebt: Bool
    let isOpen: Bool
    let spentToday: String
    /// What the parents' limit leaves for today; nil without a limit.
    let limitLeft: String?

    init(for visit: Visit, _ guest: KioskGuest, _ database: Database) async throws {
        let account = try await database.read { try $0.account(of: guest.pupil, at: visit.now) }
        guard let account else { throw Problem.notFound }
        let figure = visit.format.parts(account.balance)
        title = visit.tr("Balance")
        accountNumber = account.number.spacedNumber
        balance = account.balance
        whole = figure.whole
        rest = figure.rest
        isDebt = account.balance < .zero
        isOpen = account.isOpen
        spentToday = visit.money(account.spentToday)
        limitLeft = account.limit.left.map { visit.money($0) }
    }
}

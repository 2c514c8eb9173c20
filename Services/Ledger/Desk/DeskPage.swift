import Directory
import Events
import Foundation
import Kernel
import Postgres
import Web

/// The cash desk: an accountant finds an account by its number or by the ИДН and puts cash on it (AC-04).
///
/// Names are never shown here (D-05).
struct DeskPage: Page {
    struct Receipt: Encodable, Sendable, Equatable {
        let topUpID: UUID
        let time: String
        let receipt: String
        let accountNumber: String
        let accountNumberText: String
        let pupilCode: String
        let amount: Money
        let amountText: String
    }

    /// What was typed, and what is wrong with it.
    struct Typed: Encodable, Sendable, Equatable {
        var id: UUID
        var amount = ""
        var receipt = ""
        var amountError: String?
        var receiptError: String?
        var formError: String?
    }

    static let template = "desk/show"
    let title: String
    let section = "desk"
    let code: String
    let codeError: String?
    let purse: Purse?
    let form: Typed
    let formPath: String?
    /// A sentence about the top-up just made.
    let done: String?
    let receipts: [Receipt]
    let hasReceipts: Bool
    let total: Money
    let totalText: String
}

extension DeskPage {
    /// - Parameters:
    ///   - child: whose account the form is for, when it is shown again after an error.
    ///   - typed: what was typed then.
    init(for visit: Visit, _ database: Database, child: UUID? = nil, typed: Typed? = nil) async throws {
        let code = (visit.query("code") ?? "").trimmed.replacing(" ", with: "").replacing("\u{a0}", with: "")
        let doneID = visit.query("done").flatMap(UUID.init(uuidString:))
        let read = try await database.read { tx -> Reading in
            let schools = Set(
                try Directory.places(of: visit.viewer, .topUpAtDesk, in: tx).filter { $0.classID == nil }.map(\.schoolID))
            var account: Account?
            if let child {
                account = try tx.account(of: child, at: visit.now)
            } else if !code.isEmpty {
                account = try tx.accounts(.code(code), at: visit.now).first
            }
            if let found = account, !schools.contains(found.schoolID) { account = nil }
            return Reading(
                account: account, receipts: try tx.receipts(of: Array(schools), at: visit.now, visit),
                done: try doneID.flatMap { try tx.receipt(of: $0, schools: Array(schools)) })
        }
        let purse = read.account.map { Purse($0, lunch: nil, for: visit) }
        if let purse { visit.looks(at: purse.child) }
        let total = read.receipts.reduce(Money.zero) { $0 + $1.amount }
        self.init(
            title: visit.tr("Cash desk"), code: purse?.accountNumber ?? code,
            codeError: !code.isEmpty && purse == nil
                ? visit.tr("No account has this number or code. Check the digits on the contract.") : nil,
            purse: purse, form: typed ?? Typed(id: .v7(at: visit.now)),
            formPath: purse.flatMap { $0.isOpen ? "/ledger/children/\($0.child.text)/top-ups" : nil },
            done: read.done.map {
                visit.tr("%@ put on account %@, receipt no. %@.", visit.money($0.amount), $0.number.spacedNumber, $0.receipt)
            },
            receipts: read.receipts, hasReceipts: !read.receipts.isEmpty, total: total, totalText: visit.money(total))
    }

    private struct Reading: Sendable {
        let account: Account?
        let receipts: [Receipt]
        let done: (amount: Money, number: String, receipt: String)?
    }
}

extension Transaction {
    /// What the desks of these schools took today, newest first.
    fileprivate func receipts(of schools: [UUID], at now: Date, _ visit: Visit) throws -> [DeskPage.Receipt] {
        try rows(
            """
            select t.id, t.made_at, b.time_zone, t.receipt, m.number, m.pupil_code, t.amount
            from school_books b
            join receipt r on r.desk_id = b.cash_desk_id
            join transfer t on t.id = r.transfer_id
            join meals_account m on m.id = t.account_id
            where b.school_id = any(\(schools)) and t.business_on = (\(now) at time zone b.time_zone)::date
            order by t.made_at desc limit 500
            """,
            as: UUID.self, Date.self, String.self, String.self, String.self, String.self, Money.self
        ).map { row in
            DeskPage.Receipt(
                topUpID: row.0, time: visit.time(row.1, in: SchoolZone(row.2) ?? .moscow), receipt: row.3,
                accountNumber: row.4, accountNumberText: row.4.spacedNumber, pupilCode: row.5, amount: row.6,
                amountText: visit.plain(row.6))
        }
    }

    /// One top-up made at a desk of these schools.
    fileprivate func receipt(of id: UUID, schools: [UUID]) throws -> (amount: Money, number: String, receipt: String)? {
        try first(
            """
            select t.amount, m.number, t.receipt from transfer t join meals_account m on m.id = t.account_id
            where t.id = \(id) and t.method = 'cashDesk' and m.school_id = any(\(schools))
            """, as: Money.self, String.self, String.self
        ).map { (amount: $0.0, number: $0.1, receipt: $0.2) }
    }
}

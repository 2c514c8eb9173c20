import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// An accountant takes cash at the desk and puts it on a child's account (AC-04).
///
/// The id is made by the form before it is sent, so a form sent twice tops up once.
struct TopUpAtDesk: Equatable {
    let id: UUID
    let child: UUID
    let amount: Money
    /// Number of the receipt given; one number is used once at a desk.
    let receipt: String
    let by: UUID

    /// The most one receipt may bring: beyond it is a slip of the finger.
    static let most = Money(kopecks: 10_000_000)

    /// Posts the transfer and says so.
    ///
    /// - Returns: the account afterwards.
    /// - Throws: `TopUpRefused`.
    func run(in transaction: borrowing Transaction, _ outbox: Outbox, at now: Date) throws -> Account {
        guard amount > .zero, amount <= Self.most else { throw TopUpRefused.notAnAmount }
        let accountID = Account.id(of: child)
        if let (school) = try transaction.first("select school_id from meals_account where id = \(accountID)", as: UUID.self) {
            try transaction.numberAtDesk(by, of: OrganisationAccount.cashDesk.id(of: school))
        }
        guard let account = try transaction.lockedAccount(.child(child), at: now) else { throw TopUpRefused.noAccount }

        if let (kind, known, sum, paper) = try transaction.first(
            "select kind, account_id, amount, receipt from movement where id = \(id)",
            as: String.self, UUID.self, Money.self, String?.self)
        {
            guard kind == "topUp", known == accountID, sum == amount, paper == receipt else {
                throw TopUpRefused.repeatedWithOtherContents
            }
            return account
        }
        guard account.isOpen else { throw TopUpRefused.accountClosed }
        // Taken before the question, so that a closing that is under way is waited for; the books ask once more themselves.
        try transaction.execute("select from school_books where school_id = \(account.schoolID) for share")
        guard try !transaction.isDeskDayClosed(account.today, of: account.schoolID) else { throw TopUpRefused.dayClosed }

        let desk = OrganisationAccount.cashDesk.id(of: account.schoolID)
        guard
            try transaction.execute(
                """
                insert into receipt (desk_id, number, transfer_id) values (\(desk), \(receipt), \(id))
                on conflict do nothing
                """) == 1
        else { throw TopUpRefused.receiptUsed }
        return try transaction.post(
            TopUp(id: id, amount: amount, method: .cashDesk, receipt: receipt, by: by), to: account, outbox, at: now)
    }
}

/// Why money was not put on an account.
enum TopUpRefused: Error, Equatable {
    case notAnAmount
    case noAccount
    case accountClosed
    /// The desk has been counted and closed for today.
    case dayClosed
    /// The desk has given a receipt of this number before.
    case receiptUsed
    /// The same form was sent before with another child, amount or receipt.
    case repeatedWithOtherContents
}

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
        guard
            let (isOpen, schoolID, day) = try transaction.first(
                """
                select m.is_open, m.school_id, (\(now) at time zone b.time_zone)::date
                from meals_account m join school_books b on b.school_id = m.school_id
                where m.id = \(accountID) for update of m
                """, as: Bool.self, UUID.self, Day.self)
        else { throw TopUpRefused.noAccount }

        if let (kind, known, sum, paper) = try transaction.first(
            "select kind, account_id, amount, receipt from transfer where id = \(id)",
            as: String.self, UUID.self, Money.self, String?.self)
        {
            guard kind == "topUp", known == accountID, sum == amount, paper == receipt,
                let account = try transaction.account(of: child, at: now)
            else { throw TopUpRefused.repeatedWithOtherContents }
            return account
        }
        guard isOpen else { throw TopUpRefused.accountClosed }

        let desk = OrganisationAccount.cashDesk.id(of: schoolID)
        guard
            try transaction.execute(
                """
                insert into receipt (desk_id, number, transfer_id) values (\(desk), \(receipt), \(id))
                on conflict do nothing
                """) == 1
        else { throw TopUpRefused.receiptUsed }
        try transaction.execute(
            """
            with mine as (
                update meals_account
                set balance = balance + \(amount), position = position + 1, version = version + 1
                where id = \(accountID)
                returning id, balance, position
            ), moved as (
                insert into transfer (id, kind, account_id, made_at, business_on, amount, what, method, receipt, by_id)
                values (\(id), 'topUp', \(accountID), \(now), \(day), \(amount), '', 'cashDesk', \(receipt), \(by))
            ), noted as (
                insert into organisation_movement (account_id, amount) values (\(desk), \(-amount))
            )
            insert into entry (transfer_id, account_id, amount, position, balance)
            select \(id), id, \(amount), position, balance from mine
            union all
            select \(id), \(desk), \(-amount), null, null
            """)
        guard let account = try transaction.account(of: child, at: now) else { throw TopUpRefused.noAccount }
        try outbox.publish(
            TopUpPosted(
                topUpID: id, personID: child, amount: amount, method: .cashDesk, receipt: receipt, by: by,
                postedAt: now, account: account.state),
            in: transaction)
        return account
    }
}

/// Why money was not put on an account.
enum TopUpRefused: Error, Equatable {
    case notAnAmount
    case noAccount
    case accountClosed
    /// The desk has given a receipt of this number before.
    case receiptUsed
    /// The same form was sent before with another child, amount or receipt.
    case repeatedWithOtherContents
}

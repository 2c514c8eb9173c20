import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// Money that came in: one transfer from where it came to a child's account, whatever the way.
struct TopUp: Equatable {
    /// Follows from what brought the money, so that whoever posts it twice posts it once.
    let id: UUID
    let amount: Money
    let method: TopUpMethod
    /// Through whom or with what, as the statement says it; empty when the method says enough.
    var what = ""
    var receipt: String?
    var by: UUID?
}

/// Which account to lock.
enum LockedAccount {
    case child(UUID)
    /// The personal account number (ID-31).
    case number(String)
}

extension Transaction {
    /// An account whose row stays ours until the end of the transaction.
    func lockedAccount(_ key: LockedAccount, at now: Date) throws -> Account? {
        let condition: SQL =
            switch key {
            case .child(let child): "person_id = \(child)"
            case .number(let number): "number = \(number)"
            }
        guard
            let (child) = try first("select person_id from meals_account where \(condition) for update", as: UUID.self)
        else { return nil }
        return try account(of: child, at: now)
    }

    /// Posts a top-up and says so. The account's row must be locked and its owner entitled to the money.
    ///
    /// - Returns: the account afterwards.
    @discardableResult
    func post(_ topUp: TopUp, to account: Account, _ outbox: Outbox, at now: Date) throws -> Account {
        let source = OrganisationAccount(topUp.method).id(of: account.schoolID)
        try execute(
            """
            with mine as (
                update meals_account
                set balance = balance + \(topUp.amount), position = position + 1, version = version + 1
                where id = \(account.id)
                returning id, balance, position
            ), moved as (
                insert into transfer (id, kind, account_id, made_at, business_on, amount, what, method, receipt, by_id)
                values (\(topUp.id), 'topUp', \(account.id), \(now), \(account.today), \(topUp.amount), \(topUp.what),
                    \(topUp.method.rawValue), \(topUp.receipt), \(topUp.by))
            ), noted as (
                insert into organisation_movement (account_id, amount) values (\(source), \(-topUp.amount))
            )
            insert into entry (transfer_id, account_id, amount, position, balance)
            select \(topUp.id), id, \(topUp.amount), position, balance from mine
            union all
            select \(topUp.id), \(source), \(-topUp.amount), null, null
            """)
        guard let after = try self.account(of: account.personID, at: now) else { return account }
        try outbox.publish(
            TopUpPosted(
                topUpID: topUp.id, personID: account.personID, amount: topUp.amount, method: topUp.method,
                receipt: topUp.receipt, by: topUp.by, postedAt: now, account: after.state),
            in: self)
        return after
    }
}

extension OrganisationAccount {
    /// Where money of a way of paying comes from.
    init(_ method: TopUpMethod) {
        switch method {
        case .cashDesk: self = .cashDesk
        case .bankCard: self = .acquiring
        case .terminal: self = .terminal
        case .bankRegister: self = .bankRegister
        }
    }
}

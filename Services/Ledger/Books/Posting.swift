import Events
import Foundation
import Kernel
import Postgres

/// One balanced movement, as it is written into the books: what it is, and what it does to each account.
///
/// Charges and their withdrawals are posted by `decide_charges`, `post_charge` and `withdraw_charges`, top-ups by ``TopUp``; everything
/// else by this.
struct Posting {
    /// What a movement is called in the books.
    enum Kind: String {
        case familyTransfer, refund, payout, accrual, expiry, `return`
    }

    /// A leg: how much comes to an account, or goes from it when it is below zero.
    struct Leg {
        enum Place: String {
            case meals, subsidy, organisation
        }

        let accountID: UUID
        let place: Place
        let amount: Money

        static func meals(_ accountID: UUID, _ amount: Money) -> Leg { Leg(accountID: accountID, place: .meals, amount: amount) }

        static func subsidy(_ accountID: UUID, _ amount: Money) -> Leg { Leg(accountID: accountID, place: .subsidy, amount: amount) }

        static func organisation(_ accountID: UUID, _ amount: Money) -> Leg {
            Leg(accountID: accountID, place: .organisation, amount: amount)
        }
    }

    /// The key of idempotence.
    let id: UUID
    let kind: Kind
    /// The account it is about.
    let accountID: UUID
    /// The other child's account, of a transfer within a family.
    var otherID: UUID?
    let amount: Money
    let day: Day
    var what = ""
    let by: UUID?
    var askedBy: UUID?
    /// The number of its paper.
    var receipt: String?
    /// The charge that a refund gives back.
    var refund: RefundedCharge?
    /// The top-up that a return gives back, and the way it came.
    var returned: ReturnedTopUp?
    let legs: [Leg]

    struct ReturnedTopUp {
        let topUpID: UUID
        let method: TopUpMethod
    }

    /// What a refund repeats of its charge.
    struct RefundedCharge {
        let chargeID: UUID
        let saleID: UUID
        let purchase: Purchase
        let device: UUID?
    }
}

/// What was paid for: what the child bought himself, a meal with the class, or a paid service (AC-07, ID-35).
enum Purchase: String {
    case personal, collective, service

    /// As others are told of it; nil for a service, which is told of by messages of its own.
    var kind: PurchaseKind? { PurchaseKind(rawValue: rawValue) }
}

extension Transaction {
    /// Whether a movement of this id has been posted: whatever it was, no other one can have it.
    func isPosted(_ id: UUID) throws -> Bool { try first("select true from movement where id = \(id)", as: Bool.self) ?? false }

    /// Locks children's accounts in the order of their ids, as charging does: whoever needs several waits, and never in a ring.
    ///
    /// - Returns: the ids of the accounts that exist.
    func lock(accounts: [UUID]) throws -> Set<UUID> {
        Set(
            try rows(
                "select id from meals_account where id = any(\(accounts)) order by id for update", as: UUID.self))
    }

    /// Writes a movement; the children's accounts must be locked.
    func post(_ posting: Posting, at now: Date) throws {
        let legs = posting.legs.filter { $0.amount != .zero }
        try execute(
            """
            with leg as materialized (
                select * from unnest(\(legs.map(\.accountID)), \(legs.map(\.amount)), \(legs.map(\.place.rawValue)))
                    as leg(account_id, amount, place)
            ), mine as (
                update meals_account m
                set balance = m.balance + leg.amount, position = m.position + 1, version = m.version + 1
                from leg where leg.place = 'meals' and m.id = leg.account_id
                returning m.id, leg.amount, m.position, m.balance
            ), granted as (
                -- What a refund brings to a subsidy that has ended is there until it goes back to the municipality.
                update subsidy s set balance = s.balance + leg.amount, position = s.position + 1, ended_at = null
                from leg where leg.place = 'subsidy' and s.id = leg.account_id
                returning s.id, leg.amount, s.position, s.balance
            ), moved as (
                insert into transfer (id, kind, account_id, other_id, made_at, business_on, amount, what, by_id,
                    asked_by_id, receipt, refunds, sale_id, purchase, device_id, returns, method)
                values (\(posting.id), \(posting.kind.rawValue), \(posting.accountID), \(posting.otherID), \(now),
                    \(posting.day), \(posting.amount), \(posting.what), \(posting.by), \(posting.askedBy), \(posting.receipt),
                    \(posting.refund?.chargeID), \(posting.refund?.saleID), \(posting.refund?.purchase.rawValue),
                    \(posting.refund?.device), \(posting.returned?.topUpID), \(posting.returned?.method.rawValue))
            ), noted as (
                insert into organisation_movement (account_id, amount)
                select account_id, amount from leg where place = 'organisation'
            )
            insert into entry (transfer_id, account_id, amount, position, balance)
            select \(posting.id)::uuid, id, amount, position, balance from mine
            union all
            select \(posting.id)::uuid, id, amount, position, balance from granted
            union all
            select \(posting.id)::uuid, account_id, amount, null, null from leg where place = 'organisation'
            """)
    }
}

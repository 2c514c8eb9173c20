import Events
import Foundation
import Kernel
import Messaging
import Postgres

extension Transaction {
    /// Decides many charges in one round trip (AC-10, AC-11, AC-07, AC-08; `charge_refusal.sql` and its like has the rules). One by itself has a
    /// way of its own, which costs little more than its writes.
    ///
    /// - Parameter now: Ledger's clock: it decides the business day (D-01) and what came too late.
    /// - Returns: one outcome for each charge, in their order; nil where another copy is deciding the same id at
    ///   this moment.
    /// - Throws: `RunAgain` when one by itself is known, or waits for another attempt of its sale: run again it is decided as among many.
    func decide(_ charges: [Charge], at now: Date) throws -> [ChargeOutcome?] {
        if charges.count == 1, let outcome = try post(charges[0], at: now) { return [outcome] }
        var outcomes: [ChargeOutcome?] = Array(repeating: nil, count: charges.count)
        let rows = try rows(
            """
            select place, outcome, state, reason, available, limit_left, business_on, decided_at, used_allowance,
                account_id, version, school_id, number, balance, daily_limit, spent_today, today, is_open, low_below
            from decide_charges(
                \(charges.map(\.chargeID)), \(charges.map(\.saleID)), \(charges.map { Int32(clamping: $0.attempt) }),
                \(charges.map(\.personID)), \(charges.map(\.amount)), \(charges.map(\.kind.rawValue)),
                \(charges.map(\.what)), \(charges.map(\.tillID)), \(charges.map(\.by)), \(charges.map(\.soldAt)),
                \(charges.map(\.expiresAt)), \(charges.map(\.offlineDay)), \(charges.map(\.allowanceID)), \(now))
            """,
            as: Int.self, String.self, String?.self, String?.self, Money?.self, Money?.self, Day?.self, Date?.self,
            UUID?.self, UUID?.self, Int64?.self, UUID?.self, String?.self, Money?.self, Money?.self, Money?.self,
            Day?.self, Bool?.self, Money?.self)
        let reversed = rows.filter { $0.2 == ChargeState.reversed.rawValue }.map { charges[$0.0 - 1].chargeID }
        let givenBack = try givenBack(by: reversed)
        for row in rows {
            let charge = charges[row.0 - 1]
            outcomes[row.0 - 1] = ChargeOutcome(
                verdict: try .read(row.1), state: row.2.flatMap(ChargeState.init),
                reason: row.3.flatMap(DeclineReason.init), amount: givenBack[charge.chargeID] ?? charge.amount, kind: charge.kind,
                available: row.3 == nil ? nil : row.4, limitLeft: row.3 == nil ? nil : row.5, day: row.6, at: row.7,
                usedAllowance: row.8, lowBelow: row.18,
                account: AccountState(
                    columns: (row.9, row.10, row.11, row.12, row.13, row.14, row.15, row.16, row.17),
                    of: charge.personID))
        }
        return outcomes
    }

    /// Posts a charge that is plain (`PostCharge.swift`); nil when it is not, and then nothing was done.
    ///
    /// - Throws: `RunAgain` when its row would be a duplicate: the way of many says what follows of that.
    private func post(_ charge: Charge, at now: Date) throws -> ChargeOutcome? {
        guard charge.allowanceID == nil, !isRepeat else { return nil }
        do {
            let rows = try rows(
                .posting(charge, at: now),
                as: Day.self, Date.self, UUID.self, Int64.self, UUID.self, String.self, Money.self, Money?.self, Money.self, Day.self,
                Money?.self)
            return rows.first.map { row in
                ChargeOutcome(
                    verdict: .new, state: .posted, reason: nil, amount: charge.amount, kind: charge.kind, available: nil, limitLeft: nil,
                    day: row.0, at: row.1, usedAllowance: nil, lowBelow: row.10,
                    account: AccountState(
                        accountID: row.2, version: row.3, personID: charge.personID, schoolID: row.4, accountNumber: row.5,
                        balance: row.6, dailyLimit: row.7, spentToday: row.8, day: row.9, isOpen: true))
            }
        } catch let error as PostgresError where error.isDuplicate {
            throw RunAgain()
        }
    }

    /// What reversals of charges gave back: what refunds had left of them. Whoever repeats such a charge hears the same sum as
    /// whoever withdrew it.
    private func givenBack(by charges: [UUID]) throws -> [UUID: Money] {
        guard !charges.isEmpty else { return [:] }
        let rows = try rows(
            "select id, amount - refunded from charge where id = any(\(charges)) and state = 'reversed'", as: UUID.self, Money.self)
        return Dictionary(rows, uniquingKeysWith: { first, _ in first })
    }

    /// Ends attempts that their sender gave up: reverses what was posted, and makes sure that what was never seen
    /// can never be posted any more.
    func withdraw(_ withdrawals: [WithdrawCharge], at now: Date) throws -> [ChargeOutcome?] {
        var outcomes: [ChargeOutcome?] = Array(repeating: nil, count: withdrawals.count)
        let reversals = withdrawals.map { UUID.derived(from: $0.chargeID, "reversal") }
        let rows = try rows(
            """
            select place, outcome, state, reason, amount, purchase, available, limit_left, decided_at,
                account_id, version, school_id, number, balance, daily_limit, spent_today, today, is_open
            from withdraw_charges(
                \(withdrawals.map(\.chargeID)), \(withdrawals.map(\.saleID)),
                \(withdrawals.map { Int32(clamping: $0.attempt) }), \(withdrawals.map(\.personID)),
                \(withdrawals.map(\.reason)), \(reversals), \(now))
            """,
            as: Int.self, String.self, String?.self, String?.self, Money?.self, String?.self, Money?.self, Money?.self,
            Date?.self, UUID?.self, Int64?.self, UUID?.self, String?.self, Money?.self, Money?.self, Money?.self,
            Day?.self, Bool?.self)
        for row in rows {
            outcomes[row.0 - 1] = ChargeOutcome(
                verdict: try .read(row.1), state: row.2.flatMap(ChargeState.init),
                reason: row.3.flatMap(DeclineReason.init), amount: row.4, kind: row.5.flatMap(PurchaseKind.init),
                available: row.6, limitLeft: row.7, day: row.16, at: row.8, usedAllowance: nil,
                account: AccountState(
                    columns: (row.9, row.10, row.11, row.12, row.13, row.14, row.15, row.16, row.17),
                    of: withdrawals[row.0 - 1].personID))
        }
        return outcomes
    }
}

extension ChargeVerdict {
    fileprivate static func read(_ text: String) throws -> ChargeVerdict {
        guard let verdict = ChargeVerdict(rawValue: text) else { throw UnknownVerdict(text: text) }
        return verdict
    }
}

/// The database answered with a word this program does not know: their versions differ.
struct UnknownVerdict: Error {
    let text: String
}

extension AccountState {
    /// The account in a row of an outcome; nil when the child has none.
    fileprivate init?(
        columns: (UUID?, Int64?, UUID?, String?, Money?, Money?, Money?, Day?, Bool?), of personID: UUID
    ) {
        guard let id = columns.0, let version = columns.1, let school = columns.2, let number = columns.3,
            let balance = columns.4, let spent = columns.6, let today = columns.7, let isOpen = columns.8
        else { return nil }
        self.init(
            accountID: id, version: version, personID: personID, schoolID: school, accountNumber: number,
            balance: balance, dailyLimit: columns.5, spentToday: spent, day: today, isOpen: isOpen)
    }
}

import Events
import Foundation
import Kernel

@testable import Ledger

/// The rules of charging, told as slowly and plainly as possible, to hold the books against.
///
/// One child after the other, one command after the other, no database.
struct NaiveBooks {
    struct Purse: Equatable {
        var balance = Money.zero
        var limit: Money?
        var spent: [Day: Money] = [:]
        var isOpen = true
    }

    struct Known: Equatable {
        let charge: Charge?
        let attempt: Attempt
        var state: ChargeState
        var reason: DeclineReason?
        let day: Day
    }

    enum Answer: Equatable {
        case ended(ChargeState, DeclineReason?)
        case differs
        case early
    }

    var purses: [UUID: Purse] = [:]
    var known: [UUID: Known] = [:]

    mutating func charge(_ charge: Charge, at now: Date, today: Day) -> Answer {
        let attempt = Attempt(charge)
        if let before = known[charge.chargeID] {
            guard before.attempt == attempt else { return .differs }
            if let first = before.charge, first.amount != charge.amount || first.kind != charge.kind { return .differs }
            return .ended(before.state, before.reason)
        }
        let siblings = known.values.filter { $0.attempt.saleID == charge.saleID && $0.attempt.personID == charge.personID }
        if siblings.contains(where: { $0.state == .posted }) { return .early }

        let day = charge.offlineDay.map { min($0, today) } ?? today
        let reason = refusal(of: charge, on: day, at: now)
        known[charge.chargeID] = Known(
            charge: charge, attempt: attempt, state: reason == nil ? .posted : .declined, reason: reason, day: day)
        if reason == nil {
            purses[charge.personID]?.balance -= charge.amount
            if charge.kind == .personal { purses[charge.personID]?.spent[day, default: .zero] += charge.amount }
        }
        return .ended(reason == nil ? .posted : .declined, reason)
    }

    private func refusal(of charge: Charge, on day: Day, at now: Date) -> DeclineReason? {
        if let expiry = charge.expiresAt, expiry < now { return .tooLate }
        guard let purse = purses[charge.personID] else { return .noAccount }
        if charge.offlineDay != nil { return nil }
        guard purse.isOpen else { return .accountClosed }
        if charge.amount > purse.balance { return .notEnoughMoney }
        let limit = DailyLimit(limit: purse.limit, spent: purse.spent[day] ?? .zero)
        return limit.forbids(charge.amount, charge.kind) ? .dailyLimit : nil
    }

    mutating func withdraw(_ withdrawal: WithdrawCharge, today: Day) -> Answer {
        let attempt = Attempt(withdrawal)
        guard let before = known[withdrawal.chargeID] else {
            known[withdrawal.chargeID] = Known(charge: nil, attempt: attempt, state: .withdrawn, day: today)
            return .ended(.withdrawn, nil)
        }
        guard before.attempt == attempt else { return .differs }
        if before.state == .posted, let charge = before.charge {
            known[withdrawal.chargeID]?.state = .reversed
            purses[charge.personID]?.balance += charge.amount
            if charge.kind == .personal { purses[charge.personID]?.spent[before.day, default: .zero] -= charge.amount }
            return .ended(.reversed, nil)
        }
        return .ended(before.state, before.reason)
    }
}

extension Attempt {
    init(_ charge: Charge) {
        self.init(
            chargeID: charge.chargeID, saleID: charge.saleID, number: charge.attempt, personID: charge.personID)
    }

    init(_ withdrawal: WithdrawCharge) {
        self.init(
            chargeID: withdrawal.chargeID, saleID: withdrawal.saleID, number: withdrawal.attempt,
            personID: withdrawal.personID)
    }
}

import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// When Canteen asks for the price of sales, each is posted or declined with a reason, and said (design §5).
///
/// A repeat is answered with how the attempt ended the first time. A repeat with other contents is parked: somebody
/// is wrong about money, and an operator must see both.
struct WhenChargeIsAsked {
    let now: Date

    func react(to commands: [Received<Charge>], in transaction: borrowing Transaction, _ outbox: Outbox) throws {
        if let wrong = commands.first(where: { $0.event.amount <= .zero || $0.event.attempt < 1 }) {
            throw Unacceptable("charge \(wrong.event.chargeID.text) asks for \(wrong.event.amount.kopecks) kopecks")
        }
        let outcomes = try transaction.decide(commands.map(\.event), at: now)
        var accepted: [(ChargeAccepted, Cause)] = []
        var declined: [(ChargeDeclined, Cause)] = []
        var withdrawn: [(ChargeWithdrawn, Cause)] = []
        var used: [UUID] = []
        var low: [(BalanceLow, Cause)] = []
        for (command, outcome) in zip(commands, outcomes) {
            let charge = command.event
            guard let outcome else { throw NotYet("charge \(charge.chargeID.text) is being decided by another copy") }
            switch outcome.verdict {
            case .differs:
                throw Unacceptable("charge \(charge.chargeID.text) was asked before with other contents, or its id is of another movement")
            case .early:
                throw NotYet("another attempt of sale \(charge.saleID.text) is still paid")
            case .new, .repeat:
                let attempt = Attempt(
                    chargeID: charge.chargeID, saleID: charge.saleID, number: charge.attempt, personID: charge.personID)
                switch attempt.answer(outcome, to: charge) {
                case .accepted(let event): accepted.append((event, command.cause))
                case .declined(let event): declined.append((event, command.cause))
                case .withdrawn(let event): withdrawn.append((event, command.cause))
                case nil: throw NotYet("the account of charge \(charge.chargeID.text) is not there")
                }
                if outcome.verdict == .new, let below = outcome.lowBelow, let account = outcome.account {
                    low.append(
                        (
                            BalanceLow(
                                chargeID: charge.chargeID, personID: charge.personID, below: below, at: now, account: account),
                            command.cause
                        ))
                }
                if outcome.verdict == .new, let allowance = outcome.usedAllowance { used.append(allowance) }
            }
        }
        try outbox.publish(each: accepted, in: transaction)
        try outbox.publish(each: declined, in: transaction)
        try outbox.publish(each: withdrawn, in: transaction)
        if !low.isEmpty { try outbox.publish(each: low, in: transaction) }
        if !used.isEmpty { try outbox.publish(transaction.allowances(used), in: transaction) }
    }
}

/// When Canteen gives an attempt up, it ends: what was posted is given back, what was never seen can never be posted
/// any more, and how it ended is said (BY-01).
struct WhenChargeIsWithdrawn {
    let now: Date

    func react(to commands: [Received<WithdrawCharge>], in transaction: borrowing Transaction, _ outbox: Outbox) throws {
        let outcomes = try transaction.withdraw(commands.map(\.event), at: now)
        var declined: [(ChargeDeclined, Cause)] = []
        var withdrawn: [(ChargeWithdrawn, Cause)] = []
        for (command, outcome) in zip(commands, outcomes) {
            let event = command.event
            guard let outcome else { throw NotYet("charge \(event.chargeID.text) is being decided by another copy") }
            guard outcome.verdict != .differs else {
                throw Unacceptable("charge \(event.chargeID.text) belongs to another sale, attempt or child")
            }
            let attempt = Attempt(
                chargeID: event.chargeID, saleID: event.saleID, number: event.attempt, personID: event.personID)
            switch attempt.answer(outcome) {
            case .withdrawn(let answer): withdrawn.append((answer, command.cause))
            case .declined(let answer): declined.append((answer, command.cause))
            case .accepted, nil: throw NotYet("charge \(event.chargeID.text) has not ended")
            }
        }
        try outbox.publish(each: declined, in: transaction)
        try outbox.publish(each: withdrawn, in: transaction)
    }
}

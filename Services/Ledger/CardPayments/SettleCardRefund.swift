import Events
import Foundation
import Kernel
import Logging
import Messaging
import Postgres

/// Brings money back to a card: asks the acquirer with the refund's own key until it says yes or no, and writes what follows
/// once, under the lock of the account.
struct SettleCardRefund: Sendable {
    let database: Database
    let outbox: Outbox
    let acquirer: any Acquirer
    let logger: Logger

    /// - Returns: how it stands afterwards; nil when there is none.
    @discardableResult
    func run(_ id: UUID, at now: Date) async throws -> CardRefund? {
        guard let refund = try await noteAsking(id, at: now) else { return nil }
        guard refund.state == .asked else { return refund }
        do {
            guard let told = try await ask(about: refund, at: now) else { return refund }
            switch told.status {
            case .pending:
                try await database.execute("update card_refund set acquirer_id = \(told.id) where id = \(id) and state = 'asked'")
            case .succeeded: try await end(refund, .returned, told.id, answer: nil, at: now)
            case .canceled: try await end(refund, .refused, told.id, answer: told.reason ?? "canceled", at: now)
            }
        } catch AcquirerFailure.refused(let code, let words) {
            logger.error("the acquirer refused a refund", metadata: ["refund": "\(id.text)", "code": "\(code)", "words": "\(words)"])
            try await end(refund, .refused, refund.acquirerID, answer: code, at: now)
        } catch AcquirerFailure.notTrusted(let why) {
            logger.critical("alarm: \(AcquirerFailure.notTrusted(why))", metadata: ["refund": "\(id.text)"])
        } catch let failure as AcquirerFailure {
            // It is asked again at its time, with the same key.
            logger.warning("the acquirer was asked in vain", metadata: ["refund": "\(id.text)", "error": "\(failure)"])
        }
        return try await database.read { try $0.cardRefund(id) }
    }

    private func noteAsking(_ id: UUID, at now: Date) async throws -> CardRefund? {
        try await database.transaction { tx in
            guard let refund = try tx.cardRefund(id, isLocked: true), refund.state == .asked else { return try tx.cardRefund(id) }
            try tx.execute(
                "update card_refund set asks = asks + 1, ask_at = \(now + CardRules.pause(afterAsks: refund.asks)) where id = \(id)")
            return refund
        }
    }

    /// - Returns: nil when it must not be asked again: the key is forgotten, and another one might give the money back twice.
    private func ask(about refund: CardRefund, at now: Date) async throws -> AcquirerRefund? {
        if let known = refund.acquirerID { return try await acquirer.refund(known) }
        guard now.timeIntervalSince(refund.askedAt) <= CardRules.keyLives else {
            logger.critical("alarm: for a day nobody knows whether a refund was made: look at the acquirer", metadata: ["refund": "\(refund.id.text)"])
            try await database.execute("update card_refund set ask_at = \(now + 3600) where id = \(refund.id) and state = 'asked'")
            return nil
        }
        guard let payment = try await database.read({ try $0.cardPayment(.id(refund.paymentID)) }), let paid = payment.acquirerID else {
            return nil
        }
        return try await acquirer.refund(paid, amount: refund.total, reason: refund.reason, receipt: refund.receipt, key: refund.id)
    }

    private func end(_ asked: CardRefund, _ state: CardRefund.State, _ acquirerID: String?, answer: String?, at now: Date) async throws {
        try await database.transaction { [outbox] tx in
            guard let payment = try tx.cardPayment(.id(asked.paymentID)),
                let account = try tx.lockedAccount(.child(payment.child), at: now),
                let refund = try tx.cardRefund(asked.id, isLocked: true), refund.state == .asked
            else { return }
            if state == .returned {
                // Out of the account that the money came from, also when the pupil is at another school by now.
                guard
                    let (source) = try tx.first(
                        "select account_id from entry where transfer_id = \(payment.transferID) and position is null", as: UUID.self)
                else { return }
                try tx.post(
                    Posting(
                        id: refund.transferID, kind: .return, accountID: account.id, amount: refund.amount, day: account.today,
                        what: payment.card ?? "", by: refund.by, returned: .init(topUpID: payment.transferID, method: .bankCard),
                        legs: [.meals(account.id, -refund.amount), .organisation(source, refund.amount)]),
                    at: now)
            }
            try tx.execute(
                """
                update card_refund set state = \(state.rawValue), acquirer_id = \(acquirerID), answer = \(answer), receipt = null,
                    ask_at = null, ended_at = \(now), transfer_id = \(state == .returned ? refund.transferID : nil)
                where id = \(refund.id)
                """)
            try tx.execute(
                "update meals_account set held = held - \(refund.amount), version = version + 1 where id = \(account.id)")
            try tx.tell(payment.child, outbox, at: now)
        }
    }
}

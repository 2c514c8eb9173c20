import Events
import Foundation
import Kernel
import Logging
import Messaging
import Postgres

/// Brings a payment forward: asks the acquirer what became of it and does what follows, once, whoever asks how often.
///
/// The payer's return, a notification and the background loop all come here; none of them is believed, each is only a
/// reason to ask. Between the questions nothing is locked; what follows is decided again under the lock of the payment's
/// row, and the transfer's id follows from the payment, so two copies that hear the same do it once.
struct SettleCardPayment: Sendable {
    let database: Database
    let outbox: Outbox
    let acquirer: any Acquirer
    /// Where payers come back to: `https://cabinet.example`.
    let publicAddress: String
    let logger: Logger

    /// What brings refunds of credited payments forward.
    var refunds: SettleCardRefund { SettleCardRefund(database: database, outbox: outbox, acquirer: acquirer, logger: logger) }

    /// - Returns: how the payment stands afterwards; nil when there is none.
    @discardableResult
    func run(_ id: UUID, at now: Date) async throws -> CardPayment? {
        guard let payment = try await noteAsking(id, at: now) else { return nil }
        do {
            switch payment.state {
            case .asked: try await create(payment, at: now)
            case .open: try await look(at: payment, at: now)
            case .returning: try await giveBack(payment, at: now)
            case .credited, .cancelled, .refused, .returned, .disputed: break
            }
        } catch AcquirerFailure.notTrusted(let why) {
            logger.critical("alarm: \(AcquirerFailure.notTrusted(why))", metadata: ["payment": "\(id.text)"])
        } catch let failure as AcquirerFailure {
            // It is asked again at its time, with the same key.
            logger.warning("the acquirer was asked in vain", metadata: ["payment": "\(id.text)", "error": "\(failure)"])
        }
        return try await database.read { try $0.cardPayment(.id(id)) }
    }

    /// Counts the question and sets the time of the next one, before the question: a copy that dies asking is followed by
    /// another that asks.
    private func noteAsking(_ id: UUID, at now: Date) async throws -> CardPayment? {
        try await database.transaction { tx in
            guard let payment = try tx.cardPayment(.id(id), isLocked: true), !payment.state.isEnd else {
                return try tx.cardPayment(.id(id))
            }
            try tx.execute(
                """
                update card_payment set asks = asks + 1, asked_at = \(now),
                    ask_at = \(now + CardRules.pause(afterAsks: payment.asks))
                where id = \(id)
                """)
            return payment
        }
    }

    // MARK: Asking for the payment

    private func create(_ payment: CardPayment, at now: Date) async throws {
        if now.timeIntervalSince(payment.madeAt) > CardRules.keyLives {
            return try await end(payment, as: .cancelled, reason: "no_answer", at: now)
        }
        let number = try await database.read {
            try $0.first("select number from meals_account where id = \(payment.accountID)", as: String.self)
        }
        do {
            let told = try await acquirer.create(payment.order(returnTo: publicAddress, accountNumber: number ?? ""))
            guard told.order == payment.id, told.total == payment.total else { return try await dispute(payment, told, at: now) }
            _ = try await database.transaction { tx in
                // Another copy may have heard the same, and more since.
                try tx.execute(
                    """
                    update card_payment set state = 'open', acquirer_id = \(told.id), pay_at = \(told.payAt)
                    where id = \(payment.id) and state = 'asked'
                    """)
            }
            if told.status != .pending { try await follow(told, payment.id, at: now) }
        } catch let failure as AcquirerFailure {
            guard case .refused(let code, let words) = failure else { throw failure }
            logger.error("the acquirer refused a payment", metadata: ["payment": "\(payment.id.text)", "code": "\(code)", "words": "\(words)"])
            try await end(payment, as: .refused, reason: code, at: now)
        }
    }

    // MARK: What became of it

    private func look(at payment: CardPayment, at now: Date) async throws {
        guard let id = payment.acquirerID else { return }
        let told: AcquirerPayment
        do {
            told = try await acquirer.payment(id)
        } catch AcquirerFailure.notFound {
            return logger.critical("alarm: the acquirer does not know a payment that it made", metadata: ["payment": "\(payment.id.text)"])
        }
        try await follow(told, payment.id, at: now)
    }

    private func follow(_ told: AcquirerPayment, _ id: UUID, at now: Date) async throws {
        let step = try await database.transaction { [outbox] tx -> CardRules.Step in
            guard let payment = try tx.cardPayment(.id(id), isLocked: true), payment.state == .open,
                let account = try tx.lockedAccount(.child(payment.child), at: now)
            else { return .wait }
            let step = CardRules.step(told, order: id, total: payment.total, isOpen: account.isOpen)
            switch step {
            case .wait, .capture, .letGo: break
            case .credit:
                let card = told.card.map { "···· \($0)" }
                try tx.execute(
                    """
                    update card_payment set state = 'credited', transfer_id = \(payment.transferID), card = \(card),
                        receipt = null, ask_at = null, ended_at = \(now)
                    where id = \(id)
                    """)
                try tx.post(
                    TopUp(
                        id: payment.transferID, amount: payment.amount, method: .bankCard, what: card ?? "", by: payment.by),
                    to: account, outbox, at: now)
            case .giveBack:
                try tx.execute("update card_payment set state = 'returning', ask_at = \(now) where id = \(id)")
            case .end(let reason):
                try tx.execute(
                    """
                    update card_payment set state = 'cancelled', reason = \(reason), receipt = null, ask_at = null,
                        ended_at = \(now)
                    where id = \(id)
                    """)
            case .dispute:
                try tx.execute(
                    """
                    update card_payment set state = 'disputed', reason = 'other_contents', ask_at = null, ended_at = \(now)
                    where id = \(id)
                    """)
            }
            return step
        }
        guard let payment = try await database.read({ try $0.cardPayment(.id(id)) }) else { return }
        switch step {
        case .capture: try await follow(try await acquirer.capture(told.id, amount: payment.total, key: payment.captureKey), id, at: now)
        case .letGo: try await follow(try await acquirer.cancel(told.id, key: payment.cancelKey), id, at: now)
        case .giveBack: try await giveBack(payment, at: now)
        case .dispute: alarm(payment, told)
        case .wait, .credit, .end: break
        }
    }

    // MARK: Back to the card

    private func giveBack(_ payment: CardPayment, at now: Date) async throws {
        guard payment.state == .returning, let id = payment.acquirerID else { return }
        do {
            // Asked again with the same key it says how the one refund stands; once it is known by name, for ever.
            let told =
                if let known = payment.refundID { try await acquirer.refund(known) } else {
                    try await acquirer.refund(
                        id, amount: payment.total, reason: "Лицевой счёт закрыт", receipt: payment.receipt, key: payment.refundKey)
                }
            switch told.status {
            case .pending:
                try await database.execute("update card_payment set refund_id = \(told.id) where id = \(payment.id) and state = 'returning'")
            case .succeeded: try await end(payment, as: .returned, reason: "account_closed", at: now)
            case .canceled: try await end(payment, as: .disputed, reason: told.reason ?? "refund_refused", at: now)
            }
        } catch let failure as AcquirerFailure {
            guard case .refused(let code, _) = failure else { throw failure }
            logger.critical("alarm: money for a closed account cannot be given back", metadata: ["payment": "\(payment.id.text)", "code": "\(code)"])
            try await end(payment, as: .disputed, reason: code, at: now)
        }
    }

    private func dispute(_ payment: CardPayment, _ told: AcquirerPayment, at now: Date) async throws {
        alarm(payment, told)
        _ = try await database.transaction { tx in
            try tx.execute(
                """
                update card_payment set state = 'disputed', acquirer_id = \(told.id), reason = 'other_contents', ask_at = null,
                    ended_at = \(now)
                where id = \(payment.id) and state = 'asked'
                """)
        }
    }

    private func alarm(_ payment: CardPayment, _ told: AcquirerPayment) {
        logger.critical(
            "alarm: the acquirer tells of another sum or order than was asked for",
            metadata: ["payment": "\(payment.id.text)", "told": "\(told.id)"])
    }

    private func end(_ payment: CardPayment, as state: CardPayment.State, reason: String, at now: Date) async throws {
        _ = try await database.transaction { tx in
            try tx.execute(
                """
                update card_payment set state = \(state.rawValue), reason = \(reason), receipt = null, ask_at = null, ended_at = \(now)
                where id = \(payment.id) and state = \(payment.state.rawValue)
                """)
        }
    }
}

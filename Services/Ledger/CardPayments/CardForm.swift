import Directory
import Foundation
import HTTPTypes
import Kernel
import Logging
import Postgres
import Web

/// Paying by card: the form, the way to the acquirer and back, and the acquirer's notifications (AC-02, BY-03).
struct CardForm: Sendable {
    let database: Database
    /// Nil where no acquirer is configured: then no form is shown.
    let settle: SettleCardPayment?
    let logger: Logger

    /// Begins a payment and asks the acquirer for it; whether it answers or not, the payer goes on to the payment's page.
    func pay(_ visit: Visit) async throws -> Answer {
        let child = try visit.uuid("child")
        guard let settle else { throw Problem.notFound }
        let form = try await visit.form()
        guard let amount = CardPage.amount(form["amount"] ?? "") else {
            throw FieldErrors(["amount": CardPage.sumWords(visit)])
        }
        let email = form["email"]?.trimmed
        let start = StartCardPayment(
            id: form["id"].flatMap(UUID.init(uuidString:)) ?? .v7(at: visit.now), child: child, amount: amount,
            fee: form["fee"].flatMap { Int64($0) }.map(Money.init(kopecks:)) ?? .zero,
            email: email?.isEmpty == false ? email : nil, by: visit.viewer.personID)
        do {
            let payment = try await database.transaction { try start.run(in: $0, at: visit.now) }
            if payment.state == .asked { try await settle.run(payment.id, at: visit.now) }
            return .seeOther(payment.path + "?go=1")
        } catch let refusal as CardPaymentRefused {
            switch refusal {
            case .noAccount, .notTaken: throw Problem.notFound
            case .notAnAmount: throw FieldErrors(["amount": CardPage.sumWords(visit)])
            case .accountClosed: throw FieldErrors(["amount": visit.tr("The account is closed: the pupil has left the school.")])
            case .feeChanged: throw FieldErrors(["amount": visit.tr("The fee has changed. Look at the sum once more.")])
            case .noAddress: throw FieldErrors(["email": visit.tr("Write an e-mail address: the receipt is sent there.")])
            case .tooManyOpen:
                throw FieldErrors([
                    "amount": visit.trn(
                        CardRules.mostOpen, "One payment of this account is waiting already. Finish it, or cancel it at the bank.",
                        "%d payments of this account are waiting already. Finish one of them, or cancel it at the bank.")
                ])
            case .repeatedWithOtherContents:
                throw FieldErrors(["amount": visit.tr("This form was already sent with another sum. Nothing was paid a second time.")])
            }
        }
    }

    /// How a payment stands. Whoever looks while it waits makes us ask the acquirer, but not more than once a second.
    func show(_ visit: Visit) async throws -> Answer {
        let (child, id) = (try visit.uuid("child"), try visit.uuid("payment"))
        guard var payment = try await database.read({ try $0.cardPayment(.id(id)) }), payment.child == child else {
            throw Problem.notFound
        }
        let isJustMade = visit.query("go") == "1"
        if let settle, !payment.state.isEnd, !(isJustMade && payment.payAt != nil), isAskable(payment, at: visit.now) {
            payment = try await settle.run(id, at: visit.now) ?? payment
        }
        let page = try await CardPaymentPage(payment, for: visit, database)
        let answer = Answer.page(page)
        // A form may lead to our own pages only; the browser goes on to the acquirer's by itself from here.
        if isJustMade, payment.state == .open, let address = payment.payAt { return answer.with(.refresh, "0; url=\(address)") }
        if payment.state.isEnd { return answer }
        // Whoever has not been at the bank yet goes there as soon as there is an address.
        return answer.with(.refresh, "3; url=\(payment.path)\(isJustMade && payment.state == .asked ? "?go=1" : "")")
    }

    /// A notification is a hint and never a proof: it only makes us ask. It is always taken, so that nobody repeats it.
    func hear(_ visit: Visit) async throws -> Answer {
        struct Notification: Decodable {
            struct Object: Decodable {
                let id: String
                let payment_id: String?
                let metadata: [String: String]?
            }
            let object: Object
        }
        guard let settle else { throw Problem.notFound }
        let object = try visit.json(Notification.self).object
        let found = try await database.read { tx -> CardPayment? in
            if let payment = try tx.cardPayment(.acquirer(object.payment_id ?? object.id)) { return payment }
            // It may be faster than the answer that tells us its number.
            guard let order = object.metadata?["order"].flatMap(UUID.init(uuidString:)) else { return nil }
            return try tx.cardPayment(.id(order))
        }
        guard let payment = found else {
            logger.warning("a notification of a payment that is not ours", metadata: ["payment": "\(object.id.prefix(64))"])
            return .json([String: String]())
        }
        if object.payment_id != nil {
            // Of a refund: the loop asks about it next, however often this is said.
            try await database.execute(
                "update card_refund set ask_at = \(visit.now) where payment_id = \(payment.id) and state = 'asked' and ask_at > \(visit.now)")
        }
        if !payment.state.isEnd {
            if isAskable(payment, at: visit.now) {
                try await settle.run(payment.id, at: visit.now)
            } else {
                _ = try await database.transaction { tx in
                    try tx.execute(
                        "update card_payment set ask_at = \(visit.now + 1) where id = \(payment.id) and ask_at > \(visit.now + 1)")
                }
            }
        }
        return .json([String: String]())
    }

    /// Anybody can make us ask; nobody can make us ask often.
    private func isAskable(_ payment: CardPayment, at now: Date) -> Bool {
        payment.askedAt.map { now.timeIntervalSince($0) >= 1 } ?? true
    }
}

extension HTTPField.Name {
    // A valid token, so the initialiser cannot fail.
    static let refresh = HTTPField.Name("Refresh")!
}

import Directory
import Foundation
import Kernel
import Messaging
import Postgres
import Web

/// Card payments of a school for its accountant: what people must look at, then the latest, or what was looked for (AC-02).
///
/// Names are never shown here (D-05).
struct CardDeskPage: Page {
    struct Line: Encodable, Sendable, Equatable {
        let id: UUID
        let path: String
        let when: String
        let account: String
        let card: String?
        let state: String
        let stateText: String
        let tone: String?
        let amount: Money
        let amountText: String
    }

    static let template = "desk/cards"
    let title: String
    let section = "desk"
    let code: String
    let codeError: String?
    /// The acquirer says otherwise than was asked.
    let disputed: [Line]
    let hasDisputed: Bool
    let lines: [Line]
    let hasLines: Bool
}

/// A card payment as an accountant needs it.
struct CardPaymentAtDesk: Equatable, Sendable {
    let payment: CardPayment
    let schoolID: UUID
    let accountNumber: String
    let pupilCode: String
    let reason: String?
    let isReturning: Bool
    let returned: Money
}

/// Which payments to read.
enum CardPaymentsAtDesk {
    case latest, disputed
    /// By account number, ИДН or the payment's own number.
    case code(String)
    case id(UUID)
}

extension Transaction {
    /// Card payments of accounts of these schools, newest first.
    func cardPayments(_ key: CardPaymentsAtDesk, schools: [UUID]) throws -> [CardPaymentAtDesk] {
        let condition: SQL =
            switch key {
            case .latest: "p.state <> 'disputed'"
            case .disputed: "p.state = 'disputed'"
            case .code(let code): "(m.number = \(code) or m.pupil_code = \(code) or p.id::text = \(code.lowercased()) or p.acquirer_id = \(code))"
            case .id(let id): "p.id = \(id)"
            }
        let found = try rows(
            """
            select p.id, m.school_id, m.number, m.pupil_code, p.reason,
                exists (select from card_refund r where r.payment_id = p.id and r.state = 'asked'),
                coalesce((select sum(r.amount) from card_refund r where r.payment_id = p.id and r.state = 'returned'), 0)::bigint
            from card_payment p join meals_account m on m.id = p.account_id
            where m.school_id = any(\(schools)) and \(condition)
            order by p.made_at desc, p.id limit 100
            """, as: UUID.self, UUID.self, String.self, String.self, String?.self, Bool.self, Money.self)
        return try found.compactMap { row in
            try cardPayment(.id(row.0)).map {
                CardPaymentAtDesk(
                    payment: $0, schoolID: row.1, accountNumber: row.2, pupilCode: row.3, reason: row.4, isReturning: row.5, returned: row.6)
            }
        }
    }
}

extension CardDeskPage {
    init(for visit: Visit, _ database: Database) async throws {
        let code = (visit.query("code") ?? "").trimmed.replacing(" ", with: "").replacing("\u{a0}", with: "")
        let (disputed, found) = try await database.read { tx in
            let schools = try tx.deskSchools(of: visit.viewer)
            return (
                code.isEmpty ? try tx.cardPayments(.disputed, schools: schools) : [],
                try tx.cardPayments(code.isEmpty ? .latest : .code(code), schools: schools)
            )
        }
        self.init(
            title: visit.tr("Card payments"), code: code,
            codeError: !code.isEmpty && found.isEmpty ? visit.tr("No card payment has this account, pupil code or number.") : nil,
            disputed: disputed.map { Line($0, visit) }, hasDisputed: !disputed.isEmpty, lines: found.map { Line($0, visit) },
            hasLines: !found.isEmpty)
    }
}

extension CardDeskPage.Line {
    init(_ read: CardPaymentAtDesk, _ visit: Visit) {
        let payment = read.payment
        let (words, tone) = visit.deskWords(read)
        self.init(
            id: payment.id, path: "/ledger/schools/\(read.schoolID.text)/card-payments/\(payment.id.text)",
            when: visit.format.moment(payment.madeAt, now: visit.now), account: read.accountNumber.spacedNumber, card: payment.card,
            state: payment.state.rawValue, stateText: words, tone: tone, amount: payment.amount, amountText: visit.plain(payment.amount))
    }
}

extension Visit {
    /// A payment's state in a word or two, and the tone of its tag.
    func deskWords(_ read: CardPaymentAtDesk) -> (String, String?) {
        if read.isReturning { return (tr("on its way back"), "wait") }
        return switch read.payment.state {
        case .asked, .open: (tr("waits for the payer"), "wait")
        case .credited where read.returned == .zero: (tr("on the account"), nil)
        case .credited where read.returned < read.payment.amount: (tr("partly returned"), nil)
        case .credited, .returned: (tr("returned to the card"), nil)
        case .cancelled: (tr("not paid"), nil)
        case .refused: (tr("refused by the bank"), nil)
        case .returning: (tr("on its way back"), "wait")
        case .disputed: (tr("the bank says otherwise"), "alarm")
        }
    }
}

/// One card payment: what is known of it, what went back, and giving it back (AC-02).
struct CardDeskPaymentPage: Page {
    struct Back: Encodable, Sendable, Equatable {
        let id: UUID
        let state: CardRefund.State
        let amount: Money
        let text: String
        let reason: String
        let isWaiting: Bool
    }

    struct Form: Encodable, Sendable, Equatable {
        let id: UUID
        let action: String
        let amount: Field
        let reason: Field
        /// Where the receipt goes; nil where none is made.
        let email: Field?
    }

    static let template = "desk/card"
    let title: String
    let section = "desk"
    let payment: UUID
    let acquirerNumber: String?
    let account: String
    let pupilCode: String
    let when: String
    let card: String?
    let state: String
    let stateText: String
    let tone: String?
    let reason: String?
    let amount: Money
    let amountText: String
    let fee: Money
    let feeText: String
    let totalText: String
    let deskPath: String
    let backs: [Back]
    let hasBacks: Bool
    let wrong: String?
    let form: Form?
    /// Why nothing can be given back just now.
    let closed: String?
}

extension CardDeskPaymentPage {
    init(for visit: Visit, _ database: Database, _ settle: SettleCardPayment?, wrong: FieldErrors = FieldErrors()) async throws {
        let (school, id) = (try visit.uuid("school"), try visit.uuid("payment"))
        let typed = wrong.messages.isEmpty ? nil : try await visit.form()
        let read = try await database.read { tx -> (CardPaymentAtDesk, [CardRefund], Account, CardTerms)? in
            guard let found = try tx.cardPayments(.id(id), schools: [school]).first,
                let account = try tx.account(of: found.payment.child, at: visit.now)
            else { return nil }
            return (found, try tx.cardRefunds(of: [id]), account, try tx.cardTerms(of: school))
        }
        guard let (found, refunds, account, terms) = read else { throw Problem.notFound }
        visit.looks(at: found.payment.child)
        let payment = found.payment
        let (words, tone) = visit.deskWords(found)
        let left = AskCardRefund.left(of: payment, after: refunds)
        let most = max(.zero, min(left, account.available))
        let path = "/ledger/schools/\(school.text)/card-payments/\(id.text)"
        var form: Form?
        if payment.state == .credited, settle != nil, !found.isReturning, most > .zero {
            form = Form(
                // What is wrong with the id is over with a new one.
                id: wrong["id"] == nil ? typed?["id"].flatMap(UUID.init(uuidString:)) ?? .v7(at: visit.now) : .v7(at: visit.now),
                action: path + "/refunds",
                amount: .money(
                    "amount", visit.tr("How much goes back"), value: typed?["amount"] ?? most.typed,
                    hint: payment.fee > .zero && most == left
                        ? visit.tr("Up to %@. With the whole sum the fee of %@ goes back too.", visit.money(most), visit.money(payment.fee))
                        : visit.tr("Up to %@.", visit.money(most)),
                    wrong: wrong["amount"], isRequired: true),
                reason: .text(
                    "reason", visit.tr("Why"), value: typed?["reason"] ?? "", hint: visit.tr("The payer's bank may show it."),
                    wrong: wrong["reason"], most: AskCardRefund.longestReason, isRequired: true),
                email: terms.receipts
                    ? .text(
                        "email", visit.tr("E-mail for the receipt of the return"), value: typed?["email"] ?? "", wrong: wrong["email"],
                        type: "email", autocomplete: "off", isRequired: true) : nil)
        }
        self.init(
            title: visit.tr("Card payment of %@", visit.money(payment.amount)), payment: id, acquirerNumber: payment.acquirerID,
            account: account.number.spacedNumber, pupilCode: account.pupilCode, when: visit.format.moment(payment.madeAt, now: visit.now),
            card: payment.card, state: payment.state.rawValue, stateText: words, tone: tone,
            reason: payment.state == .credited ? nil : found.reason, amount: payment.amount, amountText: visit.money(payment.amount),
            fee: payment.fee, feeText: visit.money(payment.fee), totalText: visit.money(payment.total),
            deskPath: "/ledger/desk?code=\(account.number)", backs: refunds.map { Back($0, visit) }, hasBacks: !refunds.isEmpty,
            wrong: wrong["id"], form: form, closed: form == nil ? visit.whyNothingGoesBack(found, left, settle != nil) : nil)
    }
}

extension CardDeskPaymentPage.Back {
    fileprivate init(_ refund: CardRefund, _ visit: Visit) {
        let when = visit.format.moment(refund.endedAt ?? refund.askedAt, now: visit.now)
        let text =
            switch refund.state {
            case .asked: visit.tr("%@: the bank was asked %@ and has not said yes yet; the sum is held on the account", visit.money(refund.total), when)
            case .returned: visit.tr("%@ went back to the card %@", visit.money(refund.total), when)
            case .refused: visit.tr("%@: the bank refused %@ (%@); the sum is free again", visit.money(refund.total), when, refund.answer ?? "")
            }
        self.init(
            id: refund.id, state: refund.state, amount: refund.amount, text: text, reason: refund.reason, isWaiting: refund.state == .asked)
    }
}

extension Visit {
    /// A sentence for an accountant who cannot give a payment back.
    fileprivate func whyNothingGoesBack(_ read: CardPaymentAtDesk, _ left: Money, _ takesCards: Bool) -> String {
        if read.payment.state == .disputed {
            return tr("The bank tells of another sum or order than was asked for. Nothing was put on the account; settle it with the bank.")
        }
        if read.payment.state != .credited { return tr("Only what came onto the account can go back.") }
        if read.isReturning { return tr("A part of it is on its way back: wait for the bank's answer.") }
        if left == .zero { return tr("All of it has gone back.") }
        if !takesCards { return tr("No bank is connected just now.") }
        return tr("The money has been spent or is held: nothing of it is free on the account.")
    }
}

/// Giving back from the page or by a program.
struct CardRefundForm: Sendable {
    let database: Database
    let outbox: Outbox
    let settle: SettleCardPayment?

    func giveBack(_ visit: Visit) async throws -> Answer {
        let (school, payment) = (try visit.uuid("school"), try visit.uuid("payment"))
        guard let settle else { throw Problem.notFound }
        let form = try await visit.form()
        var wrong = FieldErrors()
        let amount = form["amount"].flatMap { Money($0.trimmed) }
        if amount.map({ $0 <= .zero }) ?? true { wrong["amount"] = visit.tr("Write a sum above zero.") }
        let reason = form["reason"]?.trimmed ?? ""
        if reason.isEmpty || reason.count > AskCardRefund.longestReason { wrong["reason"] = visit.tr("Say in a sentence why the money goes back.") }
        try wrong.throwIfAny()
        let email = form["email"]?.trimmed
        let ask = AskCardRefund(
            id: form["id"].flatMap(UUID.init(uuidString:)) ?? .v7(at: visit.now), paymentID: payment, schoolID: school,
            amount: amount ?? .zero, reason: reason, email: email?.isEmpty == false ? email : nil, by: visit.viewer.personID)
        do {
            let refund = try await database.transaction { [outbox] in try ask.run(in: $0, outbox, at: visit.now) }
            if refund.state == .asked { try await settle.refunds.run(refund.id, at: visit.now) }
        } catch let refusal as CardRefundRefused {
            throw try Self.errors(refusal, visit)
        }
        return .seeOther("/ledger/schools/\(school.text)/card-payments/\(payment.text)")
    }

    private static func errors(_ refusal: CardRefundRefused, _ visit: Visit) throws -> FieldErrors {
        switch refusal {
        case .noPayment: throw Problem.notFound
        case .tooMuch(let most):
            FieldErrors(["amount": visit.tr("So much cannot go back: %@ of it is free on the account and not returned yet.", visit.money(most))])
        case .noReason: FieldErrors(["reason": visit.tr("Say in a sentence why the money goes back.")])
        case .noAddress: FieldErrors(["email": visit.tr("Write an e-mail address: the receipt is sent there.")])
        case .waitsAlready: FieldErrors(["id": visit.tr("A part of it is on its way back: wait for the bank's answer.")])
        case .repeatedWithOtherContents:
            FieldErrors(["id": visit.tr("This form was already sent with other contents. Nothing was given back a second time.")])
        }
    }
}

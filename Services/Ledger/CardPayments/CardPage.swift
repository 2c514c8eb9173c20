import Foundation
import Kernel
import Postgres
import Web

/// Topping up: by card with the fee shown before anything is paid (AC-02, BY-03), and the other ways with what they need.
struct CardPage: Page {
    struct Preset: Encodable, Sendable, Equatable {
        let title: String
        let path: String
        let isCurrent: Bool
    }

    /// What is asked for, before it is paid.
    struct Offer: Encodable, Sendable, Equatable {
        let id: UUID
        let amount: Money
        let amountValue: String
        let amountText: String
        let fee: Money
        let feeKopecks: Int64
        let feeText: String
        let total: Money
        let totalText: String
        let button: String
        /// Where the receipt goes; nil where none is made.
        let email: Field?
    }

    /// A payment that was begun and not finished.
    struct Waiting: Encodable, Sendable, Equatable {
        let id: UUID
        let path: String
        let text: String
    }

    static let template = "top-up/choose"
    let title: String
    let section = "money"
    let purse: Purse
    let path: String
    let payPath: String
    /// Whether cards are taken here and now.
    let takesCards: Bool
    let feeWords: String
    let presets: [Preset]
    let amount: Field
    let offer: Offer?
    let waiting: [Waiting]
    let hasWaiting: Bool
    let transferCode: TransferCode?
}

extension CardPage {
    /// - Parameter wrong: what is wrong with the form that was sent.
    init(for visit: Visit, _ database: Database, takesCards: Bool, wrong: FieldErrors? = nil) async throws {
        let child = try visit.uuid("child")
        let read = try await database.read { tx -> (Account, Money?, CardTerms, BankDetails?, [WaitingCardPayment])? in
            guard let account = try tx.account(of: child, at: visit.now) else { return nil }
            return (
                account, try tx.usualLunch(of: account.id), try tx.cardTerms(of: account.schoolID),
                try tx.bankDetails(of: account.schoolID), try tx.waitingCardPayments(of: child))
        }
        guard let (account, lunch, terms, details, begun) = read else { throw Problem.notFound }
        let purse = Purse(account, lunch: lunch, for: visit)
        let form = wrong == nil ? nil : try await visit.form()
        let typed = form?["amount"] ?? visit.query("amount") ?? ""
        let sum = Self.amount(typed)
        let path = "/ledger/children/\(child.text)/top-up"
        let isTaken = takesCards && terms.isOpen && account.isOpen
        var offer: Offer?
        if let sum, isTaken, wrong?["amount"] == nil {
            let fee = CardRules.fee(of: sum, at: terms.fee)
            offer = Offer(
                id: form?["id"].flatMap(UUID.init(uuidString:)) ?? .v7(at: visit.now), amount: sum, amountValue: sum.typed,
                amountText: visit.money(sum), fee: fee, feeKopecks: fee.kopecks, feeText: visit.money(fee), total: sum + fee,
                totalText: visit.money(sum + fee), button: visit.tr("Pay %@ by card", visit.money(sum + fee)),
                email: terms.receipts
                    ? .text(
                        "email", visit.tr("E-mail for the receipt"), value: form?["email"] ?? "",
                        hint: visit.tr("The receipt is sent there by the bank; we forget the address afterwards."), wrong: wrong?["email"],
                        type: "email", autocomplete: "email", isRequired: true) : nil)
        }
        self.init(
            title: visit.tr("Top up"), purse: purse, path: path, payPath: path, takesCards: isTaken,
            feeWords: terms.fee == 0
                ? visit.tr("No fee. The money can be spent at once.")
                : visit.tr(
                    "The bank's fee of %@ is added; you see it before you pay. The money can be spent at once.", "\(terms.feePercent)\u{a0}%"),
            presets: CardRules.presets.map { preset in
                Preset(title: visit.money(preset), path: "\(path)?amount=\(preset.typed)", isCurrent: preset == sum)
            },
            amount: .money(
                "amount", visit.tr("Sum"), value: typed,
                hint: visit.tr("From %@ to %@", visit.money(CardRules.least), visit.money(CardRules.most)),
                wrong: wrong?["amount"] ?? (typed.isEmpty || sum != nil ? nil : Self.sumWords(visit)), isRequired: true),
            offer: offer,
            waiting: begun.map {
                Waiting(
                    id: $0.id, path: "/ledger/children/\(child.text)/payments/\($0.id.text)",
                    text: visit.tr("%@, begun %@", visit.money($0.total), visit.format.moment($0.madeAt, now: visit.now)))
            },
            hasWaiting: !begun.isEmpty,
            transferCode: account.isOpen ? try details.map { try TransferCode($0, account: account, sum: sum, for: visit) } : nil)
    }

    /// A sum that may be paid by card.
    static func amount(_ text: String) -> Money? {
        Money(text).flatMap { $0 >= CardRules.least && $0 <= CardRules.most ? $0 : nil }
    }

    static func sumWords(_ visit: Visit) -> String {
        visit.tr("Write a sum from %@ to %@.", visit.money(CardRules.least), visit.money(CardRules.most))
    }
}

/// How a payment by card stands.
struct CardPaymentPage: Page {
    static let template = "top-up/payment"
    let title: String
    let section = "money"
    let payment: UUID
    let state: String
    let isWaiting: Bool
    let isCredited: Bool
    let isTrouble: Bool
    let heading: String
    let sentence: String
    let amount: Money
    let fee: Money
    let total: Money
    /// Where the payer can go on, while he can.
    let payAt: String?
    let again: String?
    let purse: Purse
}

extension CardPaymentPage {
    init(_ payment: CardPayment, for visit: Visit, _ database: Database) async throws {
        let read = try await database.read { tx -> (Account, Money?)? in
            guard let account = try tx.account(of: payment.child, at: visit.now) else { return nil }
            return (account, try tx.usualLunch(of: account.id))
        }
        guard let (account, lunch) = read else { throw Problem.notFound }
        let (heading, sentence) = visit.words(payment)
        let isTrouble = [.refused, .cancelled, .disputed].contains(payment.state)
        self.init(
            title: visit.tr("Top-up by bank card"), payment: payment.id, state: payment.state.rawValue,
            isWaiting: !payment.state.isEnd, isCredited: payment.state == .credited, isTrouble: isTrouble, heading: heading,
            sentence: sentence, amount: payment.amount, fee: payment.fee, total: payment.total,
            payAt: payment.state == .open ? payment.payAt : nil,
            again: isTrouble && account.isOpen ? "/ledger/children/\(payment.child.text)/top-up?amount=\(payment.amount.typed)" : nil,
            purse: Purse(account, lunch: lunch, for: visit))
    }
}

extension Visit {
    /// A payment's state as a heading and a sentence.
    fileprivate func words(_ payment: CardPayment) -> (String, String) {
        switch payment.state {
        case .asked:
            (tr("Waiting for the bank"), tr("The bank has not answered yet. We ask it again by ourselves; nothing is paid twice."))
        case .open:
            (tr("Waiting for the bank"), tr("You pay %@ on the bank's page. When you have paid, this page says so by itself.", money(payment.total)))
        case .credited: (tr("%@ is on the account", money(payment.amount)), tr("It can be spent at once."))
        case .cancelled: (tr("Nothing was paid"), tr("The payment was not made and no money was taken."))
        case .refused: (tr("The bank did not accept the payment"), tr("No money was taken. Please try again later."))
        case .returning: (tr("The money goes back to the card"), tr("The account was closed before you paid. The bank returns %@.", money(payment.total)))
        case .returned: (tr("The money went back to the card"), tr("The account was closed before you paid. The bank has returned %@.", money(payment.total)))
        case .disputed: (tr("The school must look at this payment"), tr("The bank's answer does not fit. Tell the accountant of the school the number below."))
        }
    }
}

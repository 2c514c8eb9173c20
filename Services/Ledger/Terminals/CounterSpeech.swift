import Kernel

/// CyberPlat, and Sberbank before its own dialect: `action=check|payment|status|cancel`, `number`, `amount`, `receipt`, `date`.
/// A repeat is answered as the first was.
struct CounterSpeech: PartnerSpeech {
    func question(_ fields: [String: String], zone: SchoolZone) throws(PartnerRefusal) -> PartnerQuestion {
        guard let action = fields["action"] else { throw .incomplete }
        switch action {
        case "check":
            guard let account = fields["number"] else { throw .incomplete }
            return .check(account: account)
        case "payment":
            guard let account = fields["number"], let sum = fields["amount"], let receipt = fields["receipt"], let dated = fields["date"]
            else { throw .incomplete }
            let own = try PartnerWords.number(receipt)
            guard let day = PartnerWords.date(dated, .dashed) else { throw .badDate }
            return .pay(PartnerPay(number: own, account: account, amount: PartnerWords.amount(sum), dated: dated, day: day))
        case "status":
            guard let receipt = fields["receipt"] else { throw .incomplete }
            return .status(number: try PartnerWords.number(receipt))
        case "cancel":
            guard let receipt = fields["receipt"] else { throw .incomplete }
            return .cancel(PartnerCancel(number: try PartnerWords.number(receipt)))
        default: throw .unknownCommand
        }
    }

    func document(_ answer: PartnerAnswer, to fields: [String: String], zone: SchoolZone, codes: [String: Int]) -> Markup {
        switch answer {
        case .open(let balance):
            return Markup(
                "response", [Markup("code", "0"), Markup("message", "OK")] + (balance.map { [Markup("balance", "\($0)")] } ?? []))
        case .credited(let payment):
            return Markup(
                "response",
                [
                    Markup("code", "0"), Markup("authcode", "\(payment.ownNumber)"),
                    Markup("date", PartnerWords.written(payment.at, "yyyy-MM-dd'T'HH:mm:ss", zone)), Markup("message", "OK"),
                ])
        case .cancelled(let payment):
            return Markup(
                "response",
                [
                    Markup("code", "0"), Markup("authcode", "\(payment.ownNumber)"),
                    Markup("date", PartnerWords.written(payment.at, "yyyy-MM-dd'T'HH:mm:ss", zone)), Markup("message", "Платёж отменён"),
                ])
        case .refused(let refusal):
            return Markup(
                "response",
                [Markup("code", "\(codes[refusal.rawValue] ?? Self.code(refusal))"), Markup("message", refusal.comment)])
        }
    }

    /// Contracts number some of these otherwise: a partner may have its own.
    static func code(_ refusal: PartnerRefusal) -> Int {
        switch refusal {
        case .temporary: -3
        case .unknownCommand, .incomplete: 1
        case .accountFormat, .accountNotFound, .accountClosed: 2
        case .badAmount, .tooSmall, .tooLarge: 3
        case .badNumber, .differs: 4
        case .badDate: 5
        case .paymentNotFound: 6
        case .cancelled: 7
        case .notCancellable: 9
        }
    }
}

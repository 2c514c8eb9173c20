import Kernel

/// Sberbank: `ACTION=check|payment`, `ACCOUNT`, `AMOUNT`, `PAY_ID`, `PAY_DATE`.
struct BankSpeech: PartnerSpeech {
    func question(_ fields: [String: String], zone: SchoolZone) throws(PartnerRefusal) -> PartnerQuestion {
        guard let action = fields["action"] else { throw .incomplete }
        guard action == "check" || action == "payment" else { throw .unknownCommand }
        guard let account = fields["account"] else { throw .incomplete }
        if action == "check" { return .check(account: account) }
        guard let sum = fields["amount"], let number = fields["pay_id"], let dated = fields["pay_date"] else {
            throw .incomplete
        }
        let own = try PartnerWords.number(number)
        guard let day = PartnerWords.date(dated, .dotted) else { throw .badDate }
        return .pay(PartnerPay(number: own, account: account, amount: PartnerWords.amount(sum), dated: dated, day: day))
    }

    func document(_ answer: PartnerAnswer, to fields: [String: String], zone: SchoolZone, codes: [String: Int]) -> Markup {
        switch answer {
        case .open(let balance):
            return Markup(
                "response",
                [Markup("CODE", "0"), Markup("MESSAGE", "OK")] + (balance.map { [Markup("BALANCE", "\($0)")] } ?? []))
        case .credited(let payment):
            // A repeat is told apart by its code, and has the number, date and sum of the first.
            let code = payment.isRepeat ? codes["repeated"] ?? 5 : 0
            return Markup(
                "response",
                [
                    Markup("CODE", "\(code)"), Markup("MESSAGE", payment.isRepeat ? "Платёж уже принят" : "OK"),
                    Markup("EXT_ID", "\(payment.ownNumber)"),
                    Markup("REG_DATE", PartnerWords.written(payment.at, "dd.MM.yyyy_HH:mm:ss", zone)),
                    Markup("AMOUNT", "\(payment.amount)"),
                ])
        case .cancelled:
            // The dialect has no word for it, and nobody asks in it.
            return Markup("response", [Markup("CODE", "0"), Markup("MESSAGE", "OK")])
        case .refused(let refusal):
            return Markup(
                "response",
                [Markup("CODE", "\(codes[refusal.rawValue] ?? Self.code(refusal))"), Markup("MESSAGE", refusal.comment)])
        }
    }

    /// The bank's annexes number these differently from contract to contract: a partner may have its own.
    static func code(_ refusal: PartnerRefusal) -> Int {
        switch refusal {
        case .temporary: 1
        case .unknownCommand, .incomplete: 2
        case .accountFormat, .accountNotFound, .accountClosed: 3
        // Not 5: the bank would take it for a payment that is on the account.
        case .badNumber, .differs, .paymentNotFound, .cancelled, .notCancellable: 4
        case .badAmount: 6
        case .tooSmall: 7
        case .tooLarge: 8
        case .badDate: 9
        }
    }
}

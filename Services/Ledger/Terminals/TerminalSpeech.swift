import Kernel

/// ОСМП: `command=check|pay`, `txn_id`, `account`, `sum`, `txn_date`, in some dialects `command=cancel` with
/// `cancel_txn_id`; and Sberbank's "protocol 2", which has the same
/// names and wants our number and date in elements of its own.
struct TerminalSpeech: PartnerSpeech {
    /// Sberbank's variant.
    let hasOwnDate: Bool

    func question(_ fields: [String: String], zone: SchoolZone) throws(PartnerRefusal) -> PartnerQuestion {
        guard let command = fields["command"] else { throw .incomplete }
        if command == "cancel" { return try cancelling(fields) }
        guard command == "check" || command == "pay" else { throw .unknownCommand }
        // Sberbank's variant has no number before it pays.
        if hasOwnDate, command == "check", fields["txn_id"] == nil, let account = fields["account"] { return .check(account: account) }
        guard let number = fields["txn_id"], let account = fields["account"] else { throw .incomplete }
        let own = try PartnerWords.number(number)
        // A check may carry any nominal sum: it is not looked at.
        if command == "check" { return .check(account: account) }
        guard let sum = fields["sum"], let dated = fields["txn_date"] else { throw .incomplete }
        guard let day = PartnerWords.date(dated, .plain) else { throw .badDate }
        return .pay(PartnerPay(number: own, account: account, amount: PartnerWords.amount(sum), dated: dated, day: day))
    }

    private func cancelling(_ fields: [String: String]) throws(PartnerRefusal) -> PartnerQuestion {
        guard let number = fields["txn_id"], let payment = fields["cancel_txn_id"] else { throw .incomplete }
        var amount: Money?
        if let sum = fields["sum"] {
            guard let read = PartnerWords.amount(sum) else { throw .badAmount }
            amount = read
        }
        return .cancel(
            PartnerCancel(
                number: try PartnerWords.number(payment), cancelNumber: try PartnerWords.number(number), amount: amount,
                dated: fields["txn_date"]))
    }

    func document(_ answer: PartnerAnswer, to fields: [String: String], zone: SchoolZone, codes: [String: Int]) -> Markup {
        var children: [Markup] = []
        if !hasOwnDate { children.append(Markup("osmp_txn_id", fields["txn_id"] ?? "")) }
        if fields["command"] == "cancel" { children.append(Markup("cancel_txn_id", fields["cancel_txn_id"] ?? "")) }
        switch answer {
        case .open(let balance):
            children += [Markup("result", "0"), Markup("comment", "OK")]
            if let balance {
                children.append(
                    hasOwnDate
                        ? Markup("balance", "\(balance)")
                        : Markup("fields", [Markup("field1", "\(balance)", attributes: [("name", "balance")])]))
            }
        case .credited(let payment):
            children += hasOwnDate
                ? [
                    Markup("ext_id", "\(payment.ownNumber)"),
                    Markup("reg_date", PartnerWords.written(payment.at, "yyyyMMddHHmmss", zone)),
                ] : [Markup("prv_txn", "\(payment.ownNumber)")]
            children += [Markup("sum", "\(payment.amount)"), Markup("result", "0"), Markup("comment", "OK")]
        case .cancelled(let payment):
            children += [
                Markup(hasOwnDate ? "ext_id" : "prv_txn", "\(payment.ownNumber)"), Markup("sum", "\(payment.amount)"), Markup("result", "0"),
                Markup("comment", "OK"),
            ]
        case .refused(let refusal):
            children += [Markup("result", "\(codes[refusal.rawValue] ?? Self.code(refusal))"), Markup("comment", refusal.comment)]
        }
        return Markup("response", children)
    }

    /// 1 is the only one that is asked again.
    static func code(_ refusal: PartnerRefusal) -> Int {
        switch refusal {
        case .temporary: 1
        case .accountFormat: 4
        case .accountNotFound: 5
        // 79 is «not active»; of a payment it says that there is none.
        case .accountClosed, .paymentNotFound: 79
        case .notCancellable: 7
        case .tooSmall: 241
        case .tooLarge: 242
        case .unknownCommand, .incomplete, .badNumber, .badAmount, .badDate, .differs, .cancelled: 300
        }
    }
}

extension PartnerRefusal {
    /// A word that may be shown to the payer; it names nobody (D-05).
    var comment: String {
        switch self {
        case .temporary: "Временная ошибка, повторите позже"
        case .unknownCommand: "Неизвестная команда"
        case .incomplete: "Не хватает параметров"
        case .accountFormat: "Номер лицевого счёта состоит из 10 цифр"
        case .accountNotFound: "Лицевой счёт не найден"
        case .accountClosed: "Лицевой счёт закрыт"
        case .badNumber: "Неверный номер платежа"
        case .badAmount: "Неверная сумма"
        case .badDate: "Неверная дата"
        case .tooSmall: "Сумма слишком мала"
        case .tooLarge: "Сумма слишком велика"
        case .differs: "Платёж с этим номером уже принят с другими данными"
        case .paymentNotFound: "Платёж не найден"
        case .cancelled: "Платёж отменён"
        case .notCancellable: "Отмена невозможна"
        }
    }
}

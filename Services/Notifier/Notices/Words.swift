import Events
import Foundation
import Kernel
import Web

/// The reader's language: texts of the catalogue with money, days and times as they are written in it.
struct Words: Sendable {
    let catalogue: Catalogue
    let language: Language
    let zone: SchoolZone

    var format: Format { Format(language, zone: zone) }

    func tr(_ english: String, _ values: any CustomStringConvertible...) -> String {
        var text = catalogue.text(english, language)
        for value in values {
            guard let place = text.range(of: "%@") else { break }
            text.replaceSubrange(place, with: value.description)
        }
        return text
    }

    func trn(_ count: Int, _ one: String, _ many: String) -> String { catalogue.text(count, one, many, language) }

    // MARK: - What happened, in a line

    /// One sentence without the child's name and time; those stand beside it.
    ///
    /// - Parameter isWoman: how Russian says «came»; nil for unknown.
    func line(_ notice: Notice, isWoman: Bool, showsMoney: Bool) -> String {
        let facts = notice.facts
        let subject = facts.subject ?? ""
        switch notice.kind {
        case .entered: return joined(isWoman ? tr("She came in") : tr("He came in"), facts.place)
        case .left: return joined(isWoman ? tr("She went out") : tr("He went out"), facts.place)
        case .mark:
            var text = joined(subject, facts.work)
            if let before = facts.previous, let after = facts.value {
                text += "; " + tr("corrected from %@ to %@", before, after)
            }
            return text
        case .absence:
            let why = facts.value == AttendanceState.excused.rawValue ? tr("was absent with a reason") : tr("was absent")
            return joined("\(subject): \(why)", facts.text.map { tr("topic «%@»", $0) })
        case .late:
            return facts.minutes.map { "\(subject): " + tr("late by %@ min", $0) } ?? "\(subject): " + tr("late")
        case .lesson: return joined(subject, facts.text)
        case .remark: return tr("Remark") + ": " + joined(subject, facts.text)
        case .comment: return tr("Comment") + ": " + joined(subject, facts.text)
        case .purchase:
            let names = (facts.items ?? []).map { $0.quantity > 1 ? "\($0.name) × \($0.quantity)" : $0.name }
            let what = names.isEmpty ? facts.place ?? "" : names.joined(separator: ", ")
            return facts.purchaseKind == .collective ? joined(what, tr("by the class's request")) : joined(tr("Buffet"), what)
        case .refusal: return tr("The till refused: %@", facts.reason.map { reason($0, facts) } ?? "")
        case .topUp: return facts.method.map(method) ?? facts.text.map { tr("Refund: %@", $0) } ?? tr("Top-up")
        case .transfer: return transfer(facts)
        case .service: return service(facts)
        case .lowBalance: return tr("Less than %@ is left on the account: %@", format.money(facts.below ?? .zero), format.money(facts.amount ?? .zero))
        }
    }

    private func transfer(_ facts: Notice.Facts) -> String {
        let place = facts.place ?? ""
        switch facts.value.flatMap(TransferState.init) {
        case .confirmed: return tr("Learns in %@ from %@", place, facts.movedOn.map { format.date($0) } ?? "")
        case .done: return tr("Account, cards, meals and diary are in the new place: %@", place)
        case .refused: return tr("The move to %@ is refused; the reason is on the page of the transfer", place)
        case .withdrawn: return tr("The request to move to %@ is withdrawn", place)
        case .asked, nil: return tr("A move to %@ is asked for; nothing changes until the school confirms", place)
        }
    }

    /// What became of a paid service, with its sum and day.
    private func service(_ facts: Notice.Facts) -> String {
        let (what, sum) = (facts.text ?? "", format.money(facts.amount ?? .zero))
        switch facts.service {
        case .subscribed: return tr("Service subscribed: %@", what)
        case .ended:
            return facts.until.map { tr("Service unsubscribed: %@, the last day is %@", what, format.date($0)) } ?? tr("Service unsubscribed: %@", what)
        case .charged: return tr("Paid service: %@, %@", what, sum)
        case .refused:
            return facts.until.map { tr("No money for the service: %@, %@; tried again until %@", what, sum, format.date($0)) }
                ?? tr("No money for the service: %@, %@", what, sum)
        case .refunded: return tr("Refund: %@", "\(what), \(sum)")
        case nil: return what
        }
    }

    private func joined(_ parts: String?...) -> String {
        parts.compactMap { $0 }.filter { !$0.isEmpty }.joined(separator: ", ")
    }

    private func reason(_ reason: DeclineReason, _ facts: Notice.Facts) -> String {
        switch reason {
        case .banned: tr("the parents have banned: %@", facts.text ?? "")
        case .notEnoughMoney: tr("not enough money")
        case .dailyLimit: tr("the day's limit is used up")
        case .noAccount, .accountClosed: tr("there is no open account")
        case .tooLate, .withdrawn: tr("the answer came too late")
        }
    }

    private func method(_ method: TopUpMethod) -> String {
        switch method {
        case .cashDesk: tr("Top-up at the cash desk")
        case .bankCard: tr("Top-up by bank card")
        case .terminal: tr("Top-up at a terminal")
        case .bankRegister: tr("Top-up by bank transfer")
        }
    }
}

extension Visit {
    /// The reader's words, from the same catalogue as his page.
    func words(_ catalogue: Catalogue, zone: SchoolZone? = nil) -> Words {
        Words(catalogue: catalogue, language: language, zone: zone ?? self.zone)
    }
}

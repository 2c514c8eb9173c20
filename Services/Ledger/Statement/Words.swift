import Events
import Foundation
import Kernel
import Web

/// Ledger's words and figures in the reader's language.
extension Visit {
    func money(_ money: Money) -> String { format.money(money) }

    /// A figure for a column: always with kopecks, without the currency.
    func plain(_ money: Money) -> String {
        let parts = format.parts(money)
        return parts.whole + parts.rest.prefix(3)
    }

    /// Like ``plain(_:)``, with a plus before what came in.
    func signed(_ money: Money) -> String { (money > .zero ? "+" : "") + plain(money) }

    func time(_ date: Date, in zone: SchoolZone) -> String { Format(language, zone: zone).time(date) }
    func date(_ day: Day) -> String { format.date(day, thisYear: today.year) }

    /// `Пятница, 20 ноября`.
    func dayTitle(_ day: Day) -> String { format.longDate(day) }

    /// `ноябрь`.
    func monthName(_ month: Month) -> String { format.month(month.first, thisYear: today.year) }

    /// `Ноябрь`, to head a section with.
    func monthTitle(_ month: Month) -> String {
        let name = monthName(month)
        return name.prefix(1).uppercased() + name.dropFirst()
    }

    func name(of kind: StatementKind) -> String {
        switch kind {
        case .all: tr("All")
        case .topUps: tr("Top-ups")
        case .collective: tr("Class lunches")
        case .personal: tr("Personal")
        case .services: tr("Services")
        case .back: tr("Given back")
        case .transfers: tr("Transfers")
        case .refused: tr("Refusals")
        }
    }

    /// `Пополнения, банковской картой`; nil where nothing is left out.
    func shown(_ filter: StatementFilter) -> String? {
        guard filter.kind != .all || filter.method != nil else { return nil }
        // A way of paying is one of top-ups.
        let kind = name(of: filter.kind == .all ? .topUps : filter.kind)
        return [kind, filter.method.map { words($0) }].compactMap(\.self).joined(separator: ", ")
    }

    func words(_ method: TopUpMethod) -> String {
        switch method {
        case .cashDesk: tr("at the cash desk")
        case .bankCard: tr("by bank card")
        case .terminal: tr("at a terminal")
        case .bankRegister: tr("through a bank")
        }
    }

    func words(_ reason: DeclineReason) -> String {
        switch reason {
        case .notEnoughMoney: tr("not enough money")
        case .dailyLimit: tr("over the daily limit")
        case .noAccount: tr("no account")
        case .accountClosed: tr("the account is closed")
        case .tooLate: tr("the answer would have come too late")
        case .withdrawn: tr("withdrawn")
        case .banned: tr("banned by the parents")
        }
    }

    /// Who did it: his role at the school, for Ledger knows no names (D-05).
    func words(_ role: Role?) -> String {
        switch role {
        case .cashier: tr("cashier")
        case .classTeacher: tr("class teacher")
        case .tutor: tr("tutor")
        case .subjectTeacher: tr("teacher")
        case .kitchen: tr("kitchen")
        case .accountant: tr("accountant")
        default: tr("staff of the school")
        }
    }

    /// One or two sentences under the balance: for how many lunches it is enough, and what of it is held. Nil when
    /// nothing can be said.
    func howLongItLasts(_ account: Account, lunch: Money?) -> String? {
        var sentences: [String] = []
        if account.balance < .zero {
            sentences.append(tr("The account is in debt: lunches were given out without a connection. The next top-up covers it."))
        } else if account.balance == .zero {
            sentences.append(tr("The account is empty."))
        } else if let lunch, lunch > .zero {
            let count = Int(account.balance.kopecks / lunch.kopecks)
            sentences.append(
                count == 0
                    ? tr("Not enough for a lunch.") : trn(count, "Enough for one lunch.", "Enough for %d lunches."))
        }
        if account.held > .zero {
            sentences.append(tr("Held in case the connection fails: %@, part of the balance.", money(account.held)))
        }
        return sentences.isEmpty ? nil : sentences.joined(separator: " ")
    }

    /// What the picture of a month says aloud.
    func pictureWords(_ picture: MonthPicture, opening: Money, _ sums: MonthPicture.DaySums) -> MonthPicture.Words {
        var description = tr(
            "At the beginning of the month %@, top-ups %@, by the class's request %@, personal purchases %@.",
            money(opening), money(sums.topUps), money(sums.collective), money(sums.personal))
        if sums.services > .zero { description += " " + tr("Paid services: %@.", money(sums.services)) }
        if let today = picture.today, let balance = picture.balanceToday {
            description += " " + tr("On %@ there is %@.", format.date(today), money(balance))
        }
        return MonthPicture.Words(
            sum: { format.amount($0) }, title: tr("%@: balance and spending by day", monthTitle(picture.month)),
            description: description, until: { tr("until the %@th", $0.day) })
    }
}

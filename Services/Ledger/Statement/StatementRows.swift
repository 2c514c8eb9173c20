import Directory
import Events
import Foundation
import Kernel
import Web

/// Lines in the reader's words, gathered by day.
struct StatementRows {
    let read: StatementPage.Reading
    let visit: Visit
    /// Whether the place stands by itself, and not among how it was done.
    let hasPlaceApart: Bool

    init(_ read: StatementPage.Reading, _ visit: Visit, hasPlaceApart: Bool = false) {
        self.read = read
        self.visit = visit
        self.hasPlaceApart = hasPlaceApart
    }

    func days() -> [StatementPage.DayRows] {
        var balance = read.statement.opening
        var days: [StatementPage.DayRows] = []
        var rows: [StatementPage.Row] = []
        var total = Money.zero
        var current: Day?
        func close() {
            guard let day = current, !rows.isEmpty else { return }
            days.append(
                .init(
                    day: day, title: visit.dayTitle(day), total: total, totalText: visit.signed(total), rows: rows.reversed()))
        }
        for line in read.statement.lines.reversed() {
            balance = line.balance ?? balance
            guard read.filter.shows(line) else { continue }
            let day = read.account.zone.day(of: line.at)
            if day != current {
                close()
                (current, rows, total) = (day, [], .zero)
            }
            rows.append(row(line, balance))
            if line.balance != nil { total += line.amount }
        }
        close()
        return days.reversed()
    }

    private func row(_ line: StatementLine, _ balance: Money) -> StatementPage.Row {
        let isRefused = if case .refusal = line.happening { true } else { false }
        return .init(
            id: line.id, at: line.at, time: visit.time(line.at, in: read.account.zone), what: what(line), how: how(line),
            place: place(line), tillID: line.device, receipt: line.receipt, payment: line.payment, notes: notes(line), links: links(line), amount: line.amount,
            amountText: isRefused ? visit.money(line.amount) : visit.signed(line.amount),
            isPlus: !isRefused && line.amount > .zero, isRefused: isRefused, balance: balance,
            balanceText: visit.plain(balance), saleID: line.saleID)
    }

    func what(_ line: StatementLine) -> String {
        switch line.happening {
        case .charge, .subsidised: line.what
        case .reversal: visit.tr("Given back: %@", line.what)
        case .refund: visit.tr("Refund: %@", line.what)
        case .topUp(.cashDesk): visit.tr("Top-up at the cash desk")
        case .topUp(.bankCard): visit.tr("Top-up by bank card")
        case .topUp(.terminal): visit.tr("Top-up at a terminal")
        case .topUp(.bankRegister): visit.tr("Top-up through a bank")
        case .transfer(let other):
            switch (read.others[other].map(visit.childName), line.amount > .zero) {
            case (let name?, true): visit.tr("Transfer from another child: %@", name)
            case (let name?, false): visit.tr("Transfer to another child: %@", name)
            case (nil, true): visit.tr("Transfer from another child of the family")
            case (nil, false): visit.tr("Transfer to another child of the family")
            }
        case .payout: visit.tr("Paid out of the account")
        case .returned(.bankCard): visit.tr("Returned to the bank card")
        case .returned: visit.tr("Top-up cancelled by the payment system")
        case .refusal: visit.tr("Refused: %@, %@", line.what, visit.money(line.amount))
        }
    }

    /// By what method, at which device and by whom (AC-05).
    func how(_ line: StatementLine) -> String {
        var parts: [String] = []
        switch line.happening {
        case .charge(.personal): parts.append(visit.tr("personal purchase"))
        case .charge(.collective): parts.append(visit.tr("by the class's request"))
        case .charge(.service): parts.append(line.by == nil ? visit.tr("paid service, by the schedule") : visit.tr("paid service"))
        case .subsidised: parts.append(visit.tr("paid by a subsidy as a whole"))
        case .reversal: parts.append(visit.tr("the sale was not completed"))
        case .refund(_, let asker):
            if let asker { parts.append(visit.tr("asked by: %@", who(asker, isStaff: false))) }
            if let by = line.by { parts.append(visit.tr("confirmed by: %@", who(by, isStaff: true))) }
            if let place = place(line), !hasPlaceApart { parts.append(visit.tr("bought at: %@", place)) }
            return parts.joined(separator: "; ")
        case .refusal(_, let reason): parts.append(visit.words(reason))
        case .topUp, .returned, .transfer, .payout: break
        }
        if line.subsidised > .zero { parts.append(visit.tr("of it by a subsidy: %@", visit.money(line.subsidised))) }
        // What happened at the cash desk says so itself.
        if let place = place(line), !hasPlaceApart, line.happening != .topUp(.cashDesk) { parts.append(place) }
        if let payment = line.payment { parts.append(visit.tr("payment no. %@", payment)) }
        if let receipt = line.receipt {
            parts.append(line.happening == .payout ? visit.tr("order no. %@", receipt) : visit.tr("receipt no. %@", receipt))
        }
        if line.isOffline { parts.append(visit.tr("sold without a connection on %@", visit.date(line.day))) }
        if let by = line.by { parts.append(who(by, isStaff: line.happening.isOfStaff, keeper: line.keeper)) }
        if line.isReversed { parts.append(visit.tr("given back later")) }
        return parts.joined(separator: "; ")
    }

    /// At which till, desk, terminal or bank, or with which card (AC-05). Tills are called as the operator named them for
    /// families; one that Ledger has not heard of is a till of the canteen, never an identifier.
    func place(_ line: StatementLine) -> String? {
        switch line.happening {
        case .charge, .subsidised, .reversal, .refund, .refusal:
            line.device.map { _ in line.till ?? visit.tr("till of the canteen") }
        case .topUp(.cashDesk), .returned(.cashDesk): visit.tr("cash desk of the school")
        case .topUp(.bankCard), .returned(.bankCard): line.what.isEmpty ? nil : visit.tr("card %@", line.what)
        // The payment system or bank, as its contract with the school names it.
        case .topUp(.terminal), .topUp(.bankRegister), .returned(.terminal), .returned(.bankRegister):
            line.what.isEmpty ? nil : line.what
        // Who gives cash has his number at the desk.
        case .payout: line.keeper == nil ? visit.tr("to a bank account") : visit.tr("cash desk of the school")
        case .transfer: nil
        }
    }

    /// Ledger knows no names: oneself, a role at the school, or one of the family (D-05). Who keeps a cash desk has a number
    /// there, the same as on the sheet of the desk's day.
    ///
    /// - Parameter isStaff: whether only the school does such things; who did may have left it, or the child may.
    private func who(_ person: UUID, isStaff: Bool, keeper: Int? = nil) -> String {
        if person == visit.viewer.personID { return visit.tr("you") }
        let role = read.roles[person].map { visit.words($0) } ?? (isStaff ? visit.tr("staff of the school") : visit.tr("a guardian"))
        return [role, keeper.map { visit.tr("no. %@", $0) }].compactMap(\.self).joined(separator: " ")
    }

    private func notes(_ line: StatementLine) -> [String] {
        switch line.happening {
        case .charge, .subsidised: break
        default: return []
        }
        return (read.requests[line.id] ?? []).map { request in
            let words = visit.words(request)
            return words.answer.map { "\(words.text): \($0)" } ?? words.text
        }
    }

    private func links(_ line: StatementLine) -> [StatementPage.Link] {
        let path = "/ledger/children/\(read.account.personID.text)"
        switch line.happening {
        case .charge, .subsidised:
            var links = [line.happening == .charge(.service) ? service(line) : purchase(line)]
            if read.mayAskRefund, !line.isReversed, line.subsidised - line.amount > line.refunded {
                links.append(.init(title: visit.tr("A mistake?"), path: "\(path)/charges/\(line.id.text)/refund"))
            }
            return links.compactMap(\.self)
        case .refusal(.service, _): return [service(line)].compactMap(\.self)
        case .refusal: return [purchase(line)].compactMap(\.self)
        case .returned: return line.chargeID.map { [.init(title: visit.tr("the top-up"), path: "#line-\($0.text)")] } ?? []
        case .reversal, .refund:
            return line.chargeID.map { [.init(title: visit.tr("the charge"), path: "#line-\($0.text)")] } ?? []
        case .transfer(let other):
            return read.others[other].map { account in
                let month = Month(of: account.zone.day(of: line.at)).iso
                return [
                    .init(
                        title: visit.tr("the other account"),
                        path: "/ledger/children/\(account.personID.text)/statement?month=\(month)#line-\(line.id.text)")
                ]
            } ?? []
        case .payout: return [.init(title: visit.tr("the request"), path: "\(path)/cash-outs#cash-out-\(line.id.text)")]
        case .topUp: return []
        }
    }

    /// The child's paid services, at what this line paid for.
    private func service(_ line: StatementLine) -> StatementPage.Link? {
        line.saleID.map {
            .init(title: visit.tr("the service"), path: "/ledger/children/\(read.account.personID.text)/services#due-\($0.text)")
        }
    }

    /// Canteen's page of the purchase: what was in it.
    private func purchase(_ line: StatementLine) -> StatementPage.Link? {
        line.saleID.map {
            .init(
                title: visit.tr("the purchase"),
                path: "/canteen/children/\(read.account.personID.text)/purchases?month=\(Month(of: line.day).iso)#sale-\($0.text)")
        }
    }
}

extension StatementLine.Happening {
    /// Whether somebody of the school does it, and never one of the family.
    fileprivate var isOfStaff: Bool {
        switch self {
        case .charge(.service), .refusal(.service, _), .transfer, .topUp(.bankCard), .topUp(.terminal), .topUp(.bankRegister): false
        case .charge, .subsidised, .reversal, .refund, .refusal, .topUp(.cashDesk), .payout, .returned: true
        }
    }
}

import Directory
import Events
import Foundation
import Kernel
import Postgres
import Web

/// Every kopeck of a child's account in a month: when it came and by what method, when it went and by whom (AC-05);
/// refused attempts stand among them (BY-05). For guardians and the accountant, never for the pupil (AC-06).
struct StatementPage: Page {
    struct Choice: Encodable, Sendable, Equatable {
        let title: String
        let path: String
        let isCurrent: Bool
        let accent: String?
    }

    struct Row: Encodable, Sendable, Equatable {
        let id: UUID
        let at: Date
        let time: String
        let what: String
        let how: String
        let amount: Money
        let amountText: String
        let isPlus: Bool
        let isRefused: Bool
        let balance: Money
        let balanceText: String
        let saleID: UUID?
    }

    struct DayRows: Encodable, Sendable, Equatable {
        let day: Day
        let title: String
        let total: Money
        let totalText: String
        let rows: [Row]
    }

    static let template = "statement/show"
    let title: String
    let section = "money"
    let purse: Purse
    let kids: [Choice]
    let hasKids: Bool
    let mayChangeLimit: Bool
    let limitValue: String
    let month: String
    let monthTitle: String
    let monthName: String
    let earlierPath: String
    let laterPath: String?
    let picture: String
    let filters: [Choice]
    let days: [DayRows]
    let isEmpty: Bool
    let topUps: String
    let collective: String
    let personal: String
    let hasForecast: Bool
}

extension StatementPage {
    init(for visit: Visit, _ database: Database) async throws {
        let child = try visit.uuid("child")
        let kind = visit.query("kind").flatMap(StatementKind.init) ?? .all
        let asked = visit.query("month").flatMap(Month.init)
        let read = try await database.read { tx -> Reading? in
            guard let account = try tx.account(of: child, at: visit.now) else { return nil }
            let month = asked ?? Month(of: account.today)
            let statement = try tx.statement(
                of: account.id, from: account.zone.start(of: month.first), until: account.zone.start(of: month.next.first))
            var roles: [UUID: Role] = [:]
            for person in Set(statement.lines.compactMap(\.by)) {
                roles[person] = try Directory.roles(of: person, in: tx).first { $0.schoolID == account.schoolID }?.role
            }
            let mayChange = try Directory.decide(
                visit.viewer, .setLimit, about: .child(child), on: account.today, in: tx) == .allowed
            return Reading(
                account: account, month: month, statement: statement, lunch: try tx.usualLunch(of: account.id),
                roles: roles, mayChangeLimit: mayChange)
        }
        guard let read else { throw Problem.notFound }
        self.init(read, kind: kind, for: visit)
    }

    /// What one transaction read.
    struct Reading: Sendable {
        let account: Account
        let month: Month
        let statement: AccountStatement
        let lunch: Money?
        let roles: [UUID: Role]
        let mayChangeLimit: Bool
    }

    init(_ read: Reading, kind: StatementKind, for visit: Visit) {
        let purse = Purse(read.account, lunch: read.lunch, for: visit)
        let picture = MonthPicture(
            month: read.month, statement: read.statement, zone: read.account.zone, today: read.account.today, lunch: read.lunch)
        let path = purse.statementPath
        let monthQuery = "month=\(read.month.iso)"
        let days = StatementRows(read, visit).days(kind)
        let sums = picture.days.reduce(into: MonthPicture.DaySums()) { sum, day in
            sum.topUps += day.topUps
            sum.collective += day.collective
            sum.personal += day.personal
        }
        let kids = visit.viewer.children.map {
            Choice(
                title: $0.name, path: "/ledger/children/\($0.id.text)/statement", isCurrent: $0.id == purse.child,
                accent: $0.accent.rawValue)
        }
        self.init(
            title: visit.tr("Money"), purse: purse, kids: kids, hasKids: kids.count > 1,
            mayChangeLimit: read.mayChangeLimit, limitValue: purse.limit.map { $0.limit.typed } ?? "",
            month: read.month.iso, monthTitle: visit.monthTitle(read.month), monthName: visit.monthName(read.month),
            earlierPath: "\(path)?month=\(read.month.previous.iso)&kind=\(kind.rawValue)",
            laterPath: read.month < Month(of: read.account.today)
                ? "\(path)?month=\(read.month.next.iso)&kind=\(kind.rawValue)" : nil,
            picture: picture.svg(visit.pictureWords(picture, opening: read.statement.opening, sums)),
            filters: StatementKind.allCases.map {
                Choice(title: visit.name(of: $0), path: "\(path)?\(monthQuery)&kind=\($0.rawValue)", isCurrent: $0 == kind, accent: nil)
            },
            days: days, isEmpty: days.isEmpty, topUps: visit.money(sums.topUps),
            collective: visit.money(sums.collective), personal: visit.money(sums.personal),
            hasForecast: picture.lastsUntil != nil)
    }
}

/// Lines in the reader's words, gathered by day.
struct StatementRows {
    let read: StatementPage.Reading
    let visit: Visit

    init(_ read: StatementPage.Reading, _ visit: Visit) {
        self.read = read
        self.visit = visit
    }

    func days(_ kind: StatementKind) -> [StatementPage.DayRows] {
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
            guard kind.shows(line) else { continue }
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
        let isRefused = line.balance == nil
        return .init(
            id: line.id, at: line.at, time: visit.time(line.at, in: read.account.zone), what: what(line), how: how(line),
            amount: line.amount, amountText: isRefused ? visit.money(line.amount) : visit.signed(line.amount),
            isPlus: !isRefused && line.amount > .zero, isRefused: isRefused, balance: balance,
            balanceText: visit.plain(balance), saleID: line.saleID)
    }

    private func what(_ line: StatementLine) -> String {
        switch line.happening {
        case .charge: line.what
        case .reversal: visit.tr("Given back: %@", line.what)
        case .topUp(.cashDesk): visit.tr("Top-up at the cash desk")
        case .topUp(.bankCard): visit.tr("Top-up by bank card")
        case .topUp(.terminal): visit.tr("Top-up at a terminal")
        case .topUp(.bankRegister): visit.tr("Top-up through a bank")
        case .refusal: visit.tr("Refused: %@, %@", line.what, visit.money(line.amount))
        }
    }

    private func how(_ line: StatementLine) -> String {
        var parts: [String] = []
        switch line.happening {
        case .charge(.personal): parts.append(visit.tr("personal purchase"))
        case .charge(.collective): parts.append(visit.tr("by the class's request"))
        case .reversal: parts.append(visit.tr("the sale was not completed"))
        case .refusal(_, let reason): parts.append(visit.words(reason))
        case .topUp: if !line.what.isEmpty { parts.append(line.what) }
        }
        if let receipt = line.receipt { parts.append(visit.tr("receipt no. %@", receipt)) }
        if line.device != nil, line.receipt == nil { parts.append(visit.tr("at the till")) }
        if line.isOffline { parts.append(visit.tr("sold without a connection on %@", visit.date(line.day))) }
        if let by = line.by {
            parts.append(by == visit.viewer.personID ? visit.tr("you") : visit.words(read.roles[by]))
        }
        if line.isReversed { parts.append(visit.tr("given back later")) }
        return parts.joined(separator: "; ")
    }
}

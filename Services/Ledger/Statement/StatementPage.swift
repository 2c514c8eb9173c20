import Directory
import Events
import Foundation
import Kernel
import Postgres
import Web

/// Every kopeck of a child's account in a month or in days asked for: when it came and by what method, when it went and by
/// whom (AC-05); refused attempts stand among them (BY-05). For guardians and the accountant, never for the pupil (AC-06).
struct StatementPage: Page {
    struct Choice: Encodable, Sendable, Equatable {
        let title: String
        let path: String
        let isCurrent: Bool
        let accent: String?
    }

    /// Where a line leads: the purchase, the charge that was given back, the other child.
    struct Link: Encodable, Sendable, Equatable {
        let title: String
        let path: String
    }

    struct Row: Encodable, Sendable, Equatable {
        let id: UUID
        let at: Date
        let time: String
        let what: String
        let how: String
        /// At which till, desk, terminal or bank, or with which card; nil where it was done at none.
        let place: String?
        /// Nil for what was not done at a till.
        let tillID: UUID?
        let receipt: String?
        /// The payment system's own number.
        let payment: String?
        /// What was asked or given back of it, and how that stands.
        let notes: [String]
        let links: [Link]
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
    /// From the reader's own token; an accountant has none (D-05).
    let childName: String?
    let kids: [Choice]
    let hasKids: Bool
    let mayChangeLimit: Bool
    let limitValue: String
    /// Where money goes besides purchases: to another child, back, out of the account.
    let ways: [Link]
    let hasWays: Bool
    let first: Day
    let last: Day
    /// Nil when other days than a month's were asked for.
    let month: String?
    let periodTitle: String
    let monthName: String?
    let earlierPath: String
    let laterPath: String?
    let picture: String?
    let filters: [Choice]
    let from: Field
    let to: Field
    let method: Field
    let kind: StatementKind
    /// What alone is shown, in words; nil where it is everything.
    let shown: String?
    let everythingPath: String
    /// Whether the form below the list of kinds has been used: then it stays open.
    let hasUsedForm: Bool
    let sheetPath: String
    let opening: Money
    let openingText: String
    let closing: Money
    let closingText: String
    let days: [DayRows]
    let isEmpty: Bool
    let topUps: String
    let collective: String
    let personal: String
    /// Nil where none was paid for.
    let paidServices: String?
    let hasForecast: Bool
}

extension StatementPage {
    init(for visit: Visit, _ database: Database) async throws {
        guard let read = try await Reading(for: visit, database) else { throw Problem.notFound }
        self.init(read, for: visit)
    }

    /// What one transaction read.
    struct Reading: Sendable {
        let account: Account
        let filter: StatementFilter
        let statement: AccountStatement
        let lunch: Money?
        let roles: [UUID: Role]
        /// Children of transfers whose money is open to the reader too, by their accounts.
        let others: [UUID: Account]
        let requests: [UUID: [RefundRequest]]
        let mayChangeLimit: Bool
        let mayMove: Bool
        let mayAskRefund: Bool
        let mayTakeOut: Bool
        let hasSubsidies: Bool
        let seesCertificate: Bool
    }

    init(_ read: Reading, for visit: Visit) {
        let purse = Purse(read.account, lunch: read.lunch, for: visit)
        let filter = read.filter
        let path = purse.statementPath
        let picture = filter.month.map {
            MonthPicture(
                month: $0, statement: read.statement, zone: read.account.zone, today: read.account.today, lunch: read.lunch)
        }
        let days = StatementRows(read, visit).days()
        let sums = MonthPicture.DaySums(of: read.statement)
        let kids = visit.viewer.children.map {
            Choice(
                title: $0.name, path: "/ledger/children/\($0.id.text)/statement", isCurrent: $0.id == purse.child,
                accent: $0.accent.rawValue)
        }
        let length = filter.first.days(until: filter.last) + 1
        let narrowed = "&kind=\(filter.kind.rawValue)" + (filter.method.map { "&method=\($0.rawValue)" } ?? "")
        func address(_ month: Month?, or first: Day) -> String {
            path + (month.map { "?month=\($0.iso)" } ?? "?from=\(first.iso)&to=\((first + (length - 1)).iso)") + narrowed
        }
        let ways = Self.ways(read, for: visit)
        self.init(
            title: visit.tr("Money"), purse: purse, childName: kids.first { $0.isCurrent }?.title, kids: kids, hasKids: kids.count > 1,
            mayChangeLimit: read.mayChangeLimit, limitValue: purse.limit.map { $0.limit.typed } ?? "",
            ways: ways, hasWays: !ways.isEmpty, first: filter.first, last: filter.last, month: filter.month?.iso,
            periodTitle: filter.month.map { visit.monthTitle($0) } ?? visit.format.days(filter.first, filter.last),
            monthName: filter.month.map { visit.monthName($0) },
            earlierPath: address(filter.month?.previous, or: filter.first - length),
            laterPath: filter.last >= read.account.today ? nil : address(filter.month?.next, or: filter.first + length),
            picture: picture.map { $0.svg(visit.pictureWords($0, opening: read.statement.opening, sums)) },
            filters: StatementKind.allCases.map {
                Choice(title: visit.name(of: $0), path: "\(path)?\(filter.query(kind: $0))", isCurrent: $0 == filter.kind, accent: nil)
            },
            from: .day("from", visit.tr("From"), value: filter.first.iso),
            to: .day("to", visit.tr("To"), value: filter.last.iso),
            method: .choice(
                "method", visit.tr("How it came"),
                [Field.Choice("", visit.tr("in any way"), isChosen: filter.method == nil)]
                    + TopUpMethod.allCases.map { Field.Choice($0.rawValue, visit.words($0), isChosen: filter.method == $0) }),
            kind: filter.kind, shown: visit.shown(filter), everythingPath: "\(path)?\(filter.query(kind: .all, anyMethod: true))",
            hasUsedForm: filter.method != nil || filter.month == nil, sheetPath: "\(path).xlsx?\(filter.query())", opening: read.statement.opening,
            openingText: visit.money(read.statement.opening), closing: read.statement.closing,
            closingText: visit.money(read.statement.closing), days: days, isEmpty: days.isEmpty, topUps: visit.money(sums.topUps),
            collective: visit.money(sums.collective), personal: visit.money(sums.personal),
            paidServices: sums.services > .zero ? visit.money(sums.services) : nil, hasForecast: picture?.lastsUntil != nil)
    }

    private static func ways(_ read: Reading, for visit: Visit) -> [Link] {
        let path = "/ledger/children/\(read.account.personID.text)"
        var ways: [Link] = []
        ways.append(Link(title: visit.tr("Services"), path: path + "/services"))
        if read.hasSubsidies { ways.append(Link(title: visit.tr("Subsidies"), path: path + "/subsidies")) }
        if read.mayMove { ways.append(Link(title: visit.tr("Transfer to another child"), path: path + "/transfers")) }
        if read.mayTakeOut { ways.append(Link(title: visit.tr("Take money back"), path: path + "/cash-outs")) }
        if read.seesCertificate {
            ways.append(Link(title: visit.tr("Certificate of supplementary education"), path: path + "/certificate"))
        }
        return ways
    }
}

extension StatementPage.Reading {
    /// Nil when the child has no account.
    init?(for visit: Visit, _ database: Database) async throws {
        let child = try visit.uuid("child")
        let read = try await database.read { tx -> StatementPage.Reading? in
            // All of it is found by keys: planning it anew for each page would cost more than reading it.
            try tx.script("set local plan_cache_mode = force_generic_plan")
            guard let account = try tx.account(of: child, at: visit.now) else { return nil }
            let filter = StatementFilter(
                month: visit.query("month"), first: visit.query("from"), last: visit.query("to"), kind: visit.query("kind"),
                method: visit.query("method"), today: account.today)
            let statement = try tx.statement(
                of: account.id, from: account.zone.start(of: filter.first), until: account.zone.start(of: filter.last + 1))
            // Whatever the lines are, each of these is one statement: a page costs what its round trips cost.
            let people = Set(statement.lines.flatMap { line -> [UUID?] in
                if case .refund(_, let asker) = line.happening { [line.by, asker] } else { [line.by] }
            }.compactMap(\.self))
            let roles = try Directory.roles(of: people, in: tx).compactMapValues { held in
                held.first { $0.schoolID == account.schoolID }?.role
            }
            let others = Set(statement.lines.compactMap(\.otherChild))
            let powers = try Directory.powers(of: visit.viewer, about: others.union([child]), at: visit.now, on: visit.today, in: tx)
            let open = others.filter { powers.may(.seeMoney, $0) }
            let receivers = powers.may(.moveMoney, child) ? Set(powers.children(for: .moveMoney)).subtracting([child]) : []
            let accounts = open.isEmpty && receivers.isEmpty
                ? [] : try tx.accounts(.children(Array(open.union(receivers))), at: visit.now)
            let requests = try tx.refundRequests(.charges(statement.charges, of: account.id))
            let (lunch, hasSubsidies) = try tx.usualLunchAndSubsidies(of: account.id)
            return StatementPage.Reading(
                account: account, filter: filter, statement: statement, lunch: lunch, roles: roles,
                others: Dictionary(
                    accounts.filter { open.contains($0.personID) }.map { ($0.id, $0) }, uniquingKeysWith: { $1 }),
                requests: Dictionary(grouping: requests, by: \.chargeID), mayChangeLimit: powers.may(.setLimit, child),
                mayMove: accounts.contains { receivers.contains($0.personID) && $0.isOpen },
                mayAskRefund: powers.may(.askRefund, child), mayTakeOut: powers.may(.takeMoneyOut, child),
                hasSubsidies: hasSubsidies, seesCertificate: powers.may(.seeCertificate, child))
        }
        guard let read else { return nil }
        self = read
    }
}

extension Visit {
    /// Whether the reader holds a permission about a child today.
    func may(_ permission: Permission, _ child: UUID, in transaction: borrowing Transaction) throws -> Bool {
        try Directory.decide(viewer, permission, about: .child(child), on: today, in: transaction) == .allowed
    }
}

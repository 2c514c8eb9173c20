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
        func address(from first: Day) -> String {
            "\(path)?from=\(first.iso)&to=\((first + (length - 1)).iso)&kind=\(filter.kind.rawValue)"
        }
        let ways = Self.ways(read, for: visit)
        self.init(
            title: visit.tr("Money"), purse: purse, kids: kids, hasKids: kids.count > 1,
            mayChangeLimit: read.mayChangeLimit, limitValue: purse.limit.map { $0.limit.typed } ?? "",
            ways: ways, hasWays: !ways.isEmpty, first: filter.first, last: filter.last, month: filter.month?.iso,
            periodTitle: filter.month.map { visit.monthTitle($0) } ?? visit.format.days(filter.first, filter.last),
            monthName: filter.month.map { visit.monthName($0) },
            earlierPath: filter.month.map { "\(path)?month=\($0.previous.iso)&kind=\(filter.kind.rawValue)" } ?? address(from: filter.first - length),
            laterPath: filter.last >= read.account.today
                ? nil : filter.month.map { "\(path)?month=\($0.next.iso)&kind=\(filter.kind.rawValue)" } ?? address(from: filter.first + length),
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
            kind: filter.kind, sheetPath: "\(path).xlsx?\(filter.query())", opening: read.statement.opening,
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
            guard let account = try tx.account(of: child, at: visit.now) else { return nil }
            let filter = StatementFilter(
                month: visit.query("month"), first: visit.query("from"), last: visit.query("to"), kind: visit.query("kind"),
                method: visit.query("method"), today: account.today)
            let statement = try tx.statement(
                of: account.id, from: account.zone.start(of: filter.first), until: account.zone.start(of: filter.last + 1))
            var roles: [UUID: Role] = [:]
            var others: [UUID: UUID] = [:]
            for line in statement.lines {
                var people = [line.by]
                if case .refund(_, let asker) = line.happening { people.append(asker) }
                for person in people.compactMap(\.self) where roles[person] == nil {
                    roles[person] = try Directory.roles(of: person, in: tx).first { $0.schoolID == account.schoolID }?.role
                }
                if case .transfer(let other) = line.happening, others[other] == nil {
                    others[other] = try tx.first("select person_id from meals_account where id = \(other)", as: UUID.self)
                }
            }
            let open = try others.values.filter { try visit.may(.seeMoney, $0, in: tx) }
            let requests = try tx.refundRequests(.charges(statement.lines.map(\.id)))
            let mayMove = try visit.may(.moveMoney, child, in: tx) ? try !tx.receivers(of: child, for: visit).isEmpty : false
            return StatementPage.Reading(
                account: account, filter: filter, statement: statement, lunch: try tx.usualLunch(of: account.id), roles: roles,
                others: Dictionary(
                    try tx.accounts(.children(open), at: visit.now).map { ($0.id, $0) }, uniquingKeysWith: { $1 }),
                requests: Dictionary(grouping: requests, by: \.chargeID), mayChangeLimit: try visit.may(.setLimit, child, in: tx),
                mayMove: mayMove, mayAskRefund: try visit.may(.askRefund, child, in: tx),
                mayTakeOut: try visit.may(.takeMoneyOut, child, in: tx),
                hasSubsidies: try tx.first("select 1 from subsidy where meals_id = \(account.id) limit 1", as: Int.self) != nil,
                seesCertificate: try visit.may(.seeCertificate, child, in: tx))
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

import Directory
import Events
import Foundation
import Kernel
import Postgres
import Web

/// What came in on one day at one school, by way and by who took it, and what went back the same ways (AC-04).
struct DeskDay: Equatable, Sendable {
    struct Sum: Equatable, Sendable {
        let method: TopUpMethod
        /// Whether it went: paid out of the drawer, back to cards, cancelled by a terminal.
        let isBack: Bool
        /// Who took or gave it at the desk; nil for what came by itself.
        let by: UUID?
        /// His number at this desk: Ledger keeps no names (D-05).
        let number: Int?
        let count: Int
        /// Below zero when it went.
        let amount: Money
    }

    let schoolID: UUID
    let day: Day
    let closedAt: Date?
    let sums: [Sum]
}

extension TopUpMethod {
    /// The way that money comes from an organisation's account; nil where none does.
    fileprivate init?(booked account: String) {
        guard let way = Self.allCases.first(where: { OrganisationAccount($0).rawValue == account }) else { return nil }
        self = way
    }
}

/// Closes a desk's day: from then on the desk takes nothing more that would count for it.
struct CloseDeskDay {
    let schoolID: UUID
    let day: Day
    let by: UUID

    /// - Returns: false when the day has not begun at the school, or there is no such school.
    func run(in transaction: borrowing Transaction, at now: Date) throws -> Bool {
        // Whoever is taking money holds the row until he is done, and is counted; whoever comes later sees the day closed.
        guard
            let (desk, today) = try transaction.first(
                """
                select cash_desk_id, (\(now) at time zone time_zone)::date from school_books
                where school_id = \(schoolID) for no key update
                """, as: UUID.self, Day.self), day <= today
        else { return false }
        try transaction.execute(
            """
            insert into desk_day (desk_id, day, closed_at, closed_by) values (\(desk), \(day), \(now), \(by))
            on conflict do nothing
            """)
        return true
    }
}

extension Transaction {
    func deskDay(_ day: Day, of schoolID: UUID) throws -> DeskDay {
        let closedAt = try first(
            "select closed_at from desk_day where desk_id = \(OrganisationAccount.cashDesk.id(of: schoolID)) and day = \(day)", as: Date.self)
        let sums = try rows(
            """
            select a.kind, t.kind <> 'topUp', case when a.kind = 'cashDesk' then t.by_id end as by_id, k.number, count(*),
                -sum(e.amount)::bigint
            from transfer t
            join entry e on e.transfer_id = t.id and e.position is null
            join account a on a.id = e.account_id and a.school_id = \(schoolID)
            left join desk_keeper k on k.desk_id = a.id and k.person_id = t.by_id
            where t.kind in ('topUp', 'return', 'payout') and t.business_on = \(day) and a.kind <> 'payouts'
            group by 1, 2, 3, 4 order by 1, 2, 4, 3
            """, as: String.self, Bool.self, UUID?.self, Int?.self, Int.self, Money.self)
        return DeskDay(
            schoolID: schoolID, day: day, closedAt: closedAt,
            sums: sums.compactMap { row in
                TopUpMethod(booked: row.0).map { DeskDay.Sum(method: $0, isBack: row.1, by: row.2, number: row.3, count: row.4, amount: row.5) }
            })
    }

    func isDeskDayClosed(_ day: Day, of schoolID: UUID) throws -> Bool {
        try first(
            "select true from desk_day where desk_id = \(OrganisationAccount.cashDesk.id(of: schoolID)) and day = \(day)", as: Bool.self) ?? false
    }

    /// Gives whoever takes or gives cash his number at the desk, the next one that is free, and leaves it at that ever after.
    ///
    /// To be called before any row is locked: whoever comes to a desk for the first time waits for others who do.
    func numberAtDesk(_ person: UUID, of desk: UUID) throws {
        func isKnown() throws -> Bool {
            try first("select true from desk_keeper where desk_id = \(desk) and person_id = \(person)", as: Bool.self) ?? false
        }
        guard try !isKnown() else { return }
        try execute("select pg_advisory_xact_lock(hashtextextended(\(desk.text), 18))")
        guard try !isKnown() else { return }
        try execute(
            """
            insert into desk_keeper (desk_id, number, person_id)
            select \(desk), coalesce(max(number), 0) + 1, \(person) from desk_keeper where desk_id = \(desk)
            """)
    }

    /// The schools whose desk somebody keeps.
    func deskSchools(of viewer: Viewer) throws -> [UUID] {
        Array(Set(try Directory.places(of: viewer, .topUpAtDesk, in: self).filter { $0.classID == nil }.map(\.schoolID)))
            .sorted { $0.text < $1.text }
    }
}

/// The sheet of a day: totals by way and by who took it, to compare with the drawer, to close and to print.
struct DeskDayPage: Page {
    struct Line: Encodable, Sendable, Equatable {
        let way: String
        let who: String
        let count: Int
        let countText: String
        let amount: Money
        let amountText: String
    }

    struct Sheet: Encodable, Sendable, Equatable {
        let school: UUID
        let lines: [Line]
        let isEmpty: Bool
        let total: Money
        let totalText: String
        let cash: Money
        let cashText: String
        /// When it was closed; nil while it is open.
        let closed: String?
        let mayClose: Bool
        let close: Confirmation
    }

    static let template = "desk/day"
    let title: String
    let section = "desk"
    let day: Day
    let dayTitle: String
    let pager: Pager
    let sheets: [Sheet]
}

extension DeskDayPage {
    init(for visit: Visit, _ database: Database) async throws {
        let day = visit.day("day") ?? visit.today
        let days = try await database.read { tx in try tx.deskSchools(of: visit.viewer).map { try tx.deskDay(day, of: $0) } }
        let path = "/ledger/desk/day"
        self.init(
            title: visit.tr("Day of the desk"), day: day, dayTitle: visit.dayTitle(day),
            pager: Pager(
                visit.tr("Day"), visit.dayTitle(day), before: "\(path)?day=\(day + (-1))", visit.tr("Earlier day"),
                after: day < visit.today ? "\(path)?day=\(day + 1)" : nil, visit.tr("Later day")),
            sheets: days.map { read in
                let total = read.sums.map(\.amount).total
                let cash = read.sums.filter { $0.method == .cashDesk }.map(\.amount).total
                return Sheet(
                    school: read.schoolID,
                    lines: read.sums.map { sum in
                        Line(
                            way: visit.words(sum),
                            who: visit.who(sum),
                            count: sum.count, countText: visit.trn(sum.count, "one payment", "%d payments"), amount: sum.amount, amountText: visit.plain(sum.amount))
                    },
                    isEmpty: read.sums.isEmpty, total: total, totalText: visit.plain(total), cash: cash, cashText: visit.money(cash),
                    closed: read.closedAt.map { visit.tr("Closed %@.", visit.format.moment($0, now: visit.now)) },
                    mayClose: read.closedAt == nil && day <= visit.today,
                    close: Confirmation(
                        id: "close-\(read.schoolID.text)", button: visit.tr("Close the day"), heading: visit.tr("Close the day?"),
                        sentence: visit.tr("In the drawer there should be %@. After that the desk takes nothing more on this day.", visit.money(cash)),
                        action: "\(path)/\(read.schoolID.text)/\(day)", decision: visit.tr("Close the day")))
            })
    }
}

extension Visit {
    /// Who took or gave it: his number at the desk, with the name only for himself, out of his own token.
    fileprivate func who(_ sum: DeskDay.Sum) -> String {
        guard let by = sum.by else { return "—" }
        let number = sum.number.map { tr("no. %@", $0) }
        if by == viewer.personID { return [viewer.name, number].compactMap(\.self).joined(separator: ", ") }
        return [tr("accountant"), number].compactMap(\.self).joined(separator: " ")
    }

    fileprivate func words(_ sum: DeskDay.Sum) -> String {
        guard sum.isBack else { return words(sum.method) }
        return switch sum.method {
        case .cashDesk: tr("paid out at the cash desk")
        case .bankCard: tr("back to bank cards")
        case .terminal, .bankRegister: tr("cancelled by payment systems")
        }
    }
}

/// Closing from the sheet or by a program.
struct DeskDayForm {
    let database: Database

    func close(_ visit: Visit) async throws -> Answer {
        let school = try visit.uuid("school")
        guard let day = Day(try visit.parameter("day")) else { throw Problem.notFound }
        let close = CloseDeskDay(schoolID: school, day: day, by: visit.viewer.personID)
        let isClosed = try await database.transaction { try close.run(in: $0, at: visit.now) }
        guard isClosed else { throw Problem.notFound }
        return .seeOther("/ledger/desk/day?day=\(day)")
    }
}

import Events
import Foundation
import Kernel
import Postgres

/// One line of an account: a movement, or an attempt that was refused (AC-05, BY-05).
struct StatementLine: Equatable {
    enum Happening: Equatable {
        case charge(Purchase)
        /// A charge that subsidies paid as a whole: nothing moved on this account (AC-08).
        case subsidised(Purchase)
        case reversal(Purchase)
        /// Confirmed by a tutor after somebody asked (AC-12).
        case refund(Purchase, askedBy: UUID?)
        case topUp(TopUpMethod)
        /// To or from another child of the family (AC-09); the sign of the amount says which.
        case transfer(other: UUID)
        /// Paid out of the account (BY-04).
        case payout
        /// A top-up went back the way it came: to the card, or out of the terminal's payment (AC-02, AC-03).
        case returned(TopUpMethod)
        case refusal(Purchase, DeclineReason)
    }

    let id: UUID
    let happening: Happening
    let at: Date
    /// The business day it counts for; another than that of `at` when it was sold without a connection.
    let day: Day
    let what: String
    let receipt: String?
    let by: UUID?
    let device: UUID?
    /// What that till is called; nil for one that Ledger has not heard of.
    var till: String?
    /// The payment system's own number of a payment, as on the paper that the payer has.
    var payment: String?
    /// The number at the cash desk of whoever took or gave the cash; Ledger keeps no names (D-05).
    var keeper: Int?
    let saleID: UUID?
    /// The charge that a reversal or refund gives back, or the top-up that a return does.
    var chargeID: UUID?
    /// Whose account the other one of a transfer is.
    var otherChild: UUID?
    let isOffline: Bool
    /// True for a charge that was given back later as a whole, before it was delivered.
    let isReversed: Bool
    /// What subsidies paid of a charge.
    var subsidised = Money.zero
    /// What of a charge was refunded.
    var refunded = Money.zero
    /// What moved, with its sign; for a refusal what was asked.
    let amount: Money
    /// The balance after it; nil for a refusal.
    let balance: Money?
}

/// What may be left out of a statement.
enum StatementKind: String, CaseIterable, Encodable, Sendable {
    case all, topUps = "top-ups", collective, personal, services, back, transfers, refused

    func shows(_ line: StatementLine) -> Bool {
        switch (self, line.happening) {
        case (.all, _), (.topUps, .topUp), (.topUps, .returned), (.transfers, .transfer), (.transfers, .payout), (.refused, .refusal): true
        case (.collective, .subsidised(.collective)), (.personal, .subsidised(.personal)): true
        case (.collective, .charge(.collective)), (.collective, .reversal(.collective)): true
        case (.collective, .refusal(.collective, _)), (.collective, .refund(.collective, _)): true
        case (.personal, .charge(.personal)), (.personal, .reversal(.personal)): true
        case (.personal, .refusal(.personal, _)), (.personal, .refund(.personal, _)): true
        case (.services, .charge(.service)), (.services, .refusal(.service, _)), (.services, .refund(.service, _)): true
        case (.back, .reversal), (.back, .refund): true
        default: false
        }
    }
}

/// Which lines a reader asked for: days, a kind, a way in which money came (AC-05).
struct StatementFilter: Equatable {
    let first: Day
    /// The last day, included.
    let last: Day
    /// Set when the days are those of a calendar month.
    let month: Month?
    let kind: StatementKind
    let method: TopUpMethod?

    /// The longest period of one statement, in days.
    static let longest = 400

    /// Days that are no days, or in the wrong order, give the month; a period that is too long ends earlier.
    init(month: String?, first: String?, last: String?, kind: String?, method: String?, today: Day) {
        self.kind = kind.flatMap(StatementKind.init) ?? .all
        self.method = method.flatMap(TopUpMethod.init)
        let asked = month.flatMap(Month.init)
        if asked == nil, let from = first.flatMap({ Day($0) }), let to = last.flatMap({ Day($0) }) ?? Optional(today), from <= to {
            self.first = from
            self.last = min(to, from + Self.longest)
            self.month = nil
        } else {
            let month = asked ?? Month(of: today)
            self.first = month.first
            self.last = month.next.first - 1
            self.month = month
        }
    }

    func shows(_ line: StatementLine) -> Bool {
        guard kind.shows(line) else { return false }
        guard let method else { return true }
        return line.happening == .topUp(method) || line.happening == .returned(method)
    }

    /// As it stands behind the question mark of an address.
    func query(kind: StatementKind? = nil, anyMethod: Bool = false) -> String {
        var parts = month.map { ["month=\($0.iso)"] } ?? ["from=\(first.iso)", "to=\(last.iso)"]
        parts.append("kind=\((kind ?? self.kind).rawValue)")
        if let method, !anyMethod, kind == nil || kind == .all || kind == .topUps { parts.append("method=\(method.rawValue)") }
        return parts.joined(separator: "&")
    }
}

/// A period of an account, every movement and refusal in it, newest first.
struct AccountStatement: Equatable {
    let opening: Money
    let lines: [StatementLine]

    /// The ids of what was paid for in it.
    var charges: [UUID] {
        lines.compactMap { line in
            switch line.happening {
            case .charge, .subsidised: line.id
            default: nil
            }
        }
    }

    /// The balance at the end of the period.
    var closing: Money { lines.lazy.compactMap(\.balance).first ?? opening }
}

extension Transaction {
    /// Everything that happened to an account from one moment until before another.
    ///
    /// A period begins after the last entry that was made before it: so every entry is in one period and the balances
    /// follow one another, also where the clocks of two copies differ. The entries are found by their place in the
    /// account, so that a month is read as quickly in the tenth year as in the first, and the first as the last.
    func statement(of accountID: UUID, from: Date, until: Date) throws -> AccountStatement {
        let edges = try lastEntries(of: accountID, before: [from, until])
        let (before, last) = (edges.first ?? nil, edges.last ?? nil)
        let opening = before?.balance ?? .zero
        let rows = try rows(
            """
            select t.id, t.kind, t.purchase, t.method, null::text, t.made_at, t.business_on, t.what, t.receipt, t.by_id,
                t.device_id, t.sale_id, t.offline, r.id is not null, t.moved, t.balance, t.position,
                case when t.other_id = t.line_of then t.account_id else t.other_id end, t.asked_by_id,
                coalesce(t.reverses, t.refunds, t.returns),
                -- What both say of a charge stands in its movements too, and those are read anyway.
                case when t.kind = 'charge'
                    then coalesce((select sum(back.amount)::bigint from transfer back where back.refunds = t.id), 0) else 0 end,
                case when t.kind = 'charge' then t.amount + t.moved else 0 end,
                case when t.other_id is not null then (
                    select m.person_id from meals_account m
                    where m.id = case when t.other_id = t.line_of then t.account_id else t.other_id end) end,
                -- Where it was done (AC-05): the till's name, the payment system's number, the number at the cash desk.
                case when t.device_id is not null then (select k.name from known_till k where k.id = t.device_id) end,
                case when t.method in ('terminal', 'bankRegister')
                    then (select p.number from partner_payment p where p.transfer_id = coalesce(t.returns, t.id)) end,
                case when t.method = 'cashDesk' or t.kind = 'payout' then (
                    select k.number from entry desk join desk_keeper k on k.desk_id = desk.account_id and k.person_id = t.by_id
                    where desk.transfer_id = t.id and desk.position is null) end
            from account_line t
            left join transfer r on r.reverses = t.id
            where t.line_of = \(accountID) and t.position > \(before?.position ?? 0) and t.position <= \(last?.position ?? 0)
            union all
            select c.id, 'refusal', c.purchase, null, c.reason, c.decided_at,
                coalesce(c.business_on, c.decided_at::date), c.what, null, c.by_id, c.device_id, c.sale_id, false, false,
                c.amount, null, null, null, null, null, 0, 0, null,
                (select k.name from known_till k where k.id = c.device_id), null, null
            from charge c
            where c.account_id = \(accountID) and c.payee_id is null and c.state = 'declined'
                and c.decided_at >= \(from) and c.decided_at < \(until)
            union all
            select c.id, 'subsidised', c.purchase, null, null, c.decided_at, c.business_on, c.what, null, c.by_id, c.device_id,
                c.sale_id, false, false, 0, null, null, null, null, null, c.refunded, c.subsidised, null,
                (select k.name from known_till k where k.id = c.device_id), null, null
            from charge c
            -- Asked once: who never had a subsidy has none of these.
            where exists (select from subsidy s where s.meals_id = \(accountID))
                and c.account_id = \(accountID) and c.state = 'posted' and c.payee_id is null and c.subsidised = c.amount
                and c.decided_at >= \(from) and c.decided_at < \(until)
            order by 6 desc, 17 desc nulls first
            """,
            as: UUID.self, String.self, String?.self, String?.self, String?.self, Date.self, Day.self, String.self,
            String?.self, UUID?.self, UUID?.self, UUID?.self, Bool.self, Bool.self, Money.self, Money?.self, Int64?.self,
            UUID?.self, UUID?.self, UUID?.self, Money.self, Money.self, UUID?.self, String?.self, String?.self, Int?.self)
        let lines = rows.compactMap { row -> StatementLine? in
            let purchase = row.2.flatMap(Purchase.init) ?? .personal
            let happening: StatementLine.Happening? =
                switch row.1 {
                case "charge": .charge(purchase)
                case "subsidised": .subsidised(purchase)
                case "reversal": .reversal(purchase)
                case "refund": .refund(purchase, askedBy: row.18)
                case "topUp": .topUp(row.3.flatMap(TopUpMethod.init) ?? .cashDesk)
                case "familyTransfer": row.17.map { .transfer(other: $0) }
                case "payout": .payout
                case "return": .returned(row.3.flatMap(TopUpMethod.init) ?? .bankCard)
                case "refusal": row.4.flatMap(DeclineReason.init).map { .refusal(purchase, $0) }
                default: nil
                }
            return happening.map {
                StatementLine(
                    id: row.0, happening: $0, at: row.5, day: row.6, what: row.7, receipt: row.8, by: row.9,
                    device: row.10, till: row.23, payment: row.24, keeper: row.25, saleID: row.11, chargeID: row.19,
                    otherChild: row.22, isOffline: row.12, isReversed: row.13, subsidised: row.21, refunded: row.20,
                    amount: row.14, balance: row.15)
            }
        }
        return AccountStatement(opening: opening, lines: lines)
    }

    /// For each moment the last entry that was made before it; nil where there is none.
    ///
    /// The places of an account's entries are its whole numbers from 1, and time goes with them, so the search halves them:
    /// a dozen looks where thousands of entries are kept, for all moments side by side. Where the clocks of two copies
    /// differ, the times near a boundary may be out of order, and it lies at one of the changes from before to after: at the
    /// same one for the period that ends there and the period that begins there, and never behind the boundary of a later
    /// moment.
    func lastEntries(of accountID: UUID, before moments: [Date]) throws -> [(position: Int64, balance: Money)?] {
        var found: [(position: Int64, balance: Money)?] = Array(repeating: nil, count: moments.count)
        let rows = try rows(
            """
            with recursive search as (
                select asked.place, asked.moment, 0::bigint as low, m.position as high
                from meals_account m cross join unnest(\(moments)) with ordinality as asked(moment, place)
                where m.id = \(accountID)
                union all
                select s.place, s.moment, case when probe.is_before then probe.position else s.low end,
                    case when probe.is_before then s.high else probe.position - 1 end
                from search s
                cross join lateral (
                    select e.position, e.made_at < s.moment as is_before from account_line e
                    where e.line_of = \(accountID) and e.position = (s.low + s.high + 1) / 2
                    offset 0
                ) probe
                where s.low < s.high
            )
            select s.place, e.position, e.balance
            from search s
            cross join lateral (
                select l.position, l.balance from leg l
                where l.account_id = \(accountID) and l.position is not null and l.position = s.low
                offset 0
            ) e
            where s.low = s.high
            """, as: Int.self, Int64.self, Money.self)
        for (place, position, balance) in rows { found[place - 1] = (position, balance) }
        return found
    }

    /// What the latest lunches by the class's request cost, on average: it tells how long the money lasts.
    ///
    /// Looked for among the latest purchases only: who has long eaten no lunch has no usual one.
    func usualLunch(of accountID: UUID) throws -> Money? { try usualLunchAndSubsidies(of: accountID).lunch }

    /// The latest 60 that stand, each kind through an index of its own: paid with own money alone, and with subsidies.
    private func latestCharges(of account: SQL) -> SQL {
        """
        select * from (
            (select amount, purchase, decided_at from charge
                where account_id = \(account) and payee_id is not null and state = 'posted' order by position desc limit 60)
            union all
            (select amount, purchase, decided_at from charge
                where account_id = \(account) and payee_id is null and state = 'posted' order by decided_at desc limit 60)
        ) charges order by decided_at desc limit 60
        """
    }

    /// The usual lunches of several accounts, in one statement; of those that have one.
    func usualLunches(of accountIDs: [UUID]) throws -> [UUID: Money] {
        let rows = try rows(
            """
            select asked.id, (
                select avg(lunch.amount)::bigint from (
                    select latest.amount from (
                        \(latestCharges(of: "asked.id"))
                    ) latest
                    where latest.purchase = 'collective' order by latest.decided_at desc limit 5
                ) lunch
            ) from unnest(\(accountIDs)) as asked(id)
            """, as: UUID.self, Money?.self)
        return Dictionary(rows.compactMap { id, lunch in lunch.map { (id, $0) } }, uniquingKeysWith: { first, _ in first })
    }

    /// The usual lunch, and whether there ever was a subsidy.
    func usualLunchAndSubsidies(of accountID: UUID) throws -> (lunch: Money?, hasSubsidies: Bool) {
        try first(
            """
            select (
                select avg(lunch.amount)::bigint from (
                    select latest.amount from (
                        \(latestCharges(of: "\(accountID)"))
                    ) latest
                    where latest.purchase = 'collective' order by latest.decided_at desc limit 5
                ) lunch
            ), exists (select from subsidy where meals_id = \(accountID))
            """, as: Money?.self, Bool.self
        ).map { (lunch: $0.0, hasSubsidies: $0.1) } ?? (nil, false)
    }
}

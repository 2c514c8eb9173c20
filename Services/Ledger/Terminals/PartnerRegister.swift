import Foundation
import Kernel
import Messaging
import Postgres

/// What a partner says it took, by one of its daily registers: `txn_id,date,account,sum`.
struct PartnerRegister: Equatable, Sendable {
    struct Line: Equatable, Sendable {
        let number: String
        let day: Day
        let account: String
        let amount: Money
    }

    let lines: [Line]
    /// Sentences with the number of the line; with any of them nothing is brought in.
    let damage: [String]

    /// Reads a register as it was sent.
    init(_ text: String) {
        let table = CSVTable(text)
        var damage = table.damage.map { "line \($0.line): \($0.reason)" }
        let missing = ["txn_id", "date", "account", "sum"].filter { !table.columns.contains($0) }
        if !missing.isEmpty { damage.append("the header lacks \(missing.joined(separator: ", "))") }
        var lines: [Line] = []
        var seen: Set<String> = []
        for row in missing.isEmpty ? table.rows : [] {
            guard let number = try? PartnerWords.number(row["txn_id"]) else {
                damage.append("line \(row.line): «\(row["txn_id"])» is no number of a payment")
                continue
            }
            guard let day = Self.day(row["date"]) else {
                damage.append("line \(row.line): «\(row["date"])» is no date")
                continue
            }
            guard let amount = PartnerWords.amount(row["sum"]), amount > .zero else {
                damage.append("line \(row.line): «\(row["sum"])» is no sum")
                continue
            }
            guard seen.insert(number).inserted else {
                damage.append("line \(row.line): the payment \(number) stands in the register twice")
                continue
            }
            lines.append(Line(number: number, day: day, account: row["account"], amount: amount))
        }
        self.lines = lines
        self.damage = damage
    }

    /// `2026-11-20`, `20.11.2026`, `20261120124700`, `20.11.2026_12:47:00`; what follows a space is left out.
    private static func day(_ text: String) -> Day? {
        let first = text.prefix { $0 != " " && $0 != "T" }
        if let day = Day(String(first)) { return day }
        let parts = first.prefix(10).split(separator: ".")
        if parts.count == 3, let day = Day("\(parts[2])-\(parts[1])-\(parts[0])") { return day }
        return PartnerWords.date(String(first), .plain)
    }

    /// Puts the register in the place of what was known of its days.
    ///
    /// - Parameter days: days that it speaks of though no line of it does.
    func bring(of partner: Partner, file: String, days more: [Day] = [], in transaction: borrowing Transaction, at now: Date) throws {
        let days = Array(Set(lines.map(\.day) + more))
        try transaction.execute("delete from register_day where partner_id = \(partner.id) and day = any(\(days))")
        try transaction.execute(
            """
            insert into register_day (partner_id, day, file, imported_at)
            select \(partner.id), day, \(file), \(now) from unnest(\(days)) as new(day)
            """)
        try transaction.execute(
            """
            insert into register_line (partner_id, day, number, account_number, amount)
            select \(partner.id), day, number, account, amount
            from unnest(\(lines.map(\.day)), \(lines.map(\.number)), \(lines.map(\.account)), \(lines.map(\.amount)))
                as new(day, number, account, amount)
            on conflict (partner_id, number) do update
            set day = excluded.day, account_number = excluded.account_number, amount = excluded.amount
            """)
    }
}

/// Where our payments and a partner's register do not say the same.
struct RegisterDifference: Equatable, Sendable {
    /// Its title, and its short name.
    let partner: String
    let name: String
    let number: String
    let day: Day
    /// The school of the account; nil when nobody has it.
    let schoolID: UUID?
    /// Whether the account can be paid.
    let isOpen: Bool
    /// Whether it came and was taken back by the partner.
    let isCancelled: Bool
    /// What we have; nil when we never saw it.
    let ours: Money?
    let ourAccount: String?
    /// What the register says; nil when it does not stand there.
    let theirs: Money?
    let theirAccount: String?
}

extension Transaction {
    /// Differences of all days whose register is here, newest first; of these schools, and of accounts that nobody has.
    func registerDifferences(schools: [UUID]) throws -> [RegisterDifference] {
        try rows(
            """
            with ours as (
                select p.partner_id, p.number, p.partner_day, p.account_number, p.amount
                from partner_payment p
                left join partner_cancel c on c.partner_id = p.partner_id and c.number = p.number
                join register_day d on d.partner_id = p.partner_id and d.day = p.partner_day
                left join register_line l on l.partner_id = p.partner_id and l.number = p.number
                where l.number is null and c.number is null
            ), differing as (
                select l.partner_id, l.number, l.day, p.amount as our_amount, p.account_number as our_account, l.amount,
                    l.account_number
                from register_line l
                left join (
                    select p.* from partner_payment p
                    left join partner_cancel c on c.partner_id = p.partner_id and c.number = p.number
                    where c.number is null
                ) p on p.partner_id = l.partner_id and p.number = l.number
                where (p.amount, p.account_number) is distinct from (l.amount, l.account_number)
                union all
                select o.partner_id, o.number, o.partner_day, o.amount, o.account_number, null, null from ours o
            )
            select partner.title, partner.name, d.number, d.day, m.school_id, coalesce(m.is_open, false),
                exists (select from partner_cancel c where c.partner_id = d.partner_id and c.number = d.number),
                d.our_amount, d.our_account, d.amount, d.account_number
            from differing d
            join partner on partner.id = d.partner_id
            left join meals_account m on m.number = coalesce(d.our_account, d.account_number)
            where m.school_id is null or m.school_id = any(\(schools))
            order by d.day desc, partner.name, d.number
            limit 500
            """,
            as: String.self, String.self, String.self, Day.self, UUID?.self, Bool.self, Bool.self, Money?.self, String?.self, Money?.self, String?.self
        ).map {
            RegisterDifference(
                partner: $0.0, name: $0.1, number: $0.2, day: $0.3, schoolID: $0.4, isOpen: $0.5, isCancelled: $0.6, ours: $0.7,
                ourAccount: $0.8, theirs: $0.9, theirAccount: $0.10)
        }
    }
}

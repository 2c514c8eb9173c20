import Foundation
import Kernel
import Messaging
import Postgres

/// A payment of a register that never came: it is put on the account by the register's word, under the partner's own number,
/// so that it comes once even when the partner asks for it later (AC-03, AC-04).
struct CreditByRegister {
    let partner: String
    let number: String
    let schoolID: UUID

    /// - Throws: ``PartnerRefusal``; `paymentNotFound` when no such line waits at the school.
    func run(in transaction: borrowing Transaction, _ outbox: Outbox, at now: Date) throws -> PartnerAnswer.Credited {
        guard let partner = try transaction.partners().first(where: { $0.name == partner }),
            let (day, account, amount) = try transaction.first(
                """
                select l.day, l.account_number, l.amount
                from register_line l join meals_account m on m.number = l.account_number
                where l.partner_id = \(partner.id) and l.number = \(number) and m.school_id = \(schoolID)
                """, as: Day.self, String.self, Money.self)
        else { throw PartnerRefusal.paymentNotFound }
        // The money is there already, however little or much it is.
        return try TakePartnerPayment(
            partner: partner.taking(atLeast: Money(kopecks: 1), atMost: amount),
            payment: PartnerPay(number: number, account: account, amount: amount, dated: day.description, day: day)
        ).run(in: transaction, outbox, at: now)
    }
}

/// How much both sides count for a partner's day.
struct RegisterDay: Equatable, Sendable {
    let partner: String
    let day: Day
    let file: String
    let ours: Money
    let ourCount: Int
    let theirs: Money
    let theirCount: Int

    var isEven: Bool { ours == theirs && ourCount == theirCount }
}

extension Transaction {
    /// The latest days of registers, newest first, both sides counted for these schools' accounts and those that nobody has.
    func registerDays(schools: [UUID]) throws -> [RegisterDay] {
        try rows(
            """
            select partner.title, d.day, d.file, ours.sum, ours.count, theirs.sum, theirs.count
            from register_day d
            join partner on partner.id = d.partner_id
            cross join lateral (
                select coalesce(sum(p.amount), 0)::bigint as sum, count(*) as count
                from partner_payment p join meals_account m on m.id = p.account_id
                where p.partner_id = d.partner_id and p.partner_day = d.day and m.school_id = any(\(schools))
                    and not exists (select from partner_cancel c where c.partner_id = p.partner_id and c.number = p.number)
            ) ours
            cross join lateral (
                select coalesce(sum(l.amount), 0)::bigint as sum, count(*) as count
                from register_line l left join meals_account m on m.number = l.account_number
                where l.partner_id = d.partner_id and l.day = d.day and (m.school_id is null or m.school_id = any(\(schools)))
            ) theirs
            order by d.day desc, partner.name limit 31
            """, as: String.self, Day.self, String.self, Money.self, Int.self, Money.self, Int.self
        ).map {
            RegisterDay(partner: $0.0, day: $0.1, file: $0.2, ours: $0.3, ourCount: $0.4, theirs: $0.5, theirCount: $0.6)
        }
    }

    /// Payments of registers that never came and whose account is open, of all schools.
    func creditableByRegister(of partner: Partner) throws -> [(number: String, schoolID: UUID)] {
        try rows(
            """
            select l.number, m.school_id
            from register_line l join meals_account m on m.number = l.account_number and m.is_open
            left join partner_payment p on p.partner_id = l.partner_id and p.number = l.number
            where l.partner_id = \(partner.id) and p.number is null order by l.day, l.number
            """, as: String.self, UUID.self
        ).map { (number: $0.0, schoolID: $0.1) }
    }

    /// Whether lines of other schools' accounts stand in a register, or in what it would replace.
    func speaksOfOthers(_ register: PartnerRegister, of partner: Partner, days: [Day], than schools: [UUID]) throws -> Bool {
        try first(
            """
            select true from meals_account m
            where m.school_id <> all(\(schools)) and (
                m.number = any(\(register.lines.map(\.account)))
                or m.number in (
                    select l.account_number from register_line l
                    where l.partner_id = \(partner.id) and (l.day = any(\(days)) or l.number = any(\(register.lines.map(\.number))))))
            limit 1
            """, as: Bool.self) ?? false
    }
}

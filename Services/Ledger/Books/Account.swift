import Events
import Foundation
import Kernel
import Postgres

/// A child's account for meals as it stands (AC-01).
struct Account: Equatable {
    let id: UUID
    let personID: UUID
    let schoolID: UUID
    let number: String
    let pupilCode: String
    let version: Int64
    let balance: Money
    /// Set aside for sales without a connection; part of the balance.
    let held: Money
    let dailyLimit: Money?
    /// Spent on personal purchases on `today`.
    let spentToday: Money
    /// The business day in the time zone of the child's school (D-01).
    let today: Day
    let zone: SchoolZone
    let isOpen: Bool

    /// What can be given away: what is held stays.
    var available: Money { balance - held }

    var limit: DailyLimit { DailyLimit(limit: dailyLimit, spent: spentToday) }

    /// What others are told of it.
    var state: AccountState {
        AccountState(
            accountID: id, version: version, personID: personID, schoolID: schoolID, accountNumber: number,
            balance: balance, dailyLimit: dailyLimit, spentToday: spentToday, day: today, isOpen: isOpen)
    }

    /// Every child has one account, and its id follows from his: whoever opens it first, or again after a loss.
    static func id(of personID: UUID) -> UUID { .derived(from: personID, "ledger.meals") }
}

/// Which accounts to read.
enum AccountKey {
    case children([UUID])
    /// The personal account number (ID-31) or the ИДН (ID-33).
    case code(String)
    /// In the order of ids, for republishing: after this one, so many.
    case page(after: UUID?, limit: Int)
}

extension Transaction {
    /// The accounts asked for, as they stand at a moment, in the order of their ids.
    /// - Parameter now: decides which business day is today, in each school's own zone.
    func accounts(_ key: AccountKey, at now: Date) throws -> [Account] {
        let condition: SQL =
            switch key {
            case .children(let children): "m.person_id = any(\(children))"
            case .code(let code): "m.number = \(code) or m.pupil_code = \(code)"
            case .page(let after, _): "\(after)::uuid is null or m.id > \(after)"
            }
        let most = if case .page(_, let limit) = key { limit } else { 10_000 }
        return try rows(
            """
            select m.id, m.person_id, m.school_id, m.number, m.pupil_code, m.version, m.balance, m.held, m.daily_limit,
                case when m.spent_on = today.day then m.spent else 0 end, today.day, m.time_zone, m.is_open
            from meals_account m
            cross join lateral (select (\(now) at time zone m.time_zone)::date as day) today
            where \(condition)
            order by m.id
            limit \(most)
            """,
            as: UUID.self, UUID.self, UUID.self, String.self, String.self, Int64.self, Money.self, Money.self,
            Money?.self, Money.self, Day.self, String.self, Bool.self
        ).map { row in
            Account(
                id: row.0, personID: row.1, schoolID: row.2, number: row.3, pupilCode: row.4, version: row.5,
                balance: row.6, held: row.7, dailyLimit: row.8, spentToday: row.9, today: row.10,
                zone: SchoolZone(row.11) ?? .moscow, isOpen: row.12)
        }
    }

    /// One child's account, or nil when none was opened.
    func account(of child: UUID, at now: Date) throws -> Account? {
        try accounts(.children([child]), at: now).first
    }
}

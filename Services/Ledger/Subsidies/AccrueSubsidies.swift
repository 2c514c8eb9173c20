import Foundation
import Kernel
import Logging
import Metrics
import Postgres
import Service

/// Brings every subsidy up to its school's day: money by its schedule from the municipality, and the rest back to it when
/// the term has ended (AC-08).
///
/// Looks a few times an hour, so that a day begins soon after midnight wherever the school is. Copies may look at once: each
/// subsidy is brought up to date under the lock of its child, and a day's transfer has one id, so no day counts twice.
struct AccrueSubsidies: RepeatedWork {
    static let name = "subsidies"
    let database: Database
    let logger: Logger
    var pause = Duration.seconds(600)

    func round() async throws -> Int { try await Self.bringUpToDate(database, at: Date()) }

    /// Every subsidy that is behind, each in a transaction of its own.
    ///
    /// - Returns: how many changed.
    static func bringUpToDate(_ database: Database, at now: Date) async throws -> Int {
        var count = 0
        var last: UUID?
        while true {
            let page = try await database.read { [last] tx in
                try tx.rows(
                    """
                    select s.id from subsidy s join school_books b on b.school_id = s.school_id
                    cross join lateral (select (\(now) at time zone b.time_zone)::date as day) today
                    where s.ended_at is null and (s.accrued_through < least(today.day, s.valid_until)
                            or s.valid_until < today.day or s.ended_by is not null)
                        and (\(last)::uuid is null or s.id > \(last))
                    order by s.id limit 200
                    """, as: UUID.self)
            }
            guard let end = page.last else { return count }
            last = end
            for id in page {
                let changed = try await database.transaction { try accrue(id, in: $0, at: now) }
                if changed { count += 1 }
            }
        }
    }

    /// Brings one subsidy up to date.
    ///
    /// - Returns: whether anything changed.
    static func accrue(_ id: UUID, in transaction: borrowing Transaction, at now: Date) throws -> Bool {
        guard let (meals) = try transaction.first("select meals_id from subsidy where id = \(id)", as: UUID.self) else { return false }
        _ = try transaction.lock(accounts: [meals])
        guard
            let (school, amount, every, startsOn, until, through, revoked, ended, title) = try transaction.first(
                """
                select school_id, amount, every, starts_on, valid_until, accrued_through, ended_by is not null,
                    ended_at is not null, title
                from subsidy where id = \(id)
                """,
                as: UUID.self, Money.self, String.self, Day.self, Day.self, Day.self, Bool.self, Bool.self, String.self),
            let rhythm = SubsidyRhythm(rawValue: every),
            let (today) = try transaction.first(
                "select (\(now) at time zone time_zone)::date from school_books where school_id = \(school)", as: Day.self),
            !ended
        else { return false }
        let isOver = revoked || until < today
        let municipality = try transaction.open(.municipality, of: school, at: now)
        let schedule = SubsidySchedule(rhythm: rhythm, startsOn: startsOn, until: until)
        // The certificate gave the days of its term their money also when nobody looked until it was over; what was not
        // spent by then goes back in the same moment, so nothing is posted for days that can no more be paid for.
        let days = isOver ? [] : schedule.due(after: through, today: today, calendar: try transaction.calendar(of: school, from: through, to: today))
        for day in days {
            try transaction.post(
                Posting(
                    id: .derived(from: id, "accrual.\(day.iso)"), kind: .accrual, accountID: id, amount: amount, day: day, what: title,
                    by: nil, legs: [.subsidy(id, amount), .organisation(municipality, -amount)]),
                at: now)
        }
        if !isOver, through < today {
            try transaction.execute("update subsidy set accrued_through = \(min(today, until)) where id = \(id)")
        }
        if isOver { try end(id, title, municipality, today, in: transaction, at: now) }
        return isOver || !days.isEmpty
    }

    /// The rest goes back to the municipality.
    private static func end(
        _ id: UUID, _ title: String, _ municipality: UUID, _ today: Day, in transaction: borrowing Transaction, at now: Date
    ) throws {
        guard let (rest, position) = try transaction.first("select balance, position from subsidy where id = \(id)", as: Money.self, Int64.self)
        else { return }
        if rest > .zero {
            try transaction.post(
                Posting(
                    id: .derived(from: id, "expiry.\(position)"), kind: .expiry, accountID: id, amount: rest, day: today, what: title,
                    by: nil, legs: [.subsidy(id, -rest), .organisation(municipality, rest)]),
                at: now)
        }
        try transaction.execute("update subsidy set ended_at = \(now) where id = \(id)")
    }
}

extension Transaction {
    /// The days on which a school works otherwise than the week says.
    fileprivate func calendar(of school: UUID, from: Day, to: Day) throws -> [Day: Bool] {
        Dictionary(
            try rows(
                "select day, is_school_day from school_calendar where school_id = \(school) and day > \(from) and day <= \(to)",
                as: Day.self, Bool.self),
            uniquingKeysWith: { $1 })
    }
}

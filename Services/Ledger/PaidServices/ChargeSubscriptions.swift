import Foundation
import Kernel
import Logging
import Messaging
import Metrics
import Postgres
import Service

/// Charges every subscription for the period that runs, and ends what is over (ID-35).
///
/// Looks a few times an hour, so that a month begins soon after midnight wherever the school is, and money that has come is found
/// soon. Copies may look at once and be killed anywhere: a period of a child's service is owed once and paid once, by the row of the
/// account and unique keys. A month in which nobody looked is not charged afterwards.
struct ChargeSubscriptions: RepeatedWork {
    static let name = "paid services"
    let database: Database
    let outbox: Outbox
    let logger: Logger
    var pause = Duration.seconds(300)

    func round() async throws -> Int { try await Self.bringUpToDate(database, outbox, at: Date()) }

    /// Everything that is due at a moment, each in a transaction of its own.
    ///
    /// - Returns: how much changed.
    static func bringUpToDate(_ database: Database, _ outbox: Outbox, at now: Date) async throws -> Int {
        var count = 0
        for step in Step.allCases {
            var last: UUID?
            while true {
                let page = try await database.read { [last] in try $0.serviceWork(step, after: last, at: now) }
                guard let end = page.last else { break }
                last = end
                for id in page {
                    let changed = try await database.transaction { try $0.take(step, id, outbox, at: now) }
                    if changed { count += 1 }
                }
            }
        }
        return count
    }

    enum Step: CaseIterable {
        /// Unpaid when the period was over.
        case lapse
        /// The pupil has left, the service is over.
        case end
        /// A period has begun.
        case begin
        /// The money has come.
        case retry
    }
}

extension Transaction {
    /// What a step has to look at, in the order of ids.
    fileprivate func serviceWork(_ step: ChargeSubscriptions.Step, after last: UUID?, at now: Date) throws -> [UUID] {
        let work: SQL =
            switch step {
            case .lapse:
                """
                select d.id from service_due d join paid_service s on s.id = d.service_id
                join school_books b on b.school_id = s.school_id
                where d.state = 'due' and d.last_on < (\(now) at time zone b.time_zone)::date
                    and (\(last)::uuid is null or d.id > \(last)) order by d.id limit 200
                """
            case .end:
                """
                select u.id from subscription u join paid_service s on s.id = u.service_id
                join school_books b on b.school_id = s.school_id join meals_account m on m.id = u.account_id
                where u.ends_on is null and (not m.is_open or m.school_id <> s.school_id or s.closed_at is not null
                        or s.offered_until < (\(now) at time zone b.time_zone)::date
                        or s.rhythm = 'once' and exists (
                            select from service_due d where d.subscription_id = u.id
                                and (d.state = 'lapsed' or d.last_on < (\(now) at time zone b.time_zone)::date)))
                    and (\(last)::uuid is null or u.id > \(last)) order by u.id limit 200
                """
            case .begin:
                """
                select u.id from subscription u join paid_service s on s.id = u.service_id
                join school_books b on b.school_id = s.school_id
                cross join lateral (select (\(now) at time zone b.time_zone)::date as day) today
                where u.ends_on is null and s.rhythm <> 'visit' and u.starts_on <= today.day and not exists (
                        select from service_due d
                        where d.service_id = u.service_id and d.account_id = u.account_id and d.state <> 'lapsed'
                            and d.period = case s.rhythm when 'month' then to_char(today.day, 'YYYY-MM') else 'once' end)
                    and (\(last)::uuid is null or u.id > \(last)) order by u.id limit 200
                """
            case .retry:
                """
                select d.id from service_due d join paid_service s on s.id = d.service_id
                join meals_account m on m.id = d.account_id
                where d.state = 'due' and s.rhythm <> 'visit' and (m.balance - m.held >= d.amount or d.attempts = 0)
                    and (\(last)::uuid is null or d.id > \(last)) order by d.id limit 200
                """
            }
        return try rows(work, as: UUID.self)
    }

    /// - Returns: whether anything changed.
    fileprivate func take(_ step: ChargeSubscriptions.Step, _ id: UUID, _ outbox: Outbox, at now: Date) throws -> Bool {
        switch step {
        case .lapse:
            return try ChargeDue(due: id, by: nil, notesRefusal: false).run(in: self, outbox, at: now) == .lapsed
        case .end:
            guard let subscription = try subscriptions(.one(id)).first else { return false }
            return try EndSubscription(id: id, child: subscription.child, by: nil).run(in: self, outbox, at: now)
        case .begin:
            guard let child = try subscriptions(.one(id)).first?.child else { return false }
            _ = try lock(accounts: [Account.id(of: child)])
            // What was read before the lock may be over by now.
            guard let subscription = try subscriptions(.one(id)).first, subscription.endsOn == nil,
                let account = try account(of: child, at: now), account.isOpen,
                let service = try paidService(subscription.serviceID, on: account.today), !service.isClosed,
                service.schoolID == account.schoolID,
                let period = service.period(holding: account.today, startsOn: subscription.startsOn),
                let due = try owe(period, of: service, by: subscription, at: now)
            else { return false }
            return try ChargeDue(due: due, by: nil, notesRefusal: false).run(in: self, outbox, at: now) == .paid
        case .retry:
            return try ChargeDue(due: id, by: nil, notesRefusal: false).run(in: self, outbox, at: now) == .paid
        }
    }
}

import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// Staff puts a paid service into the school's catalogue (ID-35).
struct OfferService {
    /// Made by the form, so that a form sent twice enters once.
    let id: UUID
    let school: UUID
    /// Who provides it: the school itself or somebody by contract (SC-08).
    let provider: String
    let title: String
    let about: String
    let terms: ServiceTerms
    let price: Money
    let places: Int?
    let audience: ServiceAudience
    let by: UUID

    /// The most a period may cost: beyond it is a slip of the finger.
    static let mostPrice = Money(kopecks: 5_000_000)
    static let mostPlaces = 10_000
    static let longestTitle = 80
    static let longestText = 400

    /// - Throws: `ServiceRefused`.
    func run(in transaction: borrowing Transaction, at now: Date) throws {
        guard !title.isEmpty, title.count <= Self.longestTitle, about.count <= Self.longestText, !provider.isEmpty,
            provider.count <= Self.longestTitle
        else { throw ServiceRefused.incomplete }
        guard price > .zero, price <= Self.mostPrice else { throw ServiceRefused.notAnAmount }
        guard terms.until.map({ terms.from <= $0 }) ?? true else { throw ServiceRefused.termOutOfOrder }
        guard places.map({ (1...Self.mostPlaces).contains($0) }) ?? true else { throw ServiceRefused.noPlaces }
        // Two forms at once come one after the other.
        guard
            let (zone) = try transaction.first(
                "select time_zone from school_books where school_id = \(school) for update", as: String.self)
        else { throw ServiceRefused.noService }
        let today = (SchoolZone(zone) ?? .moscow).day(of: now)
        if let known = try transaction.paidService(id, on: today) {
            guard known.schoolID == school, known.title == title, known.price(on: terms.from) == price else {
                throw ServiceRefused.repeatedWithOtherContents
            }
            return
        }
        let providerID = try transaction.openProvider(provider, of: school, at: now)
        try transaction.execute(
            """
            insert into paid_service (id, school_id, provider_id, title, about, rhythm, offered_from, offered_until, places, grades,
                classes, entered_by, entered_at)
            values (\(id), \(school), \(providerID), \(title), \(about), \(terms.rhythm.rawValue), \(terms.from), \(terms.until),
                \(places), \(audience.grades), \(audience.classes), \(by), \(now))
            """)
        try transaction.execute(
            """
            insert into service_price (service_id, starts_on, price, by_id, made_at)
            values (\(id), \(terms.from), \(price), \(by), \(now))
            """)
    }
}

/// Staff names another price: never for what has begun, so that a family reads it before it pays it (ID-35).
struct ChangePrice {
    let service: UUID
    let school: UUID
    let price: Money
    let by: UUID

    /// - Returns: the day from which it counts: the next month for what is paid by the month, else the next day.
    /// - Throws: `ServiceRefused`.
    @discardableResult
    func run(in transaction: borrowing Transaction, at now: Date) throws -> Day {
        guard price > .zero, price <= OfferService.mostPrice else { throw ServiceRefused.notAnAmount }
        let today = try transaction.lockedService(service, of: school, at: now)
        guard let offer = try transaction.paidService(service, on: today), !offer.isClosed else { throw ServiceRefused.noService }
        let from = Self.startsOn(offer.rhythm, today: today)
        if offer.price(on: from) != price {
            try transaction.execute(
                """
                insert into service_price (service_id, starts_on, price, by_id, made_at)
                values (\(service), \(from), \(price), \(by), \(now))
                """)
        }
        return from
    }

    static func startsOn(_ rhythm: ServiceRhythm, today: Day) -> Day {
        rhythm == .month ? Month(of: today).next.first : today + 1
    }
}

/// Staff changes who may have a service and until when; what families pay does not change by it.
struct ChangeTerms {
    let service: UUID
    let school: UUID
    let about: String
    let until: Day?
    let places: Int?
    let audience: ServiceAudience

    /// - Throws: `ServiceRefused`.
    func run(in transaction: borrowing Transaction, at now: Date) throws {
        let today = try transaction.lockedService(service, of: school, at: now)
        guard let offer = try transaction.paidService(service, on: today), !offer.isClosed else { throw ServiceRefused.noService }
        guard until.map({ $0 >= max(offer.terms.from, today) }) ?? true else { throw ServiceRefused.termOutOfOrder }
        guard about.count <= OfferService.longestText else { throw ServiceRefused.incomplete }
        guard places.map({ (1...OfferService.mostPlaces).contains($0) }) ?? true else { throw ServiceRefused.noPlaces }
        try transaction.execute(
            """
            update paid_service set about = \(about), offered_until = \(until), places = \(places), grades = \(audience.grades),
                classes = \(audience.classes) where id = \(service)
            """)
    }
}

/// Staff closes a service: nobody can subscribe any more, and each subscription ends with what is paid.
struct CloseService {
    let service: UUID
    let school: UUID
    let by: UUID

    /// Closing twice changes nothing. Subscriptions are ended right after, and again by the schedule should that break off.
    /// - Throws: `ServiceRefused.noService`.
    func run(_ database: Database, _ outbox: Outbox, at now: Date) async throws {
        let open = try await database.transaction { tx -> [Subscription] in
            _ = try tx.lockedService(service, of: school, at: now)
            try tx.execute(
                "update paid_service set closed_at = \(now), closed_by = \(by) where id = \(service) and closed_at is null")
            return try tx.subscriptions(.service(service)).filter { $0.endsOn == nil }
        }
        for subscription in open {
            _ = try await database.transaction {
                try EndSubscription(id: subscription.id, child: subscription.child, by: nil).run(in: $0, outbox, at: now)
            }
        }
    }
}

extension Transaction {
    /// Holds a service of a school until the end of the transaction.
    ///
    /// - Returns: the day it is at the school.
    fileprivate func lockedService(_ id: UUID, of school: UUID, at now: Date) throws -> Day {
        guard
            let (today) = try first(
                """
                select (\(now) at time zone b.time_zone)::date from paid_service s join school_books b on b.school_id = s.school_id
                where s.id = \(id) and s.school_id = \(school) for update of s
                """, as: Day.self)
        else { throw ServiceRefused.noService }
        return today
    }

    /// The account of whoever provides services to a school; opened when it is needed.
    fileprivate func openProvider(_ name: String, of school: UUID, at now: Date) throws -> UUID {
        if let (known) = try first(
            "select account_id from provider where school_id = \(school) and lower(name) = lower(\(name))", as: UUID.self)
        {
            return known
        }
        let id = UUID.derived(from: school, "ledger.provider.\(name.lowercased())")
        try execute("insert into account (id, kind, school_id, opened_at) values (\(id), 'provider', \(school), \(now))")
        try execute("insert into organisation_balance (account_id) values (\(id)) on conflict do nothing")
        try execute("insert into provider (account_id, school_id, name) values (\(id), \(school), \(name))")
        return id
    }
}

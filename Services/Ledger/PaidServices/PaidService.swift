import Directory
import Events
import Foundation
import Kernel
import Postgres

/// A paid service of a school's catalogue as it stands on a day (ID-35).
struct PaidService: Equatable {
    let id: UUID
    let schoolID: UUID
    let providerID: UUID
    let provider: String
    let title: String
    let about: String
    let terms: ServiceTerms
    let places: Int?
    let audience: ServiceAudience
    let isClosed: Bool
    /// The price from a day on, in their order.
    let prices: [Price]
    /// How many are subscribed today.
    let subscribers: Int

    struct Price: Equatable {
        let from: Day
        let price: Money
    }

    var rhythm: ServiceRhythm { terms.rhythm }

    /// What a whole period costs that begins on a day.
    func price(on day: Day) -> Money? { prices.last { $0.from <= day }?.price ?? prices.first?.price }

    /// The price that comes after a day, if it is another one.
    func coming(after day: Day) -> Price? { prices.first { $0.from > day && $0.price != price(on: day) } }

    var placesLeft: Int? { places.map { max($0 - subscribers, 0) } }

    /// Whether somebody can still subscribe on a day, places aside.
    func isOffered(on day: Day) -> Bool { !isClosed && (terms.until.map { day <= $0 } ?? true) }

    /// What is owed for the period that holds a day.
    func period(holding day: Day, startsOn: Day) -> ServicePeriod? {
        terms.period(holding: day, startsOn: startsOn, price: price(on:))
    }

    func next(after day: Day, startsOn: Day) -> ServicePeriod? { terms.next(after: day, startsOn: startsOn, price: price(on:)) }

    /// What the statement says a period was: the books explain themselves, in the language of the school.
    func words(_ period: ServicePeriod) -> String {
        switch rhythm {
        case .once: title
        case .month: "\(title), \(Words.months[period.first.month - 1]) \(period.first.year)"
        case .visit: "\(title), \(period.first.day)\u{a0}\(Words.ofMonths[period.first.month - 1])"
        }
    }

    private enum Words {
        static let months = [
            "январь", "февраль", "март", "апрель", "май", "июнь", "июль", "август", "сентябрь", "октябрь", "ноябрь", "декабрь",
        ]
        static let ofMonths = [
            "января", "февраля", "марта", "апреля", "мая", "июня", "июля", "августа", "сентября", "октября", "ноября", "декабря",
        ]
    }
}

/// A child's subscription to a service.
struct Subscription: Equatable {
    let id: UUID
    let serviceID: UUID
    let accountID: UUID
    let child: UUID
    let schoolID: UUID
    let startsOn: Day
    let endsOn: Day?
    let subscribedBy: UUID
    let endedBy: UUID?
    let changedAt: Date
    let version: Int64
    let accountNumber: String
    let pupilCode: String

    /// Whether the service is his on a day.
    func holds(on day: Day) -> Bool { startsOn <= day && (endsOn.map { day <= $0 } ?? true) }

    /// Whether it is his now or will be.
    func isAlive(on day: Day) -> Bool { endsOn.map { day <= $0 } ?? true }
}

/// What is owed, or was, for a period of a child's service.
struct ServiceDue: Equatable {
    enum State: String, Encodable, Sendable {
        case due, paid, lapsed
    }

    let id: UUID
    let subscriptionID: UUID
    let serviceID: UUID
    let accountID: UUID
    let period: String
    let first: Day
    let last: Day
    let amount: Money
    let what: String
    let state: State
    let attempts: Int
    let chargeID: UUID?
    let madeAt: Date
    let endedAt: Date?
    /// Given back of it (AC-12).
    let refunded: Money
}

/// Which services to read.
enum ServiceKey {
    case schools([UUID])
    case one(UUID)
}

/// Which subscriptions to read.
enum SubscriptionKey {
    case account(UUID)
    case service(UUID)
    case one(UUID)
    /// Those of a service in a class or of some children.
    case children([UUID], of: UUID)
    case page(after: UUID?, limit: Int)
}

/// Which dues to read.
enum DueKey {
    case account(UUID)
    /// Those of a service whose first day is this one.
    case visits(of: UUID, on: Day)
    case service(UUID)
}

extension Transaction {
    /// The services asked for, open ones first, by title.
    ///
    /// - Parameter day: decides who is subscribed.
    func paidServices(_ key: ServiceKey, on day: Day) throws -> [PaidService] {
        let condition: SQL =
            switch key {
            case .schools(let schools): "s.school_id = any(\(schools))"
            case .one(let id): "s.id = \(id)"
            }
        let rows = try rows(
            """
            select s.id, s.school_id, s.provider_id, p.name, s.title, s.about, s.rhythm, s.offered_from, s.offered_until, s.places,
                s.grades, s.classes, s.closed_at is not null, coalesce(w.days, '{}'), coalesce(w.prices, '{}'),
                (select count(*) from subscription b where b.service_id = s.id and (b.ends_on is null or b.ends_on >= \(day)))
            from paid_service s
            join provider p on p.account_id = s.provider_id
            left join lateral (
                select array_agg(l.starts_on order by l.starts_on) as days, array_agg(l.price order by l.starts_on) as prices
                from (
                    select distinct on (starts_on) starts_on, price from service_price
                    where service_id = s.id order by starts_on, number desc
                ) l
            ) w on true
            where \(condition)
            order by s.closed_at is not null, s.title, s.id limit 1000
            """,
            as: UUID.self, UUID.self, UUID.self, String.self, String.self, String.self, String.self, Day.self, Day?.self, Int?.self,
            [Int].self, [UUID].self, Bool.self, [Day].self, [Money].self, Int.self)
        return rows.map { row in
            PaidService(
                id: row.0, schoolID: row.1, providerID: row.2, provider: row.3, title: row.4, about: row.5,
                terms: ServiceTerms(rhythm: ServiceRhythm(rawValue: row.6) ?? .once, from: row.7, until: row.8), places: row.9,
                audience: ServiceAudience(grades: row.10, classes: row.11), isClosed: row.12,
                prices: zip(row.13, row.14).map { PaidService.Price(from: $0, price: $1) }, subscribers: row.15)
        }
    }

    func paidService(_ id: UUID, on day: Day) throws -> PaidService? { try paidServices(.one(id), on: day).first }

    func subscriptions(_ key: SubscriptionKey) throws -> [Subscription] {
        let condition: SQL =
            switch key {
            case .account(let id): "b.account_id = \(id) order by b.ends_on is not null, b.subscribed_at desc, b.id"
            case .service(let id): "b.service_id = \(id) order by b.ends_on is not null, m.number, b.subscribed_at desc"
            case .one(let id): "b.id = \(id)"
            case .children(let children, let service):
                "b.service_id = \(service) and m.person_id = any(\(children)) order by b.ends_on is not null, b.subscribed_at desc, b.id"
            case .page(let after, _): "\(after)::uuid is null or b.id > \(after) order by b.id"
            }
        let most = if case .page(_, let limit) = key { limit } else { 5_000 }
        return try rows(
            """
            select b.id, b.service_id, b.account_id, m.person_id, b.school_id, b.starts_on, b.ends_on, b.subscribed_by, b.ended_by,
                coalesce(b.ended_at, b.subscribed_at), b.version, m.number, m.pupil_code
            from subscription b join meals_account m on m.id = b.account_id
            where \(condition) limit \(most)
            """,
            as: UUID.self, UUID.self, UUID.self, UUID.self, UUID.self, Day.self, Day?.self, UUID.self, UUID?.self, Date.self, Int64.self,
            String.self, String.self
        ).map {
            Subscription(
                id: $0.0, serviceID: $0.1, accountID: $0.2, child: $0.3, schoolID: $0.4, startsOn: $0.5, endsOn: $0.6, subscribedBy: $0.7,
                endedBy: $0.8, changedAt: $0.9, version: $0.10, accountNumber: $0.11, pupilCode: $0.12)
        }
    }

    /// What is and was owed, the newest first.
    func serviceDues(_ key: DueKey) throws -> [ServiceDue] {
        let condition: SQL =
            switch key {
            case .account(let id): "d.account_id = \(id)"
            case .visits(let service, let day): "d.service_id = \(service) and d.first_on = \(day)"
            case .service(let id): "d.service_id = \(id)"
            }
        return try rows(
            """
            select d.id, d.subscription_id, d.service_id, d.account_id, d.period, d.first_on, d.last_on, d.amount, d.what, d.state,
                d.attempts, d.charge_id, d.made_at, d.ended_at, coalesce(c.refunded, 0)
            from service_due d left join charge c on c.id = d.charge_id
            where \(condition)
            order by d.made_at desc, d.id limit 2000
            """,
            as: UUID.self, UUID.self, UUID.self, UUID.self, String.self, Day.self, Day.self, Money.self, String.self, String.self,
            Int.self, UUID?.self, Date.self, Date?.self, Money.self
        ).map {
            ServiceDue(
                id: $0.0, subscriptionID: $0.1, serviceID: $0.2, accountID: $0.3, period: $0.4, first: $0.5, last: $0.6, amount: $0.7,
                what: $0.8, state: ServiceDue.State(rawValue: $0.9) ?? .lapsed, attempts: $0.10, chargeID: $0.11, madeAt: $0.12,
                endedAt: $0.13, refunded: $0.14)
        }
    }

    /// The last day that is paid of a child's service; nil when no day from this one on is.
    func paidUntil(_ service: UUID, _ account: UUID, from day: Day) throws -> Day? {
        try first(
            """
            select max(last_on) from service_due
            where service_id = \(service) and account_id = \(account) and state = 'paid' and last_on >= \(day)
            """, as: Day?.self) ?? nil
    }

    /// How a subscription stands, for those who are told.
    func subscriptionChanged(_ subscription: Subscription, on day: Day) throws -> SubscriptionChanged? {
        guard let service = try paidService(subscription.serviceID, on: day) else { return nil }
        return SubscriptionChanged(
            subscriptionID: subscription.id, version: subscription.version, personID: subscription.child, schoolID: subscription.schoolID,
            serviceID: service.id, title: service.title, rhythm: service.rhythm, price: service.price(on: day) ?? .zero,
            startsOn: subscription.startsOn, endsOn: subscription.endsOn,
            by: subscription.endsOn == nil ? subscription.subscribedBy : subscription.endedBy, at: subscription.changedAt,
            ended: !subscription.isAlive(on: day))
    }
}

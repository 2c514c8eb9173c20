import Directory
import Events
import Foundation
import Kernel
import Postgres
import Web

/// Everything about a child's paid services that a page of his needs.
struct ServicesReading: Sendable {
    let account: Account
    /// All of his school, and what he had elsewhere.
    let services: [PaidService]
    let subscriptions: [Subscription]
    let dues: [ServiceDue]
    /// The ids of those that are offered to him by grade and class.
    let offered: Set<UUID>

    func service(_ id: UUID) -> PaidService? { services.first { $0.id == id } }

    /// The subscription that counts: the one that runs, else the latest.
    func subscription(to service: UUID) -> Subscription? {
        let own = subscriptions.filter { $0.serviceID == service }
        return own.first { $0.isAlive(on: account.today) } ?? own.first
    }

    /// The last day that is paid from today on.
    func paidUntil(_ service: UUID) -> Day? {
        dues.filter { $0.serviceID == service && $0.state == .paid && $0.last >= account.today }.map(\.last).max()
    }

    /// Whether he can be subscribed now, but for places and money.
    func isOpen(_ service: PaidService) -> Bool {
        account.isOpen && service.isOffered(on: account.today) && offered.contains(service.id)
            && subscription(to: service.id).map { $0.endsOn != nil } ?? true
            && !(service.rhythm == .once && paidUntil(service.id) != nil)
    }
}

extension Transaction {
    /// What a page of a child's services reads; nil when he has no account.
    func servicesReading(of child: UUID, at now: Date) throws -> ServicesReading? {
        guard let account = try account(of: child, at: now) else { return nil }
        var services = try paidServices(.schools([account.schoolID]), on: account.today)
        let subscriptions = try subscriptions(.account(account.id))
        for id in Set(subscriptions.map(\.serviceID)).subtracting(services.map(\.id)) {
            if let elsewhere = try paidService(id, on: account.today) { services.append(elsewhere) }
        }
        let pupil = try Directory.child(child, in: self)
        let offered = services.filter {
            $0.schoolID == account.schoolID && $0.audience.includes(grade: pupil?.className?.grade, classID: pupil?.classID)
        }
        return ServicesReading(
            account: account, services: services, subscriptions: subscriptions, dues: try serviceDues(.account(account.id)),
            offered: Set(offered.map(\.id)))
    }
}

/// A paid service in the reader's words, for one child.
struct ServiceShown: Encodable, Sendable, Equatable {
    let id: UUID
    let title: String
    let about: String?
    let provider: String
    let rhythm: String
    let price: Money
    let priceText: String
    /// «since 2 September», «until 31 May».
    let term: String
    let places: String?
    /// How the child's subscription stands, and what comes next; nil for what is offered.
    let state: String?
    let next: String?
    /// Something is owed and the money is missing.
    let isWaiting: Bool
    let path: String
}

extension ServiceShown {
    init(_ service: PaidService, _ reading: ServicesReading, for visit: Visit) {
        let today = reading.account.today
        let subscription = reading.subscription(to: service.id)
        let alive = subscription.flatMap { $0.isAlive(on: today) ? $0 : nil }
        let owed = reading.dues.first { $0.serviceID == service.id && $0.state == .due }
        self.init(
            id: service.id, title: service.title, about: service.about.isEmpty ? nil : service.about, provider: service.provider,
            rhythm: service.rhythm.rawValue, price: service.price(on: today) ?? .zero,
            priceText: visit.words(service.price(on: max(today, service.terms.from)) ?? .zero, service.rhythm), term: visit.term(service.terms, today: today),
            places: service.placesLeft.map { $0 == 0 ? visit.tr("no places left") : visit.trn($0, "one place left", "%d places left") },
            state: alive.map { visit.state(of: $0, service, owed, reading) },
            next: alive.flatMap { visit.next(of: $0, service, owed, reading) }, isWaiting: owed != nil,
            path: "/ledger/children/\(reading.account.personID.text)/services/\(service.id.text)")
    }
}

extension Visit {
    func words(_ price: Money, _ rhythm: ServiceRhythm) -> String {
        switch rhythm {
        case .once: tr("%@ once", money(price))
        case .month: tr("%@ a month", money(price))
        case .visit: tr("%@ a lesson", money(price))
        }
    }

    /// From when and until when a service is there.
    func term(_ terms: ServiceTerms, today: Day) -> String {
        let until = terms.until.map { date($0) }
        if terms.from > today {
            return until.map { tr("from %@ to %@", date(terms.from), $0) } ?? tr("from %@ on", date(terms.from))
        }
        return until.map { tr("until %@", $0) } ?? tr("without an end")
    }

    func state(of subscription: Subscription, _ service: PaidService, _ owed: ServiceDue?, _ reading: ServicesReading) -> String {
        let today = reading.account.today
        if let owed, service.rhythm != .visit {
            return tr("not paid: %@, there is not enough money", money(owed.amount))
        }
        if let last = subscription.endsOn {
            return service.rhythm == .once ? tr("paid") : tr("ends on %@, nothing more is charged", date(last))
        }
        if subscription.startsOn > today { return tr("begins on %@", date(subscription.startsOn)) }
        if let paid = reading.paidUntil(service.id), service.rhythm != .visit {
            return service.rhythm == .once ? tr("paid") : tr("paid until %@", date(paid))
        }
        return tr("subscribed")
    }

    /// What is charged next, and when.
    func next(of subscription: Subscription, _ service: PaidService, _ owed: ServiceDue?, _ reading: ServicesReading) -> String? {
        let today = reading.account.today
        if let owed, service.rhythm != .visit {
            return tr("It is charged as soon as the money is there, until %@; after that nothing is owed.", date(owed.last))
        }
        guard subscription.endsOn == nil else { return nil }
        if service.rhythm == .visit { return tr("Charged when the teacher notes a lesson.") }
        return service.next(after: today, startsOn: subscription.startsOn).map {
            tr("%@ is charged on %@", money($0.amount), date($0.first))
        }
    }
}

/// One child of the family with what he is subscribed to and what is offered to him.
struct ChildServices: Encodable, Sendable, Equatable {
    let child: UUID
    let title: String
    let accent: String
    let accountNumberText: String
    let balanceText: String
    let path: String
    let statementPath: String
    let subscribed: [ServiceShown]
    let hasSubscribed: Bool
    let offers: [ServiceShown]
    let hasOffers: Bool
}

extension ChildServices {
    init(_ reading: ServicesReading, for visit: Visit) {
        let account = reading.account
        let alive = Set(reading.subscriptions.filter { $0.isAlive(on: account.today) }.map(\.serviceID))
        let subscribed = reading.services.filter { alive.contains($0.id) }
        let offers = reading.services.filter { !alive.contains($0.id) && reading.isOpen($0) }
        let claim = visit.viewer.children.first { $0.id == account.personID }
        let path = "/ledger/children/\(account.personID.text)"
        self.init(
            child: account.personID, title: visit.childName(account), accent: claim?.accent.rawValue ?? "sea",
            accountNumberText: account.number.spacedNumber, balanceText: visit.money(account.balance), path: "\(path)/services",
            statementPath: "\(path)/statement", subscribed: subscribed.map { ServiceShown($0, reading, for: visit) },
            hasSubscribed: !subscribed.isEmpty, offers: offers.map { ServiceShown($0, reading, for: visit) }, hasOffers: !offers.isEmpty)
    }
}

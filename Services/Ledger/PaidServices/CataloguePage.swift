import Directory
import Events
import Foundation
import Kernel
import Postgres
import Web

/// The school's catalogue of paid services, and the form for a new one (ID-35). Names are never shown here (D-05).
struct CataloguePage: Page {
    struct Service: Encodable, Sendable, Equatable {
        let id: UUID
        let title: String
        let priceText: String
        let price: Money
        let rhythm: String
        let provider: String
        let audience: String
        let term: String
        let subscribers: String
        let count: Int
        let coming: String?
        let isClosed: Bool
        let path: String
    }

    static let template = "service/catalogue"
    let title: String
    let section = "catalogue"
    let schools: [StatementPage.Choice]
    let hasSchools: Bool
    let action: String
    let id: UUID
    let name: Field
    let about: Field
    let provider: Field
    let rhythm: Field
    let price: Field
    let from: Field
    let until: Field
    let places: Field
    let audience: Field
    let wrong: String?
    let services: [Service]
    let hasServices: Bool
}

extension CataloguePage {
    init(for visit: Visit, _ database: Database, wrong: FieldErrors = FieldErrors()) async throws {
        let form = try await visit.form()
        let asked = (try? visit.uuid("school")) ?? visit.query("school").flatMap(UUID.init(uuidString:))
        let read = try await database.read { tx -> (school: SchoolRecord?, schools: [SchoolRecord], services: [PaidService], names: [UUID: ClassName]) in
            let schools = try Directory.schools(of: visit.viewer, .manageServices, in: tx)
            let school = asked.map { id in schools.first { $0.id == id } } ?? schools.first
            guard let school else { return (nil, schools, [], [:]) }
            return (
                school, schools, try tx.paidServices(.schools([school.id]), on: school.zone.day(of: visit.now)),
                try tx.classNames(of: school.id)
            )
        }
        guard let school = read.school else { throw Problem.notFound }
        let today = school.zone.day(of: visit.now)
        self.init(
            title: visit.tr("Paid services"),
            schools: read.schools.map {
                .init(title: $0.name, path: "/ledger/catalogue?school=\($0.id.text)", isCurrent: $0.id == school.id, accent: nil)
            },
            hasSchools: read.schools.count > 1, action: "/ledger/schools/\(school.id.text)/services",
            id: wrong["id"] == nil ? form["id"].flatMap(UUID.init(uuidString:)) ?? .v7(at: visit.now) : .v7(at: visit.now),
            name: .text(
                "title", visit.tr("What it is called"), value: form["title"] ?? "", wrong: wrong["title"], most: OfferService.longestTitle,
                isRequired: true),
            about: .area(
                "about", visit.tr("What families read about it"), value: form["about"] ?? "", wrong: wrong["about"],
                most: OfferService.longestText),
            provider: .text(
                "provider", visit.tr("Provided by"), value: form["provider"] ?? school.name,
                hint: visit.tr("The settlement counts each provider by himself."), wrong: wrong["provider"],
                most: OfferService.longestTitle, isRequired: true),
            rhythm: .choice(
                "rhythm", visit.tr("How it is paid"),
                ServiceRhythm.allCases.map { .init($0.rawValue, visit.words($0), isChosen: form["rhythm"] == $0.rawValue) },
                wrong: wrong["rhythm"]),
            price: .money("price", visit.tr("Price"), value: form["price"] ?? "", wrong: wrong["price"], isRequired: true),
            from: .day("from", visit.tr("Offered from"), value: form["from"] ?? today.iso, wrong: wrong["from"], isRequired: true),
            until: .day(
                "until", visit.tr("Offered to, this day included"), value: form["until"] ?? "", hint: visit.tr("Empty: without an end."),
                wrong: wrong["until"]),
            places: .text(
                "places", visit.tr("Places"), value: form["places"] ?? "", hint: visit.tr("Empty: as many as want."), wrong: wrong["places"],
                inputMode: "numeric"),
            audience: .text(
                "audience", visit.tr("Grades and classes"), value: form["audience"] ?? "", hint: visit.tr("For example 1–4, 7Б. Empty: the whole school."),
                wrong: wrong["audience"]),
            wrong: wrong["id"], services: read.services.map { Service($0, read.names, today, for: visit) }, hasServices: !read.services.isEmpty)
    }
}

extension CataloguePage.Service {
    init(_ service: PaidService, _ names: [UUID: ClassName], _ today: Day, for visit: Visit) {
        let audience = AudienceText(grades: service.audience.grades, classes: service.audience.classes.compactMap { names[$0] }).text
        self.init(
            id: service.id, title: service.title, priceText: visit.words(service.price(on: today) ?? .zero, service.rhythm),
            price: service.price(on: today) ?? .zero, rhythm: service.rhythm.rawValue, provider: service.provider,
            audience: audience.isEmpty ? visit.tr("the whole school") : audience, term: visit.term(service.terms, today: today),
            subscribers: service.places.map { visit.tr("%@ of %@ places", service.subscribers, $0) }
                ?? visit.trn(service.subscribers, "one subscriber", "%d subscribers"),
            count: service.subscribers,
            coming: service.coming(after: today).map { visit.tr("From %@ on it costs %@.", visit.date($0.from), visit.words($0.price, service.rhythm)) },
            isClosed: service.isClosed, path: "/ledger/schools/\(service.schoolID.text)/services/\(service.id.text)")
    }
}

extension Visit {
    func words(_ rhythm: ServiceRhythm) -> String {
        switch rhythm {
        case .once: tr("once")
        case .month: tr("every month")
        case .visit: tr("by lesson, when the teacher notes it")
        }
    }
}

extension Transaction {
    func classNames(of school: UUID) throws -> [UUID: ClassName] {
        Dictionary(try Directory.classes(ofSchool: school, in: self).map { ($0.id, $0.name) }, uniquingKeysWith: { $1 })
    }

    /// Whom a service is for, read as a person wrote it; nil when a class is not one of the school's.
    func audience(_ text: String, of school: UUID) throws -> ServiceAudience? {
        guard let typed = AudienceText(text) else { return nil }
        let classes = try typed.classes.map { try Directory.schoolClass($0, school: school, in: self)?.id }
        guard !classes.contains(where: { $0 == nil }) else { return nil }
        return ServiceAudience(grades: typed.grades, classes: classes.compactMap(\.self))
    }
}

/// One service of the catalogue: its price, terms and subscribers.
struct CatalogueServicePage: Page {
    struct Subscriber: Encodable, Sendable, Equatable {
        let accountNumber: String
        let pupilCode: String
        let since: String
        let state: String
        let isWaiting: Bool
        let path: String?
    }

    static let template = "service/manage"
    let title: String
    let section = "catalogue"
    let service: CataloguePage.Service
    let newPrice: Field
    let priceFrom: String
    let newAbout: Field
    let newUntil: Field
    let newPlaces: Field
    let newAudience: Field
    let wrong: String?
    let subscribers: [Subscriber]
    let hasSubscribers: Bool
    let taken: Money
    let takenText: String
    let backPath: String
}

extension CatalogueServicePage {
    init(for visit: Visit, _ database: Database, wrong: FieldErrors = FieldErrors()) async throws {
        let school = try visit.uuid("school")
        let id = try visit.uuid("service")
        let form = try await visit.form()
        let read = try await database.read { tx -> (PaidService, [Subscription], [ServiceDue], [UUID: ClassName], Bool, Day)? in
            let today = try Directory.zone(of: school, in: tx).day(of: visit.now)
            guard let service = try tx.paidService(id, on: today), service.schoolID == school else { return nil }
            return (
                service, try tx.subscriptions(.service(id)), try tx.serviceDues(.service(id)), try tx.classNames(of: school),
                try Directory.places(of: visit.viewer, .seeServices, in: tx).contains { $0.schoolID == school && $0.classID == nil }, today
            )
        }
        guard let (service, subscriptions, dues, names, opensChildren, today) = read else { throw Problem.notFound }
        let typed = wrong.messages.isEmpty ? nil : form
        let audience = AudienceText(grades: service.audience.grades, classes: service.audience.classes.compactMap { names[$0] }).text
        let paid = dues.filter { $0.state == .paid }.reduce(Money.zero) { $0 + $1.amount - $1.refunded }
        self.init(
            title: service.title, service: .init(service, names, today, for: visit),
            newPrice: .money("price", visit.tr("New price"), value: typed?["price"] ?? "", wrong: wrong["price"], isRequired: true),
            priceFrom: visit.tr("It counts from %@ on: what has begun keeps its price.", visit.date(ChangePrice.startsOn(service.rhythm, today: today))),
            newAbout: .area(
                "about", visit.tr("What families read about it"), value: typed?["about"] ?? service.about, wrong: wrong["about"],
                most: OfferService.longestText),
            newUntil: .day(
                "until", visit.tr("Offered to, this day included"), value: typed?["until"] ?? service.terms.until?.iso ?? "",
                hint: visit.tr("Empty: without an end."), wrong: wrong["until"]),
            newPlaces: .text(
                "places", visit.tr("Places"), value: typed?["places"] ?? service.places.map { "\($0)" } ?? "",
                hint: visit.tr("Empty: as many as want."), wrong: wrong["places"], inputMode: "numeric"),
            newAudience: .text(
                "audience", visit.tr("Grades and classes"), value: typed?["audience"] ?? audience,
                hint: visit.tr("For example 1–4, 7Б. Empty: the whole school."), wrong: wrong["audience"]),
            wrong: wrong["id"],
            subscribers: subscriptions.map { subscription in
                let owed = dues.first { $0.subscriptionID == subscription.id && $0.state == .due }
                let state =
                    if owed != nil { visit.tr("no money") } else if let last = subscription.endsOn {
                        last < today ? visit.tr("ended on %@", visit.date(last)) : visit.tr("ends on %@", visit.date(last))
                    } else { visit.tr("subscribed") }
                return Subscriber(
                    accountNumber: subscription.accountNumber.spacedNumber, pupilCode: subscription.pupilCode,
                    since: visit.date(subscription.startsOn), state: state, isWaiting: owed != nil,
                    path: opensChildren ? "/ledger/children/\(subscription.child.text)/services" : nil)
            },
            hasSubscribers: !subscriptions.isEmpty, taken: paid, takenText: visit.money(paid), backPath: "/ledger/catalogue?school=\(school.text)")
    }
}

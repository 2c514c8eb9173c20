import Directory
import Events
import Foundation
import Kernel
import Messaging
import Postgres
import Web

/// The paid lessons that a teacher may note, by service and class (AC-13).
struct ClassServicesPage: Page {
    struct Service: Encodable, Sendable, Equatable {
        let id: UUID
        let title: String
        let priceText: String
        let classes: [StatementPage.Link]
        let hasClasses: Bool
    }

    static let template = "service/classes"
    let title: String
    let section = "class-services"
    let services: [Service]
    let isEmpty: Bool
}

extension ClassServicesPage {
    init(for visit: Visit, _ database: Database) async throws {
        let services = try await database.read { tx -> [Service] in
            let places = try Directory.places(of: visit.viewer, .chargeServices, in: tx)
            let whole = Set(places.filter { $0.classID == nil }.map(\.schoolID))
            let own = Set(places.compactMap(\.classID))
            let offered = try tx.paidServices(.schools(Array(Set(places.map(\.schoolID)))), on: visit.today)
                .filter { $0.rhythm == .visit && !$0.isClosed }
            return try offered.compactMap { service in
                let classes = try tx.classesOfSubscribers(service.id, on: visit.today)
                    .filter { whole.contains(service.schoolID) || own.contains($0.id) }
                guard whole.contains(service.schoolID) || !classes.isEmpty else { return nil }
                return Service(
                    id: service.id, title: service.title, priceText: visit.words(service.price(on: visit.today) ?? .zero, service.rhythm),
                    classes: classes.map {
                        .init(
                            title: "\($0.name.text) · \($0.count)",
                            path: "/ledger/classes/\($0.id.text)/services/\(service.id.text)")
                    }, hasClasses: !classes.isEmpty)
            }
        }
        self.init(title: visit.tr("Paid lessons"), services: services, isEmpty: services.isEmpty)
    }
}

extension Transaction {
    /// In which classes children are subscribed to a service, and how many.
    fileprivate func classesOfSubscribers(_ service: UUID, on day: Day) throws -> [(id: UUID, name: ClassName, count: Int)] {
        try rows(
            """
            select c.id, c.grade, c.letter, count(*)
            from subscription b join meals_account m on m.id = b.account_id join directory_pupil p on p.id = m.person_id
            join directory_class c on c.id = p.class_id
            where b.service_id = \(service) and (b.ends_on is null or b.ends_on >= \(day)) and not p.ended
            group by c.id, c.grade, c.letter
            """, as: UUID.self, Int.self, String.self, Int.self
        ).map { (id: $0.0, name: ClassName(grade: $0.1, letter: $0.2), count: $0.3) }.sorted { $0.name < $1.name }
    }
}

/// A class at a paid lesson of a day: who is subscribed, who was charged, for whom the money was missing (AC-13, D-02). Children are
/// their account number and pupil code here, as on every page of money (D-05).
struct ClassServicePage: Page {
    struct Child: Encodable, Sendable, Equatable {
        let id: UUID
        let boxID: String
        let accountNumber: String
        let pupilCode: String
        let rosterNumber: String?
        let state: String
        let isPaid: Bool
        /// Was asked for, and the money was not there.
        let isRefused: Bool
        let isTicked: Bool
        /// Whether he can be charged for this day: subscribed, and not charged before.
        let isOpen: Bool
    }

    static let template = "service/class"
    let title: String
    let section = "class-services"
    let className: String
    let action: String
    let day: Day
    let dayField: Field
    let dayTitle: String
    let priceText: String
    let wrong: String?
    let children: [Child]
    let hasChildren: Bool
    let hasOpen: Bool
    let summary: String
    let paid: Int
    let refused: Int
}

extension ClassServicePage {
    init(for visit: Visit, _ database: Database, wrong: FieldErrors = FieldErrors()) async throws {
        let classID = try visit.uuid("class")
        let serviceID = try visit.uuid("service")
        let form = try await visit.form()
        let asked = (form["day"] ?? visit.query("day")).flatMap { Day($0) } ?? visit.today
        let day = min(asked, visit.today)
        let read = try await database.read { tx -> (ClassRecord, PaidService, [ChildRecord], [Subscription], [ServiceDue])? in
            guard let schoolClass = try Directory.schoolClass(classID, in: tx), let service = try tx.paidService(serviceID, on: visit.today),
                service.schoolID == schoolClass.schoolID, service.rhythm == .visit
            else { return nil }
            let pupils = try Directory.pupils(of: classID, in: tx)
            return (
                schoolClass, service, pupils, try tx.subscriptions(.children(pupils.map(\.id), of: serviceID)),
                try tx.serviceDues(.visits(of: serviceID, on: day))
            )
        }
        guard let (schoolClass, service, pupils, subscriptions, dues) = read else { throw Problem.notFound }
        let byAccount = Dictionary(dues.filter { $0.state != .lapsed }.map { ($0.accountID, $0) }, uniquingKeysWith: { $1 })
        let isTyped = !wrong.messages.isEmpty
        let children = pupils.compactMap { pupil -> Child? in
            let isSubscribed = subscriptions.contains { $0.child == pupil.id && $0.holds(on: day) }
            let due = byAccount[Account.id(of: pupil.id)]
            guard isSubscribed || due != nil else { return nil }
            let isPaid = due?.state == .paid
            let isOpen = isSubscribed && !isPaid && day > visit.today - ServicePeriod.daysForVisit
            let state =
                if isPaid { visit.tr("charged") } else if due != nil { visit.tr("no money") } else { visit.tr("not noted") }
            return Child(
                id: pupil.id, boxID: "child-\(pupil.id.text)", accountNumber: pupil.accountNumber.spacedNumber, pupilCode: pupil.pupilCode,
                rosterNumber: pupil.rosterNumber, state: state, isPaid: isPaid, isRefused: due?.state == .due,
                isTicked: isOpen && (isTyped ? form.all("child").contains(pupil.id.text) : due == nil || due?.state == .due), isOpen: isOpen)
        }
        let (paid, refused) = (children.count(where: \.isPaid), children.count(where: \.isRefused))
        self.init(
            title: service.title, className: schoolClass.name.text, action: visit.path, day: day,
            dayField: .day("day", visit.tr("Day of the lesson"), value: day.iso, wrong: wrong["day"], isRequired: true),
            dayTitle: visit.dayTitle(day), priceText: visit.words(service.price(on: day) ?? .zero, service.rhythm),
            wrong: wrong["child"] ?? wrong["day"], children: children, hasChildren: !children.isEmpty, hasOpen: children.contains(where: \.isOpen),
            summary: visit.tr("charged: %@, no money: %@, not noted: %@", paid, refused, children.count - paid - refused), paid: paid,
            refused: refused)
    }
}

/// Charging a class, from the page or by a program: each child by himself (D-02).
struct ClassServiceForm {
    let database: Database
    let outbox: Outbox

    func charge(_ visit: Visit) async throws -> Answer {
        let classID = try visit.uuid("class")
        let service = try visit.uuid("service")
        let form = try await visit.form()
        var wrong = FieldErrors()
        let day = form["day"].flatMap { Day($0) }
        if day == nil { wrong["day"] = visit.tr("Write a day.") }
        let typed = form.all("child").compactMap(UUID.init(uuidString:))
        if typed.isEmpty { wrong["child"] = visit.tr("Tick the children who were there.") }
        try wrong.throwIfAny()
        guard let day else { return .noContent }
        // Of this class, whatever the form says.
        let ofClass = try await database.read { tx -> Set<UUID>? in
            guard let record = try Directory.schoolClass(classID, in: tx), let offer = try tx.paidService(service, on: visit.today),
                offer.schoolID == record.schoolID
            else { return nil }
            return Set(try Directory.pupils(of: classID, in: tx).map(\.id))
        }
        guard let ofClass else { throw Problem.notFound }
        let children = typed.filter(ofClass.contains)
        if children.isEmpty { throw FieldErrors(["child": visit.tr("Tick the children who were there.")]) }
        let charge = ChargeClass(service: service, day: day, children: children, by: visit.viewer.personID)
        do {
            _ = try await charge.run(database, outbox, at: visit.now)
        } catch ServiceRefused.dayOutOfReach {
            throw FieldErrors([
                "day": visit.tr("A lesson is noted on its day or within %@ days after it.", ServicePeriod.daysForVisit - 1)
            ])
        } catch ServiceRefused.notByVisit {
            throw Problem.notFound
        }
        return .seeOther("\(visit.path)?day=\(day.iso)")
    }
}

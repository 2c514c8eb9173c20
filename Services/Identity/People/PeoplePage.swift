import Events
import Foundation
import Kernel
import Web

/// Search among the people of the curator's schools.
struct PeoplePage: Page {
    static let template = "people/index"

    struct Person: Encodable, Sendable {
        let id: UUID
        let name: String
        let what: String
        let detail: String?
        let login: String?
    }

    let title: String
    let section = "people"
    let text: String
    let hasSearched: Bool
    let count: String
    let people: [Person]
    /// For whoever may switch the modules of a school (SC-03).
    let modules: String?
    /// For curators.
    let merged: String?

    init(
        _ visit: Visit, text: String, found: [FindPeople.Found], limit: Int, mayConnect: Bool = false, isCurator: Bool = false
    ) {
        merged = isCurator ? "/identity/mergings" : nil
        title = visit.tr("People")
        modules = mayConnect ? "/identity/modules" : nil
        self.text = text
        hasSearched = !text.trimmed.isEmpty
        count = found.isEmpty
            ? visit.tr("Nobody like that at your schools.")
            : found.count >= limit
                ? visit.tr("The first %@. Write more to find fewer.", "\(found.count)")
                : visit.trn(found.count, "%d person", "%d people")
        people = found.map { person in
            Person(
                id: person.id, name: person.name.full,
                what: visit.what(person.kind, className: person.className, roles: person.roles),
                detail: person.children.isEmpty ? nil : visit.tr("Children: %@", person.children.joined(separator: "; ")),
                login: person.login)
        }
    }
}

/// One person for the curator.
struct PersonPage: Page {
    static let template = "people/show"

    struct Fact: Encodable, Sendable {
        let label: String
        let value: String
    }

    struct Relative: Encodable, Sendable {
        let id: UUID
        let name: String
        let what: String
    }

    struct Relatives: Encodable, Sendable {
        let items: [Relative]
    }

    let title: String
    let section = "people"
    let id: UUID
    let name: String
    let what: String
    let facts: [Fact]
    let relatives: Relatives?
    let login: String?
    let lastSeen: String?
    let mustChange: Bool
    let canSetPassword: Bool
    let refusal: String?
    let safety: PersonSafetyPart
    /// What else the reader may look at or do about the person.
    let links: [ProfileSafety.Link]
    let hasLinks: Bool

    init(
        _ visit: Visit, _ card: PersonCard, _ safety: PersonSafety, mayPassword: Bool, refusal: String? = nil, hasPortal: Bool = false
    ) {
        self.safety = PersonSafetyPart(visit, card.id, safety, mayHelp: mayPassword)
        title = card.name.full
        id = card.id
        name = card.name.full
        what = visit.what(card.kind, className: card.className, roles: card.roles)
        let facts: [(String, String?)] = [
            (visit.tr("School"), safety.roles.isEmpty ? card.schoolName : nil),
            (visit.tr("Number in the lists"), card.rosterNumber),
            (visit.tr("Born"), card.birthDate.map { visit.format.date($0, thisYear: 0) }),
            (visit.tr("Account number"), card.accountNumber.map(AccountNumber.spaced)),
            (visit.tr("Pupil code"), card.pupilCode),
        ]
        self.facts = facts.compactMap { label, value in value.map { Fact(label: label, value: $0) } }
        let items = card.relatives.map { relative in
            let registered = relative.isRegistered ? nil : visit.tr("not registered")
            return Relative(
                id: relative.id, name: relative.name.full,
                what: [card.kind == .pupil ? relative.relation : nil, relative.className?.description, registered].compactMap(\.self).joined(separator: ", "))
        }
        relatives = items.isEmpty ? nil : Relatives(items: items)
        login = card.login
        lastSeen = card.lastSeenAt.map { visit.tr("last seen %@", visit.format.moment($0, now: visit.now)) }
        mustChange = card.mustChange
        canSetPassword = mayPassword && card.login != nil
        self.refusal = refusal ?? (card.login == nil ? visit.tr("Has not registered yet: an invitation is needed.") : nil)
        let own = "/identity/people/\(card.id.text)"
        let isPupil = card.kind == .pupil
        // ID-29: a guardian may turn out to be another one, too.
        let mayMerge = mayPassword && card.kind == .guardian && card.roles.isEmpty
        let places: [(String, String?)] = [
            (visit.tr("Roles"), safety.mayAppoint ? own + "/roles" : nil),
            (visit.tr("Contract"), isPupil ? "/identity/children/\(card.id.text)/contract" : nil),
            (visit.tr("Invitations of the class"), card.classID.map { "/identity/classes/\($0.text)/invitations" }),
            (visit.tr("Merge with another account of the same person"), mayMerge ? own + "/merging" : nil),
            (visit.tr("SNILS for Gosuslugi"), hasPortal ? own + "/snils" : nil),
            (visit.tr("Log of changes"), safety.mayAppoint ? "/identity/audit?person=\(card.id.text)" : nil),
        ]
        links = places.compactMap { title, address in address.map { ProfileSafety.Link(title: title, address: $0) } }
        hasLinks = !links.isEmpty
    }
}

/// The one-time password, this once.
struct OneTimePasswordPage: Page {
    static let template = "people/password"
    let title: String
    let section = "people"
    let id: UUID
    let name: String
    let login: String
    let password: String
    let explanation: String
}

extension Visit {
    /// «7 «Б»», «parent», «class teacher, physics teacher».
    func what(_ kind: InvitationKind, className: ClassName?, roles: [Role]) -> String {
        switch kind {
        case .pupil: className?.description ?? tr("pupil")
        case .guardian, .family: tr("parent")
        case .staff: roles.isEmpty ? tr("staff") : roles.map { tr($0.english) }.joined(separator: ", ")
        }
    }
}

extension Role {
    /// As a person is called by it; the catalogue has the Russian (SC-06).
    var english: String {
        switch self {
        case .classTeacher: "class teacher"
        case .subjectTeacher: "subject teacher"
        case .deputyHead: "deputy head"
        case .director: "director"
        case .socialPedagogue: "social pedagogue"
        case .psychologist: "psychologist"
        case .nurse: "nurse"
        case .librarian: "librarian"
        case .secretary: "secretary"
        case .curator: "curator"
        case .tutor: "tutor"
        case .cashier: "cashier"
        case .kitchen: "kitchen"
        case .gateGuard: "guard"
        case .accountant: "accountant"
        case .operatorOfSystem: "operator"
        }
    }
}

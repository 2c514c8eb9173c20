import Events
import Foundation
import Kernel
import Web

/// The staff of the schools that somebody administers, and what else is his to keep there.
struct StaffPage: Page {
    static let template = "staff/index"

    struct Person: Encodable, Sendable {
        let id: UUID
        let name: String
        let roles: String
        let state: String?
    }

    struct School: Encodable, Sendable {
        let id: UUID
        let name: String
        let rules: String
        let people: [Person]
        let appoint: String
        let number: Field
        let role: Field
        let className: Field
    }

    /// A refused appointment, as it was typed.
    struct Typed: Sendable {
        let school: UUID
        let number: String
        let role: String
        let className: String
        /// By field, in the reader's language.
        let wrong: [String: String]
    }

    let title: String
    let section = "staff"
    let schools: [School]

    init(_ visit: Visit, _ schools: [(rules: SchoolRules, staff: [StaffMember], roles: [Role])], typed: Typed? = nil) {
        title = visit.tr("Staff")
        self.schools = schools.map { rules, staff, roles in
            let typed = typed.flatMap { $0.school == rules.id ? $0 : nil }
            return School(
                id: rules.id, name: rules.name,
                rules: rules.needsSecondFactor
                    ? visit.tr("The second step is required of who handles money or people.")
                    : visit.tr("The second step is everybody's own choice."),
                people: staff.map { member in
                    let missing = rules.needsSecondFactor && !member.hasSecondFactor
                        && member.roles.contains { SecondFactor.demandingRoles.contains($0.role) }
                    return Person(
                        id: member.id, name: member.name.full,
                        roles: member.roles.map { visit.role($0) }.joined(separator: "; "),
                        state: member.isRegistered ? missing ? visit.tr("no second step yet") : nil : visit.tr("not registered"))
                },
                appoint: "/identity/schools/\(rules.id.text)/appointment",
                number: .text(
                    "number", visit.tr("Number in the lists"), value: typed?.number ?? "",
                    hint: visit.tr("Somebody who already works at another school, or a parent who begins here."),
                    wrong: typed?.wrong["number"], autocomplete: "off", most: 40, isRequired: true, id: "number-\(rules.id.text)"),
                role: .choice(
                    "role", visit.tr("Role"),
                    roles.map { .init($0.rawValue, visit.tr($0.english), isChosen: typed?.role == $0.rawValue) },
                    wrong: typed?.wrong["role"], id: "role-\(rules.id.text)"),
                className: .text(
                    "class", visit.tr("Class, for a class teacher or tutor"), value: typed?.className ?? "",
                    wrong: typed?.wrong["class"], placeholder: "7Б", most: 10, id: "class-\(rules.id.text)"))
        }
    }
}

/// The roles of one person at the schools that the reader administers, and at the others.
struct RolesPage: Page {
    static let template = "staff/roles"

    struct Held: Encodable, Sendable {
        let id: UUID
        let what: String
        let source: String
        /// Whether the reader may take it.
        let mayTake: Bool
        let question: Confirmation?
    }

    struct Place: Encodable, Sendable {
        let school: String
        let roles: [Held]
    }

    let title: String
    let section = "staff"
    let id: UUID
    let name: String
    let places: [Place]
    let hasNone: Bool
    /// Why nothing can be given; nil when it can.
    let refusal: String?
    let mayGive: Bool
    let school: Field
    let role: Field
    let className: Field
    let subject: Field

    init(
        _ visit: Visit, _ card: PersonCard, _ held: [HeldRole], schools: [(rules: SchoolRules, appointment: Appointment)],
        typed: [String: String] = [:], wrong: [String: String] = [:]
    ) {
        title = visit.tr("Roles: %@", card.name.full)
        id = card.id
        name = card.name.full
        var names: [String] = []
        for role in held where !names.contains(role.schoolName) { names.append(role.schoolName) }
        places = names.map { name in
            Place(
                school: name,
                roles: held.filter { $0.schoolName == name }.map { role in
                    let may = schools.contains { $0.rules.id == role.schoolID && $0.appointment.refusal(of: role.role) == nil }
                    let what = visit.role(role)
                    return Held(
                        id: role.id, what: what,
                        source: role.isAppointed ? visit.tr("given on this page") : visit.tr("from the school's lists"), mayTake: may,
                        question: may
                            ? Confirmation(
                                id: "take-\(role.id.text)", button: visit.tr("Take away"), heading: what,
                                sentence: visit.tr("What the role opens is closed at once; the next import of the lists does not give it back."),
                                action: "/identity/roles/\(role.id.text)/end", decision: visit.tr("Take the role away")) : nil)
                })
        }
        hasNone = held.isEmpty
        let givable = Role.allCases.filter { role in schools.contains { $0.appointment.refusal(of: role) == nil } }
        mayGive = !givable.isEmpty && card.kind != .pupil
        refusal = mayGive
            ? nil : card.kind == .pupil ? visit.tr(AppointmentRefused.pupil.text) : visit.tr(AppointmentRefused.oneself.text)
        school = .choice(
            "school", visit.tr("School"),
            schools.map { .init($0.rules.id.text, $0.rules.name, isChosen: typed["school"] == $0.rules.id.text) }, wrong: wrong["school"])
        role = .choice(
            "role", visit.tr("Role"),
            givable.map { .init($0.rawValue, visit.tr($0.english), isChosen: typed["role"] == $0.rawValue) }, wrong: wrong["role"])
        className = .text(
            "class", visit.tr("Class, for a class teacher or tutor"), value: typed["class"] ?? "", wrong: wrong["class"],
            placeholder: "7Б", most: 10)
        subject = .text("subject", visit.tr("Subject, for a teacher"), value: typed["subject"] ?? "", wrong: wrong["subject"], most: 80)
    }
}

/// The rules of one school about signing in.
struct SchoolRulesPage: Page {
    static let template = "staff/rules"
    let title: String
    let section = "staff"
    let id: UUID
    let school: String
    let needsSecondFactor: Bool
    let allowsPasswordSigns: Bool
    let without: String
    let done: String?

    init(_ visit: Visit, _ rules: SchoolRules, without: Int, done: Bool) {
        title = visit.tr("Rules for signing in")
        id = rules.id
        school = rules.name
        needsSecondFactor = rules.needsSecondFactor
        allowsPasswordSigns = rules.allowsPasswordSigns
        self.without = visit.trn(without, "%d person would have to set it up.", "%d people would have to set it up.")
        self.done = done ? visit.tr("The rules are saved.") : nil
    }
}

extension Visit {
    /// «class teacher, 7 «Б»», «subject teacher, Физика».
    func role(_ held: HeldRole) -> String {
        [tr(held.role.english), held.className?.description, held.subject].compactMap(\.self).joined(separator: ", ")
    }
}

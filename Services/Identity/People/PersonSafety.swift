import Events
import Foundation
import Kernel
import Postgres
import Web

/// What whoever looks after somebody sees of his roles, second step and consents.
struct PersonSafety: Sendable, Equatable {
    /// At all schools.
    let roles: [HeldRole]
    let factor: SecondFactor
    let consents: [ConsentLine]
    let deletionDue: Date?
    /// Whether the reader administers one of his schools.
    let mayAppoint: Bool

    static func read(_ personID: UUID, for viewer: UUID, in transaction: borrowing Transaction) throws -> PersonSafety {
        let administered = Set(try SchoolsOf.keeper(viewer, Role.administering, in: transaction))
        return PersonSafety(
            roles: try HeldRole.of(personID, in: transaction), factor: try SecondFactor.read(of: personID, in: transaction),
            consents: try ConsentsOf.read(personID, in: transaction),
            deletionDue: try DeletionState.read(personID, in: transaction).open?.dueAt,
            mayAppoint: !administered.isDisjoint(with: try SchoolsOf.person(personID, in: transaction)))
    }
}

/// The same on the page of a person.
struct PersonSafetyPart: Encodable, Sendable {
    struct Place: Encodable, Sendable {
        let school: String
        let roles: String
    }

    struct Consent: Encodable, Sendable {
        let purpose: String
        let state: String
    }

    let places: [Place]
    let factor: String?
    let endFactor: String?
    let endGuesses: String?
    let consents: [Consent]
    let deletion: String?

    init(_ visit: Visit, _ id: UUID, _ safety: PersonSafety, mayHelp: Bool) {
        var names: [String] = []
        for role in safety.roles where !names.contains(role.schoolName) { names.append(role.schoolName) }
        places = names.map { name in
            Place(school: name, roles: safety.roles.filter { $0.schoolName == name }.map { visit.role($0) }.joined(separator: "; "))
        }
        factor = safety.factor.isOn
            ? visit.tr("The second step is switched on.") : safety.factor.isRequired ? visit.tr("The second step is required and not set up yet.") : nil
        endFactor = safety.factor.isOn && mayHelp ? "/identity/people/\(id.text)/second-factor/end" : nil
        endGuesses = mayHelp ? "/identity/people/\(id.text)/guesses/end" : nil
        consents = safety.consents.map { Consent(purpose: visit.tr($0.purpose.text), state: visit.tr($0.state.text)) }
        deletion = safety.deletionDue.map {
            visit.tr("Asked to be deleted; due %@.", visit.format.date(visit.zone.day(of: $0), thisYear: visit.today.year))
        }
    }
}

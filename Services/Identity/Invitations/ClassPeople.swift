import Foundation
import Kernel
import Postgres

/// Everybody of a class who may have an invitation: its pupils and, under each, his guardians; of a child without
/// guardians one place for whoever comes with the code.
struct ClassPerson: Sendable, Equatable {
    let kind: InvitationKind
    let personID: UUID?
    let name: PersonName?
    let number: String?
    let childID: UUID
    let childName: PersonName
    let childNumber: String?
    let relation: String?
    let isRegistered: Bool
    /// The unused code that is out: when it was issued and until when it is good.
    let invitationID: UUID?
    let expiresAt: Date?
}

enum ClassPeople {
    static func read(_ classID: UUID, now: Date, in transaction: borrowing Transaction) throws -> [ClassPerson] {
        let pupils = try transaction.rows(
            """
            select p.id, p.surname, p.given_name, p.patronymic, p.roster_number,
                   exists (select from login l where l.person_id = p.id)
            from pupil u join person p on p.id = u.person_id
            where u.class_id = \(classID) and not u.ended
            order by p.search_name, p.id
            """,
            as: UUID.self, String.self, String.self, String?.self, String?.self, Bool.self)
        var guardians: [UUID: [(id: UUID, name: PersonName, number: String?, relation: String?, isRegistered: Bool)]] = [:]
        for row in try transaction.rows(
            """
            select g.child_id, p.id, p.surname, p.given_name, p.patronymic, p.roster_number, g.relation,
                   exists (select from login l where l.person_id = p.id)
            from pupil u join guardianship g on g.child_id = u.person_id join person p on p.id = g.guardian_id
            where u.class_id = \(classID) and not u.ended and not g.ended and not p.ended and g.source <> 'family'
            order by g.is_primary desc, p.search_name, p.id
            """,
            as: UUID.self, UUID.self, String.self, String.self, String?.self, String?.self, String?.self, Bool.self)
        {
            guardians[row.0, default: []].append(
                (row.1, PersonName(surname: row.2, given: row.3, patronymic: row.4), row.5, row.6, row.7))
        }
        struct Key: Hashable {
            let kind: String
            let person: UUID?
            let child: UUID?
        }
        var open: [Key: (UUID, Date)] = [:]
        for row in try transaction.rows(
            """
            select kind, person_id, child_id, id, expires_at from invitation
            where class_id = \(classID) and used_at is null and revoked_at is null and expires_at > \(now)
            """,
            as: String.self, UUID?.self, UUID?.self, UUID.self, Date.self)
        {
            open[Key(kind: row.0, person: row.1, child: row.2)] = (row.3, row.4)
        }
        var result: [ClassPerson] = []
        for (id, surname, given, patronymic, number, isRegistered) in pupils {
            let name = PersonName(surname: surname, given: given, patronymic: patronymic)
            let own = open[Key(kind: "pupil", person: id, child: id)]
            result.append(
                ClassPerson(
                    kind: .pupil, personID: id, name: name, number: number, childID: id, childName: name,
                    childNumber: number, relation: nil, isRegistered: isRegistered, invitationID: own?.0,
                    expiresAt: own?.1))
            let family = guardians[id] ?? []
            for guardian in family {
                let code = open[Key(kind: "guardian", person: guardian.id, child: id)]
                result.append(
                    ClassPerson(
                        kind: .guardian, personID: guardian.id, name: guardian.name, number: guardian.number,
                        childID: id, childName: name, childNumber: number, relation: guardian.relation,
                        isRegistered: guardian.isRegistered, invitationID: code?.0, expiresAt: code?.1))
            }
            if family.isEmpty {
                let code = open[Key(kind: "guardian", person: nil, child: id)]
                result.append(
                    ClassPerson(
                        kind: .guardian, personID: nil, name: nil, number: nil, childID: id, childName: name,
                        childNumber: number, relation: nil, isRegistered: false, invitationID: code?.0,
                        expiresAt: code?.1))
            }
        }
        return result
    }
}

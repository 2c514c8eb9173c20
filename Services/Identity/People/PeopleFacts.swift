import Directory
import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// What Identity says to the others about schools, classes, people and their rights: always the whole state with
/// its version, read from the tables. The same statements serve a change (some ids) and a republication (page by
/// page).
enum PeopleFacts {
    /// Which aggregates are asked for.
    enum Which {
        case ids([UUID])
        case page(after: UUID?, limit: Int)

        /// As the bindings of a statement's `where`: ids or nil, lower end, limit.
        fileprivate var bindings: (ids: [UUID], isPage: Bool, after: UUID, limit: Int) {
            switch self {
            case .ids(let ids): (ids, false, UUID.least, Int(Int32.max))
            case .page(let after, let limit): ([], true, after ?? UUID.least, limit)
            }
        }
    }

    static func schools(_ which: Which, in transaction: borrowing Transaction) throws -> [SchoolChanged] {
        let (ids, isPage, after, limit) = which.bindings
        return try transaction.rows(
            """
            select id, version, name, time_zone, modules, contacts, ended from school
            where (\(isPage) and id > \(after)) or id = any(\(ids)) order by id limit \(limit)
            """,
            as: UUID.self, Int64.self, String.self, String.self, [String].self, JSON<[SchoolContact]>.self, Bool.self
        ).map { id, version, name, zone, modules, contacts, ended in
            SchoolChanged(
                schoolID: id, version: version, name: name, timeZone: zone, modules: modules, contacts: contacts.value,
                ended: ended)
        }
    }

    static func classes(_ which: Which, in transaction: borrowing Transaction) throws -> [ClassChanged] {
        let (ids, isPage, after, limit) = which.bindings
        return try transaction.rows(
            """
            select id, school_id, version, grade, letter, ended from class
            where (\(isPage) and id > \(after)) or id = any(\(ids)) order by id limit \(limit)
            """,
            as: UUID.self, UUID.self, Int64.self, Int.self, String.self, Bool.self
        ).map { id, schoolID, version, grade, letter, ended in
            ClassChanged(
                classID: id, schoolID: schoolID, version: version, grade: grade, letter: letter, ended: ended)
        }
    }

    static func people(_ which: Which, in transaction: borrowing Transaction) throws -> [PersonChanged] {
        let (ids, isPage, after, limit) = which.bindings
        return try transaction.rows(
            """
            select p.id, p.version, p.surname, p.given_name, p.patronymic, p.gender, p.accent, p.roster_number,
                   coalesce(u.school_id, (select r.school_id from role_held r where r.person_id = p.id
                                          order by r.ended, r.id limit 1)),
                   u.class_id, u.person_id is not null, p.ended
            from person p left join pupil u on u.person_id = p.id
            where (\(isPage) and p.id > \(after)) or p.id = any(\(ids)) order by p.id limit \(limit)
            """,
            as: UUID.self, Int64.self, String.self, String.self, String?.self, String.self, String.self, String?.self,
            UUID?.self, UUID?.self, Bool.self, Bool.self
        ).map { id, version, surname, given, patronymic, gender, accent, number, schoolID, classID, isPupil, ended in
            PersonChanged(
                personID: id, version: version,
                name: PersonName(surname: surname, given: given, patronymic: patronymic),
                // The table's checks allow only these words.
                gender: Gender(rawValue: gender) ?? .female, accent: Accent(rawValue: accent) ?? .sea,
                rosterNumber: number, schoolID: schoolID, classID: classID, isPupil: isPupil, ended: ended)
        }
    }

    static func pupils(_ which: Which, in transaction: borrowing Transaction) throws -> [PupilChanged] {
        let (ids, isPage, after, limit) = which.bindings
        return try transaction.rows(
            """
            select u.person_id, u.version, u.school_id, u.class_id, u.account_number, u.pupil_code, p.roster_number,
                   u.ended
            from pupil u join person p on p.id = u.person_id
            where (\(isPage) and u.person_id > \(after)) or u.person_id = any(\(ids))
            order by u.person_id limit \(limit)
            """,
            as: UUID.self, Int64.self, UUID.self, UUID?.self, String.self, String.self, String?.self, Bool.self
        ).map { id, version, schoolID, classID, account, code, number, ended in
            PupilChanged(
                personID: id, version: version, schoolID: schoolID, classID: classID, accountNumber: account,
                pupilCode: code, rosterNumber: number, ended: ended)
        }
    }

    /// The whole truth of what people may do; a guardianship that has ended is simply not in it any more.
    static func rights(_ which: Which, in transaction: borrowing Transaction) throws -> [RightsChanged] {
        let (ids, isPage, after, limit) = which.bindings
        return try transaction.rows(
            """
            select p.id, p.rights_number,
                coalesce((select jsonb_agg(distinct jsonb_build_object(
                        'schoolID', r.school_id, 'role', r.role, 'classID', r.class_id))
                    from role_held r where r.person_id = p.id and not r.ended), '[]'::jsonb),
                coalesce((select jsonb_agg(jsonb_build_object(
                        'childID', g.child_id, 'topics', g.topics, 'isPrimary', g.is_primary, 'until', g.until_on,
                        'isLegal', g.source <> 'family')
                        order by g.child_id)
                    from guardianship g where g.guardian_id = p.id and not g.ended), '[]'::jsonb),
                p.ended
            from person p
            where (\(isPage) and p.id > \(after)) or p.id = any(\(ids)) order by p.id limit \(limit)
            """,
            as: UUID.self, Int64.self, JSON<[RoleHeld]>.self, JSON<[Guardianship]>.self, Bool.self
        ).map { id, version, roles, children, ended in
            RightsChanged(
                personID: id, version: version, roles: roles.value, children: children.value, ended: ended)
        }
    }

    static func contacts(_ which: Which, in transaction: borrowing Transaction) throws -> [ContactChanged] {
        let (ids, isPage, after, limit) = which.bindings
        return try transaction.rows(
            """
            select c.person_id, c.version, c.email, c.email_confirmed, c.email_from_school, c.new_email, c.phone,
                   c.language, c.signature, p.ended
            from contact c join person p on p.id = c.person_id
            where (\(isPage) and c.person_id > \(after)) or c.person_id = any(\(ids))
            order by c.person_id limit \(limit)
            """,
            as: UUID.self, Int64.self, String?.self, Bool.self, Bool.self, String?.self, String?.self, String.self, String?.self, Bool.self
        ).map { id, version, email, isConfirmed, isFromSchool, new, phone, language, signature, ended in
            ContactChanged(
                personID: id, version: version, email: email, emailConfirmed: isConfirmed, emailFromSchool: isFromSchool,
                newEmail: new, phone: phone, language: language, signature: signature, ended: ended)
        }
    }
}

extension UUID {
    /// Smaller than every identifier we make: where reading page by page begins.
    static let least = UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
}

/// The aggregates a change has touched, published together at its end.
struct TouchedPeople {
    var schools: Set<UUID> = []
    var classes: Set<UUID> = []
    var people: Set<UUID> = []
    var pupils: Set<UUID> = []
    var rights: Set<UUID> = []
    var contacts: Set<UUID> = []

    /// Writes the events into the outbox of the transaction that made the change, and into Identity's own Directory, so
    /// that nobody waits here for what Identity itself has just decided.
    func publish(to outbox: Outbox, in transaction: borrowing Transaction) throws {
        func told<E: VersionedEvent>(_ facts: [E]) -> [Told<E>] { facts.map { Told($0, epoch: outbox.epoch) } }
        if !schools.isEmpty {
            let facts = try PeopleFacts.schools(.ids(Array(schools)), in: transaction)
            try outbox.publish(facts, in: transaction)
            try Directory.apply(told(facts), in: transaction)
        }
        if !classes.isEmpty {
            let facts = try PeopleFacts.classes(.ids(Array(classes)), in: transaction)
            try outbox.publish(facts, in: transaction)
            try Directory.apply(told(facts), in: transaction)
        }
        if !people.isEmpty {
            let facts = try PeopleFacts.people(.ids(Array(people)), in: transaction)
            try outbox.publish(facts, in: transaction)
            try Directory.apply(told(facts), in: transaction)
        }
        if !pupils.isEmpty {
            let facts = try PeopleFacts.pupils(.ids(Array(pupils)), in: transaction)
            try outbox.publish(facts, in: transaction)
            try Directory.apply(told(facts), in: transaction)
        }
        if !rights.isEmpty {
            let facts = try PeopleFacts.rights(.ids(Array(rights)), in: transaction)
            try outbox.publish(facts, in: transaction)
            try Directory.apply(told(facts), in: transaction)
        }
        if !contacts.isEmpty {
            try outbox.publish(PeopleFacts.contacts(.ids(Array(contacts)), in: transaction), in: transaction)
        }
    }
}

import Events
import Foundation
import Kernel
import Postgres

/// How far registration has come, class by class, for whoever issues invitations.
enum InvitationProgress {
    struct Count: Sendable, Equatable {
        let registered: Int
        let all: Int
    }

    struct SchoolClass: ClassOfSchool, Equatable {
        let id: UUID
        let name: ClassName
        let schoolID: UUID
        let schoolName: String
        let registered: Int
        let all: Int
    }

    struct School: Sendable, Equatable {
        let id: UUID
        let name: String
        let classes: [SchoolClass]
        /// Only for the curator.
        let staff: Count?
    }

    static func read(for viewer: UUID, in transaction: borrowing Transaction) throws -> [School] {
        let whole = try SchoolsOf.keeper(viewer, [.curator], in: transaction)
        let own = try transaction.rows(
            "select class_id from role_held where person_id = \(viewer) and role = 'classTeacher' and not ended and class_id is not null",
            as: UUID.self)
        let rows = try transaction.rows(
            """
            select s.id, s.name, c.id, c.grade, c.letter,
                (select count(*) from pupil u where u.class_id = c.id and not u.ended)
                + (select count(*) from pupil u join guardianship g on g.child_id = u.person_id
                   where u.class_id = c.id and not u.ended and not g.ended and g.source <> 'family'),
                (select count(*) from pupil u join login l on l.person_id = u.person_id
                 where u.class_id = c.id and not u.ended)
                + (select count(*) from pupil u join guardianship g on g.child_id = u.person_id
                   join login l on l.person_id = g.guardian_id where u.class_id = c.id and not u.ended and not g.ended
                     and g.source <> 'family')
            from class c join school s on s.id = c.school_id
            where not c.ended and (c.school_id = any(\(whole)) or c.id = any(\(own)))
            order by s.name, s.id
            """,
            as: UUID.self, String.self, UUID.self, Int.self, String.self, Int.self, Int.self)
        let classes = rows.map { row in
            SchoolClass(
                id: row.2, name: ClassName(grade: row.3, letter: row.4), schoolID: row.0, schoolName: row.1, registered: row.6, all: row.5)
        }
        return try classes.bySchool().map { school in
            var staff: Count?
            if whole.contains(school.id) {
                let people = try StaffInvitee.read(school.id, now: Date(timeIntervalSince1970: 0), in: transaction)
                staff = Count(registered: people.count { $0.isRegistered }, all: people.count)
            }
            return School(id: school.id, name: school.name, classes: school.classes, staff: staff)
        }
    }
}

/// A member of staff who may be invited.
struct StaffInvitee: Sendable, Equatable {
    let id: UUID
    let name: PersonName
    let roles: [Role]
    let isRegistered: Bool
    let invitationID: UUID?
    let expiresAt: Date?

    static func read(_ school: UUID, now: Date, in transaction: borrowing Transaction) throws -> [StaffInvitee] {
        try transaction.rows(
            """
            select p.id, p.surname, p.given_name, p.patronymic,
                (select array_agg(distinct r.role order by r.role) from role_held r
                 where r.person_id = p.id and r.school_id = \(school) and not r.ended),
                exists (select from login l where l.person_id = p.id), i.id, i.expires_at
            from person p left join lateral (
                select id, expires_at from invitation x
                where x.person_id = p.id and x.kind = 'staff' and x.used_at is null and x.revoked_at is null
                  and x.expires_at > \(now) order by x.issued_at desc limit 1) i on true
            where not p.ended
              and exists (select from role_held r where r.person_id = p.id and r.school_id = \(school) and not r.ended)
            order by p.search_name, p.id
            """,
            as: UUID.self, String.self, String.self, String?.self, [String].self, Bool.self, UUID?.self, Date?.self
        ).map { row in
            StaffInvitee(
                id: row.0, name: PersonName(surname: row.1, given: row.2, patronymic: row.3),
                roles: row.4.compactMap(Role.init(rawValue:)), isRegistered: row.5, invitationID: row.6, expiresAt: row.7)
        }
    }
}

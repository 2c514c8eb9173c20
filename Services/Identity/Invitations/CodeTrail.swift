import Foundation
import Kernel
import Postgres

/// Who issued a code, and who came by it.
struct CodeTrail: Sendable, Equatable {
    let id: UUID
    let kind: InvitationKind
    /// The child it is about; nil for staff.
    let childName: PersonName?
    /// Nil for an operator at the command line.
    let issuedBy: PersonName?
    let issuedAt: Date
    /// Nil while nobody has used it.
    let usedBy: PersonName?
    let usedAt: Date?

    enum Circle: Sendable {
        case schoolClass(UUID)
        case staff(school: UUID)
    }

    /// Codes that are out or were used, the last used ones first; those that were revoked or are too old have no use any more.
    static func read(_ circle: Circle, now: Date, in transaction: borrowing Transaction) throws -> [CodeTrail] {
        let (schoolClass, school): (UUID?, UUID?) =
            switch circle {
            case .schoolClass(let id): (id, nil)
            case .staff(let school): (nil, school)
            }
        return try transaction.rows(
            """
            select i.id, i.kind, c.surname, c.given_name, c.patronymic, b.surname, b.given_name, b.patronymic, i.issued_at,
                   u.surname, u.given_name, u.patronymic, i.used_at
            from invitation i left join person c on c.id = i.child_id left join person b on b.id = i.issued_by
                left join person u on u.id = i.used_by
            where i.kind <> 'family' and (i.class_id = \(schoolClass) or i.kind = 'staff' and i.school_id = \(school))
              and (i.used_at is not null or i.revoked_at is null and i.expires_at > \(now))
            order by i.used_at desc nulls last, i.issued_at desc, i.id limit 500
            """,
            as: UUID.self, String.self, String?.self, String?.self, String?.self, String?.self, String?.self, String?.self, Date.self,
            String?.self, String?.self, String?.self, Date?.self
        ).map { row in
            func name(_ surname: String?, _ given: String?, _ patronymic: String?) -> PersonName? {
                surname.flatMap { surname in given.map { PersonName(surname: surname, given: $0, patronymic: patronymic) } }
            }
            return CodeTrail(
                id: row.0, kind: InvitationKind(rawValue: row.1) ?? .guardian, childName: name(row.2, row.3, row.4),
                issuedBy: name(row.5, row.6, row.7), issuedAt: row.8, usedBy: name(row.9, row.10, row.11), usedAt: row.12)
        }
    }
}

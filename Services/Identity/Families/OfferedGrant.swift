import Events
import Foundation
import Kernel
import Postgres

/// One child of an invitation: what of him it opens.
struct OfferedGrant: Sendable, Equatable {
    let childID: UUID
    let childName: PersonName
    let terms: GrantTerms

    /// What a family's invitation still opens: children for whom its giver answers to this day, and whose term is not over by
    /// the clock of their school.
    static func standing(of invitation: UUID, now: Date, in transaction: borrowing Transaction) throws -> [OfferedGrant] {
        try transaction.rows(
            """
            select o.child_id, c.surname, c.given_name, c.patronymic, o.topics, o.until_on
            from offered_grant o join invitation i on i.id = o.invitation_id
                join person giver on giver.id = i.issued_by and not giver.ended
                join guardianship g on g.child_id = o.child_id and g.guardian_id = i.issued_by and g.source <> 'family' and not g.ended
                join person c on c.id = o.child_id and not c.ended
                join pupil u on u.person_id = c.id and not u.ended join school s on s.id = u.school_id
            where o.invitation_id = \(invitation)
              and (o.until_on is null or o.until_on >= (\(now) at time zone s.time_zone)::date)
            order by c.birth_on, c.given_name, c.id
            """,
            as: UUID.self, String.self, String.self, String?.self, [String].self, Day?.self
        ).map { row in
            OfferedGrant(
                childID: row.0, childName: PersonName(surname: row.1, given: row.2, patronymic: row.3),
                terms: GrantTerms(topics: Set(row.4.compactMap(Topic.init(rawValue:))), until: row.5))
        }
    }
}

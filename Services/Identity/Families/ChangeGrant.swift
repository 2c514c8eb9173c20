import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// A parent changes what an adult whom the family let in may see of a child, and until when.
struct ChangeGrant: Sendable {
    let childID: UUID
    let adultID: UUID
    let terms: GrantTerms
    /// Who answers for the child.
    let by: UUID
    let now: Date

    /// - Returns: false when there is no such grant: the school's own guardians are the school's business.
    @discardableResult
    func run(in transaction: borrowing Transaction, _ outbox: Outbox) throws -> Bool {
        let topics = terms.listed.map(\.rawValue)
        let found = try transaction.rows(
            """
            select topics = \(topics)::text[] and until_on is not distinct from \(terms.until) from guardianship
            where child_id = \(childID) and guardian_id = \(adultID) and source = 'family' and not ended for update
            """, as: Bool.self)
        guard let isSame = found.first else { return false }
        if isSame { return true }
        try transaction.execute(
            """
            update guardianship set topics = \(topics), until_on = \(terms.until)
            where child_id = \(childID) and guardian_id = \(adultID)
            """)
        try Audit.note(.accessChanged, by: by, about: childID, at: now, in: transaction)
        try RightsOf.changed([adultID], in: transaction, outbox)
        return true
    }
}

/// A parent takes away what he or the other one gave: at once, everywhere, for good. The same code does not open it again.
struct RevokeGrant: Sendable {
    let childID: UUID
    let adultID: UUID
    /// Who answers for the child.
    let by: UUID
    let now: Date

    /// - Returns: false when there is no such grant.
    @discardableResult
    func run(in transaction: borrowing Transaction, _ outbox: Outbox) throws -> Bool {
        let ended = try transaction.execute(
            """
            update guardianship set ended = true, ended_by = 'family'
            where child_id = \(childID) and guardian_id = \(adultID) and source = 'family' and not ended
            """)
        guard ended == 1 else { return false }
        try Audit.note(.accessRevoked, by: by, about: childID, at: now, in: transaction)
        try RightsOf.changed([adultID], in: transaction, outbox)
        return true
    }
}

/// Grants end by themselves after their last day, by the clock of the child's school.
///
/// No decision waits for it: a grant whose term is over opens nothing from midnight on. This only clears away, so that
/// lists and tokens name it no more.
struct EndRunOutGrants: Sendable {
    let now: Date

    func run(in transaction: borrowing Transaction, _ outbox: Outbox) throws {
        let guardians = try transaction.rows(
            """
            update guardianship g set ended = true, ended_by = 'term', is_primary = false
            from pupil u join school s on s.id = u.school_id
            where u.person_id = g.child_id and not g.ended and g.until_on < (\(now) at time zone s.time_zone)::date
            returning g.guardian_id
            """, as: UUID.self)
        try RightsOf.changed(Set(guardians), in: transaction, outbox)
    }
}

/// What somebody let in outlives neither the rights of whoever gave it nor a child's family as the school knows it: where a
/// guardian is none any more, the adults he let in go with him.
struct EndGrantsWithGiver: Sendable {
    /// Guardian and child whose guardianship has just ended.
    let ended: [(guardian: UUID, child: UUID)]

    /// - Returns: the adults whose rights have changed; the caller counts and publishes it.
    func run(in transaction: borrowing Transaction) throws -> Set<UUID> {
        guard !ended.isEmpty else { return [] }
        return Set(
            try transaction.rows(
                """
                update guardianship g set ended = true, ended_by = 'giver'
                from unnest(\(ended.map(\.guardian))::uuid[], \(ended.map(\.child))::uuid[]) as t (guardian, child)
                where g.granted_by = t.guardian and g.child_id = t.child and g.source = 'family' and not g.ended
                returning g.guardian_id
                """, as: UUID.self))
    }
}

/// Counts a change of rights and tells everybody, in the transaction that made it.
enum RightsOf {
    static func changed(
        _ people: Set<UUID>, in transaction: borrowing Transaction, _ outbox: Outbox
    ) throws {
        guard !people.isEmpty else { return }
        // In one order always: two such changes must not wait for each other.
        try transaction.execute(
            """
            update person p set rights_number = p.rights_number + 1
            from (select id from person where id = any(\(Array(people))) order by id for update) as locked
            where p.id = locked.id
            """)
        try TouchedPeople(rights: people).publish(to: outbox, in: transaction)
    }
}

import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// A merging is taken back in its time: both accounts are again what they were, except for what a family or the school has
/// taken away since. Sessions that ended stay ended.
struct UndoMerging: Sendable {
    let id: UUID
    let by: UUID
    let now: Date

    /// - Throws: ``MergingRefused``.
    func run(in transaction: borrowing Transaction, _ outbox: Outbox) throws {
        let found = try transaction.first(
            "select kept_id, extra_id, schools, undo_until, undone_at is not null, trace from merging where id = \(id) for update",
            as: UUID.self, UUID.self, [UUID].self, Date.self, Bool.self, JSON<MergingTrace>?.self)
        guard let (keptID, extraID, schools, until, isUndone, trace) = found else { throw MergingRefused.tooLate }
        if isUndone { throw MergingRefused.undone }
        guard now < until, let trace = trace?.value else { throw MergingRefused.tooLate }
        let mine = Set(try SchoolsOf.keeper(by, [.curator], in: transaction))
        guard mine.isSuperset(of: schools) else { throw MergingRefused.elsewhere }
        guard by != keptID, by != extraID else { throw MergingRefused.ownAccount }
        try transaction.execute("select 1 from person where id = any(\([keptID, extraID])) order by id for update")
        let isMergedAgain = try transaction.first(
            """
            select exists (
                select from merging l join merging m on m.id = \(id)
                where l.id <> m.id and l.undone_at is null and l.id > m.id
                  and (l.kept_id in (m.kept_id, m.extra_id) or l.extra_id in (m.kept_id, m.extra_id)))
            """, as: Bool.self)
        if isMergedAgain == true { throw MergingRefused.mergedAgain }

        let (kept, extra) = try apart(trace, keptID, in: transaction)
        let children = Set(trace.extraBefore.map(\.childID))
        // Nobody of the two is first while the rows change hands.
        try transaction.execute(
            """
            update guardianship set is_primary = false
            where guardian_id in (\(keptID), \(extraID)) and child_id = any(\(Array(children))) and is_primary
            """)
        try GuardianshipState.write(kept, of: keptID, about: children, in: transaction)
        try GuardianshipState.write(extra, of: extraID, about: children, in: transaction)

        try transaction.execute(
            """
            update guardianship g set granted_by = \(extraID)
            from unnest(\(trace.given.map(\.guardian))::uuid[], \(trace.given.map(\.child))::uuid[]) as t (guardian, child)
            where g.guardian_id = t.guardian and g.child_id = t.child and g.granted_by = \(keptID)
            """)
        try transaction.execute(
            "update invitation set issued_by = \(extraID) where id = any(\(trace.invitations)) and issued_by = \(keptID)")
        try transaction.execute(
            "update person set merged_into = \(extraID) where id = any(\(trace.earlier)) and merged_into = \(keptID)")
        if let entered = trace.snilsEnteredAt {
            // Another number that was entered since stays where it is. The trace keeps moments to the millisecond.
            try transaction.execute(
                """
                update snils set person_id = \(extraID)
                where person_id = \(keptID) and abs(extract(epoch from entered_at - \(entered))) < 0.002
                """)
        }
        if let contact = trace.contact, let version = trace.contactVersion {
            // What the owner has changed since stays his.
            try transaction.execute(
                """
                update contact set phone = \(contact.phone), email = \(contact.email), email_confirmed = \(contact.isConfirmed),
                    email_from_school = \(contact.isFromSchool), version = version + 1
                where person_id = \(keptID) and version = \(version)
                """)
        }
        try transaction.execute(
            "update person set ended = false, merged_into = null, version = version + 1 where id = \(extraID)")
        try transaction.execute(
            "update person set rights_number = rights_number + 1 where id = any(\([keptID, extraID]))")
        // The ended account comes back as it was, and so does the word about how to reach it.
        try transaction.execute("update contact set version = version + 1 where person_id = \(extraID)")
        try transaction.execute("update merging set undone_at = \(now), undone_by = \(by) where id = \(id)")
        try Audit.note(.mergeUndone, by: by, about: keptID, at: now, in: transaction)
        try TouchedPeople(people: [extraID], rights: [keptID, extraID], contacts: [keptID, extraID])
            .publish(to: outbox, in: transaction)
    }

    /// The rows of both as they will be.
    private func apart(
        _ trace: MergingTrace, _ keptID: UUID, in transaction: borrowing Transaction
    ) throws -> (kept: [GuardianshipState], extra: [GuardianshipState]) {
        func byChild(_ states: [GuardianshipState]) -> [UUID: GuardianshipState] {
            Dictionary(states.map { ($0.childID, $0) }, uniquingKeysWith: { $1 })
        }
        let (before, after) = (byChild(trace.keptBefore), byChild(trace.after))
        let present = byChild(try GuardianshipState.of(keptID, in: transaction))
        let children = trace.extraBefore.map(\.childID)
        let first = Dictionary(
            try transaction.rows(
                """
                select child_id, guardian_id from guardianship
                where child_id = any(\(children)) and is_primary and not ended
                """, as: UUID.self, UUID.self), uniquingKeysWith: { $1 })
        var kept: [GuardianshipState] = []
        var extra: [GuardianshipState] = []
        for state in trace.extraBefore {
            let (made, stands) = (after[state.childID], present[state.childID])
            var own: GuardianshipState?
            if let stands, !stands.ended, stands.grantedAt > made?.grantedAt ?? 0, stands != made {
                // Given to the account that stays since: that is not the merging's to take.
                own = stands
            } else {
                own = JoinedGuardianships.back(before[state.childID], after: made, now: stands)
            }
            var theirs = JoinedGuardianships.back(state, after: made, now: stands)
            // Somebody else may have become the first guardian since.
            if let holder = first[state.childID], holder != keptID {
                own?.isPrimary = false
                theirs?.isPrimary = false
            } else if own?.isPrimary == true {
                theirs?.isPrimary = false
            }
            if let own { kept.append(own) }
            if let theirs { extra.append(theirs) }
        }
        return (kept, extra)
    }
}

import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// A roster that was called complete: whoever is not in it any more has left.
///
/// Only what the files can speak of ends: pupils of the schools that `pupils.csv` names, guardians the roster had
/// named of children who are in `guardians.csv`, roles at the schools that `staff.csv` names. A bad line protects
/// its file: where something could not be read, nobody is ended by its absence.
struct EndMissing: Sendable {
    let roster: Roster

    func run(in transaction: borrowing Transaction, _ outbox: Outbox) throws -> ImportStep {
        var step = ImportStep()
        var touched = TouchedPeople()
        let schools = try RosterKnown.schools(in: transaction)
        let damaged = Set(roster.bad.map(\.file))

        if !roster.pupils.isEmpty, damaged.isDisjoint(with: roster.pupils.map(\.file)) {
            let named = Set(roster.pupils.map(\.content.school)).compactMap { schools[$0] }
            let left = try transaction.rows(
                """
                update pupil u set ended = true, version = u.version + 1 from person p
                where p.id = u.person_id and not u.ended and u.school_id = any(\(named))
                  and p.roster_number <> all(\(roster.pupils.map(\.content.person.number)))
                returning u.person_id
                """,
                as: UUID.self)
            step.report.pupils.ended = left.count
            touched.pupils.formUnion(left)
            try end(left, &touched, outbox, in: transaction)
        }
        if !roster.guardians.isEmpty, damaged.isDisjoint(with: roster.guardians.map(\.file)) {
            let left = try transaction.rows(
                """
                update guardianship g set ended = true, ended_by = 'roster', is_primary = false from person child
                where child.id = g.child_id and not g.ended and g.source = 'roster'
                  and child.roster_number = any(\(roster.guardians.map(\.content.pupilNumber)))
                  and (g.guardian_id, g.child_id) not in (
                      select coalesce(n.merged_into, n.id), c.id
                      from unnest(\(roster.guardians.map(\.content.person.number))::text[],
                                  \(roster.guardians.map(\.content.pupilNumber))::text[]) as t (guardian, child)
                          join person n on n.roster_number = t.guardian join person c on c.roster_number = t.child)
                returning g.guardian_id, g.child_id
                """,
                as: UUID.self, UUID.self)
            touched.rights.formUnion(left.map(\.0))
            touched.rights.formUnion(try EndGrantsWithGiver(ended: left.map { ($0.0, $0.1) }).run(in: transaction))
            touched.rights.formUnion(try Self.nameFirst(of: left.map(\.1), in: transaction))
            step.report.guardians.ended = Set(left.map(\.0)).count
        }
        if !roster.staff.isEmpty, damaged.isDisjoint(with: roster.staff.map(\.file)) {
            let named = Set(roster.staff.map(\.content.school)).compactMap { schools[$0] }
            let left = try transaction.rows(
                """
                update role_held r set ended = true, ended_by = 'roster'
                from role_held h join person p on p.id = h.person_id left join class c on c.id = h.class_id
                where h.id = r.id and not h.ended and h.source = 'roster' and h.school_id = any(\(named)) and p.roster_number is not null
                  and (p.roster_number, h.role, coalesce(c.grade || c.letter, '')) not in (
                      select * from unnest(\(roster.staff.map(\.content.person.number))::text[],
                                           \(roster.staff.map(\.content.role.rawValue))::text[],
                                           \(roster.staff.map(classOf))::text[]))
                returning r.person_id
                """,
                as: UUID.self)
            touched.rights.formUnion(left)
            step.report.staff.ended = Set(left).count
        }
        try transaction.execute(
            "update person set rights_number = rights_number + 1 where id = any(\(Array(touched.rights)))")
        try touched.publish(to: outbox, in: transaction)
        return step
    }

    /// Where the first guardian has gone, whom the school has named the longest comes first: lists and contracts name somebody
    /// first.
    static func nameFirst(of children: [UUID], in transaction: borrowing Transaction) throws -> [UUID] {
        guard !children.isEmpty else { return [] }
        return try transaction.rows(
            """
            update guardianship g set is_primary = true
            from (
                select distinct on (x.child_id) x.guardian_id, x.child_id
                from guardianship x join person p on p.id = x.guardian_id and not p.ended
                where x.child_id = any(\(children)) and not x.ended and x.source <> 'family'
                  and not exists (select from guardianship y where y.child_id = x.child_id and y.is_primary and not y.ended)
                order by x.child_id, x.granted_at, x.guardian_id) as next
            where g.guardian_id = next.guardian_id and g.child_id = next.child_id
            returning g.guardian_id
            """, as: UUID.self)
    }

    private func classOf(_ line: Roster.Line<StaffLine>) -> String {
        line.content.className.map { "\($0.grade)\($0.letter)" } ?? ""
    }

    /// Ends people who have left; their sessions end with them.
    private func end(
        _ left: [UUID], _ touched: inout TouchedPeople, _ outbox: Outbox, in transaction: borrowing Transaction
    ) throws {
        try transaction.execute("update person set ended = true, version = version + 1 where id = any(\(left))")
        touched.people.formUnion(left)
        touched.rights.formUnion(left)
        try EndSessions.of(left, because: "left", in: transaction, outbox)
    }
}

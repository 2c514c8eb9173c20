import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// A batch of `staff.csv`: people and the roles they hold, one line per role.
struct ImportStaff: Sendable {
    let lines: [Roster.Line<StaffLine>]

    func run(in transaction: borrowing Transaction, _ outbox: Outbox) throws -> ImportStep {
        var step = ImportStep()
        let schools = try RosterKnown.schools(in: transaction)
        let classes = try RosterKnown.classes(in: transaction)
        let known = try RosterKnown.people(lines.map(\.content.person.number), in: transaction)
        var good: [(line: StaffLine, school: UUID, schoolClass: UUID?)] = []
        for line in lines {
            let number = line.content.person.number
            guard let school = schools[line.content.school] else {
                step.report.badLines.append(line.refused("there is no school «\(line.content.school)»"))
                continue
            }
            var schoolClass: UUID?
            if let name = line.content.className {
                schoolClass = classes[.init(school: school, name: name)]
                guard schoolClass != nil else {
                    step.report.badLines.append(line.refused("the school has no class \(name)"))
                    continue
                }
            }
            if let other = known[number], other.kind != "staff" {
                step.report.badLines.append(line.refused("number \(number) is a \(other.kind)'s"))
                continue
            }
            good.append((line.content, school, schoolClass))
        }
        var seen: Set<String> = []
        let firsts = good.map(\.line).filter { seen.insert($0.person.number).inserted }
        guard !firsts.isEmpty else { return step }
        let people = try UpsertPeople(
            kind: "staff",
            entries: firsts.map {
                UpsertPeople.Entry(
                    number: $0.person.number, name: $0.person.name, gender: $0.person.gender, room: $0.room,
                    fingerprint: $0.fingerprint)
            }
        ).run(in: transaction)

        var touched = TouchedPeople()
        touched.people = people.touched
        touched.contacts = try UpsertContacts(
            entries: firsts.compactMap { line in people.ids[line.person.number].map { ($0, line.contact) } }
        ).run(in: transaction)

        let grown = try appoint(good, people.ids, in: transaction).subtracting(people.added)
        try transaction.execute(
            "update person set rights_number = rights_number + 1 where id = any(\(Array(grown)))")
        touched.rights = people.touched.union(grown)

        step.report.staff.added = people.added.count
        let changed = people.changed.union(grown).union(touched.contacts).subtracting(people.added)
        step.report.staff.changed = changed.count
        step.report.staff.unchanged = firsts.count - people.added.count - changed.count
        try touched.publish(to: outbox, in: transaction)
        return step
    }

    /// - Returns: who got or got back a role.
    private func appoint(
        _ good: [(line: StaffLine, school: UUID, schoolClass: UUID?)], _ ids: [String: UUID],
        in transaction: borrowing Transaction
    ) throws -> Set<UUID> {
        let rows = good.compactMap { entry in ids[entry.line.person.number].map { (id: $0, entry: entry) } }
        return Set(
            try transaction.rows(
                """
                insert into role_held as r (id, person_id, school_id, role, class_id, subject)
                select t.id, t.person, t.school, t.role, nullif(t.class, '')::uuid, nullif(t.subject, '')
                from unnest(\(rows.map { _ in UUID.v7() })::uuid[], \(rows.map(\.id))::uuid[],
                            \(rows.map(\.entry.school))::uuid[], \(rows.map(\.entry.line.role.rawValue))::text[],
                            \(rows.map { $0.entry.schoolClass?.text ?? "" })::text[],
                            \(rows.map(\.entry.line.subject))::text[])
                     as t (id, person, school, role, class, subject)
                on conflict (person_id, school_id, role, class_id, subject) do update set ended = false, ended_by = null
                where r.ended and r.ended_by is distinct from 'appointment'
                returning r.person_id
                """,
                as: UUID.self))
    }
}

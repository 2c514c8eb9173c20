import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// A batch of `guardians.csv`: people who answer for children, how to reach them, and whose children they are.
///
/// The school names the legal representatives, so what the roster says holds at once, before anybody has registered.
/// The first guardian named of a child becomes the primary one.
struct ImportGuardians: Sendable {
    let lines: [Roster.Line<GuardianLine>]

    func run(in transaction: borrowing Transaction, _ outbox: Outbox) throws -> ImportStep {
        var step = ImportStep()
        let known = try RosterKnown.people(
            lines.map(\.content.person.number) + lines.map(\.content.pupilNumber), in: transaction)
        let forgotten = try ForgottenNumbers.among(lines.map(\.content.person.number), in: transaction)
        var good: [(line: GuardianLine, child: UUID)] = []
        for line in lines {
            let number = line.content.person.number
            guard !forgotten.contains(number) else {
                step.report.badLines.append(
                    line.refused("\(number) has asked to be forgotten; who wants to come back gets an invitation"))
                continue
            }
            guard let child = known[line.content.pupilNumber], child.kind == "pupil" else {
                step.report.badLines.append(line.refused("there is no pupil \(line.content.pupilNumber)"))
                continue
            }
            if let other = known[number], other.kind != "guardian" {
                step.report.badLines.append(line.refused("number \(number) is a \(other.kind)'s"))
                continue
            }
            good.append((line.content, child.id))
        }
        var seen: Set<String> = []
        let firsts = good.map(\.line).filter { seen.insert($0.person.number).inserted }
        guard !firsts.isEmpty else { return step }
        let people = try UpsertPeople(
            kind: "guardian",
            entries: firsts.map {
                UpsertPeople.Entry(
                    number: $0.person.number, name: $0.person.name, gender: $0.person.gender,
                    fingerprint: $0.person.fingerprint)
            }
        ).run(in: transaction)

        var touched = TouchedPeople()
        touched.people = people.touched
        touched.contacts = try UpsertContacts(
            entries: firsts.filter { !people.merged.contains($0.person.number) }
                .compactMap { line in people.ids[line.person.number].map { ($0, line.contact) } }
        ).run(in: transaction)

        let children = Array(Set(good.map(\.child)))
        let hadGuardian: [UUID] = try transaction.rows(
            "select distinct child_id from guardianship where child_id = any(\(children))", as: UUID.self)
        let granted = try grant(good, people.ids, in: transaction)
        let repainted = try repaint(Set(children).subtracting(hadGuardian), in: transaction)

        // Somebody who is new has his first number anyway; for him nothing has changed yet.
        let grown = granted.subtracting(people.added)
        try transaction.execute(
            "update person set rights_number = rights_number + 1 where id = any(\(Array(grown)))")
        touched.rights = people.touched.union(grown)
        touched.people.formUnion(repainted)

        step.report.guardians.added = people.added.count
        let changed = people.changed.union(grown).union(touched.contacts).subtracting(people.added)
        step.report.guardians.changed = changed.count
        step.report.guardians.unchanged = firsts.count - people.added.count - changed.count
        try touched.publish(to: outbox, in: transaction)
        return step
    }

    /// - Returns: the guardians who got or got back a child.
    private func grant(
        _ good: [(line: GuardianLine, child: UUID)], _ ids: [String: UUID], in transaction: borrowing Transaction
    ) throws -> Set<UUID> {
        let withPrimary: [UUID] = try transaction.rows(
            """
            select child_id from guardianship
            where child_id = any(\(good.map(\.child))) and is_primary and not ended
            """,
            as: UUID.self)
        var primaried = Set(withPrimary)
        var rows: [(guardian: UUID, child: UUID, relation: String, isPrimary: Bool)] = []
        var seen: Set<[UUID]> = []
        for (line, child) in good {
            // Two numbers may mean one account since it was merged (ID-29).
            guard let guardian = ids[line.person.number], seen.insert([guardian, child]).inserted else { continue }
            rows.append((guardian, child, line.relation, primaried.insert(child).inserted))
        }
        let granted = try transaction.rows(
            """
            insert into guardianship as g (guardian_id, child_id, relation, is_primary, topics, source)
            select t.guardian, t.child, nullif(t.relation, ''), t.is_primary, \(Topic.allCases.map(\.rawValue))::text[],
                   'roster'
            from unnest(\(rows.map(\.guardian))::uuid[], \(rows.map(\.child))::uuid[],
                        \(rows.map(\.relation))::text[], \(rows.map(\.isPrimary))::boolean[])
                 as t (guardian, child, relation, is_primary)
            on conflict (guardian_id, child_id) do update set relation = excluded.relation, ended = false,
                ended_by = null, is_primary = case when g.ended or g.source = 'family' then excluded.is_primary else g.is_primary end,
                -- Whom a family had let in and the school now names has all that its guardians have.
                source = case when g.source = 'family' then 'roster' else g.source end, until_on = null, granted_by = null,
                topics = case when g.source = 'family' then excluded.topics else g.topics end
            where (g.relation is distinct from excluded.relation or g.source = 'family') and not g.ended
               or g.ended and (g.ended_by = 'roster' or g.source = 'family')
            returning g.guardian_id
            """,
            as: UUID.self)
        return Set(granted)
    }

    /// Children whose family has just become known get colours in which brothers and sisters differ.
    private func repaint(_ free: Set<UUID>, in transaction: borrowing Transaction) throws -> Set<UUID> {
        guard !free.isEmpty else { return [] }
        var siblings: [UUID: Set<UUID>] = [:]
        for (child, sibling) in try transaction.rows(
            """
            select distinct a.child_id, b.child_id
            from guardianship a join guardianship b on b.guardian_id = a.guardian_id and b.child_id <> a.child_id
            where a.child_id = any(\(Array(free))) and not a.ended and not b.ended
            """,
            as: UUID.self, UUID.self)
        {
            siblings[child, default: []].insert(sibling)
        }
        guard !siblings.isEmpty else { return [] }
        let all = siblings.values.reduce(into: Set(siblings.keys)) { $0.formUnion($1) }
        var current: [UUID: Accent] = [:]
        for (id, accent) in try transaction.rows(
            "select id, accent from person where id = any(\(Array(all)))", as: UUID.self, String.self)
        {
            current[id] = Accent(rawValue: accent)
        }
        let changes = Accents.repainted(current, siblings: siblings, free: free.intersection(siblings.keys))
        guard !changes.isEmpty else { return [] }
        try transaction.execute(
            """
            update person p set accent = t.accent, version = p.version + 1
            from unnest(\(Array(changes.keys))::uuid[], \(changes.values.map(\.rawValue))::text[]) as t (id, accent)
            where p.id = t.id
            """)
        return Set(changes.keys)
    }
}

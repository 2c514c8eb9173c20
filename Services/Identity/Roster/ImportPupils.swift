import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// A batch of `pupils.csv`: people with a place and, when they are new, with an account number and a pupil code.
struct ImportPupils: Sendable {
    let lines: [Roster.Line<PupilLine>]

    func run(in transaction: borrowing Transaction, _ outbox: Outbox) throws -> ImportStep {
        var step = ImportStep()
        let schools = try RosterKnown.schools(in: transaction)
        let classes = try RosterKnown.classes(in: transaction)
        let known = try RosterKnown.people(lines.map(\.content.person.number), in: transaction)
        var places: [String: (school: UUID, schoolClass: UUID)] = [:]
        var entries: [UpsertPeople.Entry] = []
        for line in lines {
            let pupil = line.content
            guard let school = schools[pupil.school] else {
                step.report.badLines.append(line.refused("there is no school «\(pupil.school)»"))
                continue
            }
            guard let schoolClass = classes[.init(school: school, name: pupil.className)] else {
                step.report.badLines.append(line.refused("the school has no class \(pupil.className)"))
                continue
            }
            if let other = known[pupil.person.number], other.kind != "pupil" {
                step.report.badLines.append(line.refused("number \(pupil.person.number) is a \(other.kind)'s"))
                continue
            }
            places[pupil.person.number] = (school, schoolClass)
            entries.append(
                UpsertPeople.Entry(
                    number: pupil.person.number, name: pupil.person.name, gender: pupil.person.gender,
                    birthDate: pupil.birthDate, fingerprint: pupil.fingerprint))
        }
        guard !entries.isEmpty else { return step }
        let people = try UpsertPeople(kind: "pupil", entries: entries).run(in: transaction)

        let placed = entries.compactMap { entry -> (UUID, UUID, UUID)? in
            guard let id = people.ids[entry.number], people.touched.contains(id), let place = places[entry.number]
            else { return nil }
            return (id, place.school, place.schoolClass)
        }
        let numbers = try newNumbers(placed.count, in: transaction)
        let moved = try transaction.rows(
            """
            insert into pupil as u (person_id, school_id, class_id, account_number, pupil_code)
            select * from unnest(\(placed.map(\.0))::uuid[], \(placed.map(\.1))::uuid[], \(placed.map(\.2))::uuid[],
                                 \(numbers.accounts)::text[], \(numbers.codes)::text[])
            on conflict (person_id) do update set school_id = excluded.school_id, class_id = excluded.class_id,
                ended = false, version = u.version + 1
            where (u.school_id, u.class_id, u.ended) is distinct from (excluded.school_id, excluded.class_id, false)
            returning u.person_id
            """,
            as: UUID.self)

        step.report.pupils.added = people.added.count
        step.report.pupils.changed = people.changed.count
        step.report.pupils.unchanged = entries.count - people.touched.count
        var touched = TouchedPeople()
        touched.people = people.touched
        touched.pupils = Set(moved)
        touched.rights = people.touched
        try touched.publish(to: outbox, in: transaction)
        return step
    }

    /// Account numbers and pupil codes that nobody has; those of children who have theirs are not used.
    private func newNumbers(_ count: Int, in transaction: borrowing Transaction) throws -> (accounts: [String], codes: [String]) {
        var generator = SystemRandomNumberGenerator()
        var accounts: Set<String> = []
        var codes: Set<String> = []
        while accounts.count < count || codes.count < count {
            while accounts.count < count { accounts.insert(AccountNumber.random(using: &generator).text) }
            while codes.count < count { codes.insert(PupilCode.random(using: &generator).text) }
            for (account, code) in try transaction.rows(
                """
                select account_number, pupil_code from pupil
                where account_number = any(\(Array(accounts))) or pupil_code = any(\(Array(codes)))
                """,
                as: String.self, String.self)
            {
                accounts.remove(account)
                codes.remove(code)
            }
        }
        return (Array(accounts), Array(codes))
    }
}

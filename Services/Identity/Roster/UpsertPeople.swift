import Events
import Foundation
import Kernel
import Postgres

/// People of one kind, written with one statement however many they are.
struct UpsertPeople {
    struct Entry {
        let number: String
        let name: PersonName
        let gender: Gender
        var birthDate: Day?
        var room = ""
        let fingerprint: String
    }

    /// Who came and who changed; everybody else was as the line says.
    struct Result {
        var ids: [String: UUID] = [:]
        var added: Set<UUID> = []
        var changed: Set<UUID> = []
        /// Numbers of accounts that became part of another (ID-29); what their lines say of name and contact is not the other's.
        var merged: Set<String> = []
        var touched: Set<UUID> { added.union(changed) }
    }

    let kind: String
    let entries: [Entry]

    func run(in transaction: borrowing Transaction) throws -> Result {
        let proposed = entries.map { _ in UUID.v7() }
        let written = try transaction.rows(
            """
            insert into person as p (id, kind, roster_number, surname, given_name, patronymic, gender, birth_on, room,
                                     accent, roster_line)
            select t.id, \(kind), t.number, t.surname, t.given, nullif(t.patronymic, ''), t.gender,
                   nullif(t.birth, '')::date, nullif(t.room, ''), t.accent, t.line
            from unnest(\(proposed)::uuid[], \(entries.map(\.number))::text[], \(entries.map(\.name.surname))::text[],
                        \(entries.map(\.name.given))::text[], \(entries.map { $0.name.patronymic ?? "" })::text[],
                        \(entries.map(\.gender.rawValue))::text[], \(entries.map { $0.birthDate?.iso ?? "" })::text[],
                        \(entries.map(\.room))::text[],
                        \(entries.map { Accents.first(for: $0.number).rawValue })::text[],
                        \(entries.map(\.fingerprint))::text[])
                 as t (id, number, surname, given, patronymic, gender, birth, room, accent, line)
            on conflict (roster_number) do update set
                surname = excluded.surname, given_name = excluded.given_name, patronymic = excluded.patronymic,
                gender = excluded.gender, birth_on = excluded.birth_on, room = excluded.room,
                roster_line = excluded.roster_line, version = p.version + 1,
                rights_number = p.rights_number + p.ended::int, ended = false
            where (p.roster_line is distinct from excluded.roster_line or p.ended) and p.merged_into is null
            returning p.id
            """,
            as: UUID.self)
        var result = Result()
        let fresh = Set(proposed)
        for id in written {
            if fresh.contains(id) { result.added.insert(id) } else { result.changed.insert(id) }
        }
        let known = try RosterKnown.people(entries.map(\.number), in: transaction)
        result.ids = known.mapValues(\.id)
        result.merged = Set(known.filter(\.value.isMerged).keys)
        return result
    }
}

/// Phones and e-mail addresses as the roster has them; what people changed themselves since stays (ID-24).
struct UpsertContacts {
    let entries: [(person: UUID, contact: RosterContact)]

    /// - Returns: whose contact is another now.
    func run(in transaction: borrowing Transaction) throws -> Set<UUID> {
        let entries = entries.filter { $0.contact.phone != nil || $0.contact.email != nil }
        guard !entries.isEmpty else { return [] }
        return Set(
            try transaction.rows(
                """
                insert into contact as c (person_id, phone, email, email_from_school, roster_line)
                select t.id, nullif(t.phone, ''), nullif(t.email, ''), t.email <> '', t.line
                from unnest(\(entries.map(\.person))::uuid[], \(entries.map { $0.contact.phone ?? "" })::text[],
                            \(entries.map { $0.contact.email ?? "" })::text[],
                            \(entries.map(\.contact.fingerprint))::text[]) as t (id, phone, email, line)
                on conflict (person_id) do update set phone = excluded.phone, email = excluded.email,
                    email_from_school = excluded.email_from_school,
                    email_confirmed = c.email_confirmed and c.email is not distinct from excluded.email,
                    roster_line = excluded.roster_line, version = c.version + 1
                where c.roster_line is distinct from excluded.roster_line
                returning c.person_id
                """,
                as: UUID.self))
    }
}

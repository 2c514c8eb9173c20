import Foundation
import Kernel
import Postgres

/// The log as somebody reads it who administers schools: newest first, a page at a time.
struct AuditLog: Sendable {
    struct Entry: Sendable, Equatable {
        let id: UUID
        let at: Date
        let action: AuditAction?
        /// As it stands in the log, for an action that this version does not know.
        let rawAction: String
        let by: PersonName?
        let byID: UUID?
        let about: PersonName?
        let aboutID: UUID?
        let detail: [String: String]
    }

    /// The schools of whoever reads.
    let schools: [UUID]
    /// Only what somebody did or what concerns him.
    var person: UUID?
    /// Only people whose name contains these words.
    var words: [String] = []
    var from: Date?
    var until: Date?
    /// What comes after this entry, that is, what is older.
    var after: UUID?
    var limit = 50

    func run(in transaction: borrowing Transaction) throws -> [Entry] {
        try transaction.rows(
            """
            select a.id, a.at, a.action, b.surname, b.given_name, b.patronymic, a.by_person_id,
                   p.surname, p.given_name, p.patronymic, a.about_person_id, a.detail
            from audit a left join person b on b.id = a.by_person_id left join person p on p.id = a.about_person_id
            where a.schools && \(schools)
              and (\(person == nil) or \(person ?? UUID.least) in (a.by_person_id, a.about_person_id))
              and (\(words.isEmpty) or exists (
                    select from person x where x.id in (a.by_person_id, a.about_person_id)
                      and (select bool_and(x.search_name like '%' || word || '%')
                           from unnest(\(words.map(FindPeople.literal))::text[]) as word)))
              and (\(from == nil) or a.at >= \(from ?? .distantPast)) and (\(until == nil) or a.at < \(until ?? .distantFuture))
              and (\(after == nil) or (a.at, a.id) < (select x.at, x.id from audit x where x.id = \(after ?? UUID.least)))
            order by a.at desc, a.id desc limit \(limit)
            """,
            as: UUID.self, Date.self, String.self, String?.self, String?.self, String?.self, UUID?.self, String?.self, String?.self,
            String?.self, UUID?.self, JSON<[String: String]>.self
        ).map { row in
            Entry(
                id: row.0, at: row.1, action: AuditAction(rawValue: row.2), rawAction: row.2, by: Self.name(row.3, row.4, row.5),
                byID: row.6, about: Self.name(row.7, row.8, row.9), aboutID: row.10, detail: row.11.value)
        }
    }

    private static func name(_ surname: String?, _ given: String?, _ patronymic: String?) -> PersonName? {
        surname.flatMap { surname in given.map { PersonName(surname: surname, given: $0, patronymic: patronymic) } }
    }
}

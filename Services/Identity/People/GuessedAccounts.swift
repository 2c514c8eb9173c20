import Foundation
import Kernel
import Postgres

/// An account at which somebody guesses just now: how often and till when it waits; never from where, and nothing of what was typed.
struct GuessedAccount: Sendable, Equatable {
    let id: UUID
    let name: PersonName
    let login: String
    /// Wrong passwords in the running window, and codes of the second step, from browsers that are not known to be his.
    let passwords: Int
    let codes: Int
    /// Until when nobody but his own browsers comes in; nil when that is not so.
    let waitsUntil: Date?

    /// Those of the people of some schools, most guessed at first.
    static func read(_ schools: [UUID], now: Date, in transaction: borrowing Transaction) throws -> [GuessedAccount] {
        let (password, code) = (Guessing.Scope.account.limit.attempts, Guessing.Scope.factor.limit.attempts)
        return try transaction.rows(
            """
            select p.id, p.surname, p.given_name, p.patronymic, l.name, coalesce(a.attempts, 0), coalesce(f.attempts, 0),
                greatest(case when a.attempts > \(password) then a.window_ends_at end,
                         case when f.attempts > \(code) then f.window_ends_at end)
            from login l join person p on p.id = l.person_id
                left join guess a on a.scope = 'account' and a.window_ends_at > \(now)
                    and a.subject = sha256(convert_to(l.name_key, 'UTF8'))
                left join guess f on f.scope = 'factor' and f.window_ends_at > \(now)
                    and f.subject = sha256(convert_to(p.id::text, 'UTF8'))
            where (a.attempts > 0 or f.attempts > 0) and not p.ended
              and exists (
                select from pupil x where x.person_id = p.id and x.school_id = any(\(schools)) and not x.ended
                union all
                select from role_held x where x.person_id = p.id and x.school_id = any(\(schools)) and not x.ended
                union all
                select from guardianship x join pupil y on y.person_id = x.child_id
                where x.guardian_id = p.id and y.school_id = any(\(schools)) and not x.ended)
            order by greatest(coalesce(a.attempts, 0), coalesce(f.attempts, 0)) desc, p.search_name, p.id limit 200
            """,
            as: UUID.self, String.self, String.self, String?.self, String.self, Int.self, Int.self, Date?.self
        ).map { row in
            GuessedAccount(
                id: row.0, name: PersonName(surname: row.1, given: row.2, patronymic: row.3), login: row.4, passwords: row.5,
                codes: row.6, waitsUntil: row.7)
        }
    }
}

/// The owner stands before the curator and cannot come in from a browser of nobody's: what strangers did is forgotten.
struct ForgetGuesses: Sendable {
    let personID: UUID
    let by: UUID
    let now: Date

    func run(in transaction: borrowing Transaction) throws {
        guard let key = try transaction.first("select name_key from login where person_id = \(personID)", as: String.self) else { return }
        try Guessing.forgetAll(of: key, person: personID.text, in: transaction)
        try Audit.note(.guessesForgotten, by: by, about: personID, at: now, in: transaction)
    }
}

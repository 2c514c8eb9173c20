import Crypto
import Foundation
import Kernel
import Postgres

/// The persons' СНИЛС, which staff enter: findable by whoever has the number, readable by nobody.
///
/// A number has so few possible values that a plain hash could be turned back by trying all of them. So it is hashed under
/// a key that stands in the configuration and never in the database; of the number itself only the last four digits are kept.
struct SnilsBook: Sendable {
    private let key: SymmetricKey

    /// - Parameter secret: of the installation; another one makes every number entered before unfindable.
    init(secret: String) { key = SymmetricKey(data: SHA256.hash(data: Data("zvonok snils ".utf8) + Data(secret.utf8))) }

    /// What the table knows a number by.
    func hash(_ snils: Snils) -> Data {
        Data(HMAC<SHA256>.authenticationCode(for: Data(snils.digits.utf8), using: key))
    }

    struct Entry: Sendable, Equatable {
        let lastDigits: String
        let enteredAt: Date
        /// Nil for an operator at the command line.
        var by: PersonName?
    }

    struct Found: Sendable, Equatable {
        let personID: UUID
        let isPupil: Bool
        let birthDate: Day?
    }

    enum Refused: Error, Equatable {
        /// Somebody else has this number already.
        case isTaken
    }

    /// Writes a number beside a person; an earlier one goes.
    ///
    /// - Parameter by: who enters it; nil at the command line.
    func enter(_ snils: Snils, for personID: UUID, by: UUID?, now: Date, in transaction: borrowing Transaction) throws {
        let hash = hash(snils)
        // Whoever has left holds no number against somebody who has come.
        try transaction.execute(
            "delete from snils s using person p where p.id = s.person_id and p.ended and s.keyed_hash = \(hash)")
        let owner = try transaction.first("select person_id from snils where keyed_hash = \(hash)", as: UUID.self)
        if owner == personID { return }
        guard owner == nil else { throw Refused.isTaken }
        try transaction.execute(
            """
            insert into snils (person_id, keyed_hash, last_digits, entered_at, entered_by)
            values (\(personID), \(hash), \(snils.lastDigits), \(now), \(by))
            on conflict (person_id) do update set keyed_hash = excluded.keyed_hash, last_digits = excluded.last_digits,
                entered_at = excluded.entered_at, entered_by = excluded.entered_by
            """)
        try Audit.note(.identityLinked, by: by, about: personID, at: now, in: transaction)
    }

    static func remove(_ personID: UUID, in transaction: borrowing Transaction) throws {
        try transaction.execute("delete from snils where person_id = \(personID)")
    }

    static func entry(of personID: UUID, in transaction: borrowing Transaction) throws -> Entry? {
        try transaction.first(
            """
            select s.last_digits, s.entered_at, b.surname, b.given_name, b.patronymic
            from snils s left join person b on b.id = s.entered_by where s.person_id = \(personID)
            """, as: String.self, Date.self, String?.self, String?.self, String?.self
        ).map { digits, at, surname, given, patronymic in
            let by = surname.flatMap { surname in given.map { PersonName(surname: surname, given: $0, patronymic: patronymic) } }
            return Entry(lastDigits: digits, enteredAt: at, by: by)
        }
    }

    /// Who the school has entered this number for; nobody who has left.
    func find(_ snils: Snils, in transaction: borrowing Transaction) throws -> Found? {
        try transaction.first(
            """
            select p.id, p.kind = 'pupil', p.birth_on from snils s join person p on p.id = s.person_id
            where s.keyed_hash = \(hash(snils)) and not p.ended
            """,
            as: UUID.self, Bool.self, Day?.self
        ).map { Found(personID: $0, isPupil: $1, birthDate: $2) }
    }
}

import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// A person is called differently from now on. Guardians do it themselves (ID-22).
struct RenamePerson: Sendable {
    let personID: UUID
    let name: PersonName

    func run(in transaction: borrowing Transaction) throws {
        try transaction.execute(
            """
            update person set surname = \(name.surname), given_name = \(name.given), patronymic = \(name.patronymic),
                version = version + 1
            where id = \(personID)
            """)
    }
}

/// A guardian writes his own full name; a pupil's is the school's (ID-22), and so is that of staff.
struct ChangeOwnName: Sendable {
    let personID: UUID
    let surname: String
    let givenName: String
    let patronymic: String

    /// - Throws: ``ProfileRefused`` by field.
    func run(in transaction: borrowing Transaction, _ outbox: Outbox) throws {
        let kind = try transaction.first("select kind from person where id = \(personID)", as: String.self)
        guard kind == "guardian" else { throw ProfileRefused(fields: ["surname": "Your name is kept by the school."]) }
        var wrong: [String: FieldMessage] = [:]
        if surname.trimmed.isEmpty { wrong["surname"] = "Your surname is missing." }
        if givenName.trimmed.isEmpty { wrong["given"] = "Your name is missing." }
        for (field, text) in [("surname", surname), ("given", givenName), ("patronymic", patronymic)] where text.count > 80 {
            wrong[field] = "That is longer than 80 characters."
        }
        guard wrong.isEmpty else { throw ProfileRefused(fields: wrong) }
        try RenamePerson(
            personID: personID,
            name: PersonName(surname: surname.trimmed, given: givenName.trimmed, patronymic: patronymic.trimmed)
        ).run(in: transaction)
        try TouchedPeople(people: [personID]).publish(to: outbox, in: transaction)
    }
}

/// The language of pages and letters.
struct ChangeLanguage: Sendable {
    let personID: UUID
    let language: String

    func run(in transaction: borrowing Transaction, _ outbox: Outbox) throws {
        guard ["ru", "en"].contains(language) else { return }
        let changed = try transaction.execute(
            """
            insert into contact as c (person_id, language) values (\(personID), \(language))
            on conflict (person_id) do update set language = excluded.language, version = c.version + 1
            where c.language <> excluded.language
            """)
        if changed > 0 { try TouchedPeople(contacts: [personID]).publish(to: outbox, in: transaction) }
    }
}

/// What stands under one's messages (ID-23): a few short lines, or nothing.
struct ChangeSignature: Sendable {
    let personID: UUID
    let text: String

    static let longest = 300
    static let mostLines = 3

    /// The lines as they are kept: without empty ones, and without signs that no keyboard has.
    static func lines(_ text: String) -> [String] {
        text.split(whereSeparator: \.isNewline)
            .map { line in String(line.filter { !$0.unicodeScalars.contains { $0.properties.generalCategory == .control } }).trimmed }
            .filter { !$0.isEmpty }
    }

    /// - Throws: ``ProfileRefused`` by field.
    func run(in transaction: borrowing Transaction, _ outbox: Outbox) throws {
        let lines = Self.lines(text)
        let kept = lines.joined(separator: "\n")
        guard kept.unicodeScalars.count <= Self.longest else { throw ProfileRefused(fields: ["signature": "That is longer than 300 characters."]) }
        guard lines.count <= Self.mostLines else { throw ProfileRefused(fields: ["signature": "Three lines at the most."]) }
        let signature: String? = kept.isEmpty ? nil : kept
        let changed = try transaction.execute(
            """
            insert into contact as c (person_id, signature) values (\(personID), \(signature))
            on conflict (person_id) do update set signature = excluded.signature, version = c.version + 1
            where c.signature is distinct from excluded.signature
            """)
        if changed > 0 { try TouchedPeople(contacts: [personID]).publish(to: outbox, in: transaction) }
    }
}

/// Another login (ID-24): by whoever knows the password, so that an open browser is not enough to take an account.
struct ChangeLogin: Sendable {
    let personID: UUID
    let login: String
    let password: String
    let now: Date

    /// - Throws: ``ProfileRefused`` by field.
    func run(_ database: Database, _ bench: HashingBench) async throws {
        let name: LoginName
        do { name = try LoginName(login) } catch { throw ProfileRefused(fields: ["login": FieldMessage(error.text)]) }
        try await OwnPassword(personID: personID, password: password, now: now).prove(database, bench, field: "login-password")
        // ID-09 from the other side: the login must not become the password.
        if PasswordRule.bare(name.text) == PasswordRule.bare(password) {
            throw ProfileRefused(fields: ["login": FieldMessage(PasswordRefused.isLogin.text)])
        }
        do {
            try await database.transaction { transaction in
                try transaction.execute(
                    """
                    update login set name = \(name.text), name_key = \(name.key), changed_at = \(now)
                    where person_id = \(personID)
                    """)
                try Audit.note(.loginChanged, by: personID, about: personID, at: now, in: transaction)
            }
        } catch let error as PostgresError where error.constraint == "login_name_once" {
            throw ProfileRefused(fields: ["login": FieldMessage(LoginRefused.isTaken.text)])
        }
    }
}

/// Another password (ID-23, ID-24). All other sessions of the person end.
struct ChangePassword: Sendable {
    let personID: UUID
    let sessionID: UUID
    let current: String
    let password: String
    let repeated: String
    let now: Date

    /// - Throws: ``ProfileRefused`` by field.
    func run(_ database: Database, _ outbox: Outbox, _ bench: HashingBench, _ common: CommonPasswords?) async throws {
        let policy = try await database.read { try PasswordPolicy.of(personID, in: $0) }
        if let refused = policy.refusal(of: password, common: common) {
            throw ProfileRefused(fields: ["password": FieldMessage(refused.text)])
        }
        guard password == repeated else { throw ProfileRefused(fields: ["repeated": "The two passwords differ."]) }
        try await OwnPassword(personID: personID, password: current, now: now).prove(database, bench, field: "current")
        let password = password
        let hash = try await bench.run { try PasswordHash.make(password) }
        try await database.transaction { transaction in
            try SetPassword(personID: personID, hash: hash, now: now).run(in: transaction)
            try EndSessions.of(
                [personID], because: "password", keeping: sessionID, now: now, in: transaction, outbox)
            try Audit.note(.passwordChanged, by: personID, about: personID, at: now, in: transaction)
        }
    }
}

/// The proof that whoever sits at an open session is its owner. Guesses count as at the sign-in.
struct OwnPassword: Sendable {
    let personID: UUID
    let password: String
    let now: Date

    /// - Throws: ``ProfileRefused`` at `field` when the password is wrong or was guessed at too often.
    func prove(_ database: Database, _ bench: HashingBench, field: String) async throws {
        let subject = personID.text
        let (hash, verdict) = try await database.transaction { transaction -> (String?, Guessing.Verdict) in
            let hash = try transaction.first(
                "select password_hash from login where person_id = \(personID)", as: String.self)
            return (hash, try Guessing.countOwn(subject, now: now, in: transaction))
        }
        guard let hash, case .allowed = verdict else {
            throw ProfileRefused(fields: [field: "Too many wrong passwords. Try again in a quarter of an hour."])
        }
        let password = password
        guard try await bench.run({ PasswordHash.verify(password, against: hash) }) else {
            throw ProfileRefused(fields: [field: "This is not your password."])
        }
        try await database.transaction { try Guessing.forgiveOwn(subject, in: $0) }
    }
}

/// Fields of the profile that were not taken.
struct ProfileRefused: Error, Equatable {
    let fields: [String: FieldMessage]
}

import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// The curator gives somebody a password for one time (ID-18, D-04): made here, shown once, to be changed at the next
/// sign-in. All sessions of the person end.
struct SetOneTimePassword: Sendable {
    let personID: UUID
    /// Who does it; nil for the operator at the command line.
    let by: UUID?
    let now: Date
    static let goodFor: TimeInterval = 7 * 86_400

    enum Refused: Error, Equatable {
        /// He has not registered yet: an invitation is what he needs.
        case notRegistered
        /// Only a curator of one of the person's schools may, and nobody may do it to an operator.
        case notYours
    }

    /// - Returns: the password, nowhere else to be read again.
    func run(_ database: Database, _ outbox: Outbox, _ bench: HashingBench) async throws -> (login: String, password: String) {
        let password = Self.random()
        let hash = try await bench.run { try PasswordHash.make(password) }
        let login = try await database.transaction { transaction -> String in
            try Self.check(personID, by: by, in: transaction)
            guard let login = try transaction.first(
                """
                update login set password_hash = \(hash), must_change = true, changed_at = \(now),
                    password_until = \(now.addingTimeInterval(Self.goodFor))
                where person_id = \(personID) returning name
                """,
                as: String.self)
            else { throw Refused.notRegistered }
            try transaction.execute("delete from device where person_id = \(personID)")
            try transaction.execute("delete from password_ticket where person_id = \(personID)")
            try EndSessions.of([personID], because: "password", now: now, in: transaction, outbox)
            try Audit.note(.passwordGiven, by: by, about: personID, at: now, in: transaction)
            return login
        }
        return (login, password)
    }

    /// Whether somebody may open another way into a person's account.
    ///
    /// - Throws: ``Refused/notYours``.
    static func check(_ personID: UUID, by: UUID?, in transaction: borrowing Transaction) throws {
        guard let by else { return }
        let mine = Set(try SchoolsOf.keeper(by, [.curator], in: transaction))
        let his = Set(try SchoolsOf.person(personID, in: transaction))
        guard !mine.isDisjoint(with: his) else { throw Refused.notYours }
        // Whoever may reset a password may become its owner: nobody climbs above himself that way.
        let roles = try transaction.rows(
            "select role, school_id from role_held where person_id = \(personID) and not ended", as: String.self, UUID.self)
        let isAbove = roles.contains { role, school in
            role == Role.operatorOfSystem.rawValue || !mine.contains(school)
        }
        guard !isAbove else { throw Refused.notYours }
    }

    /// Ten signs of the codes' alphabet: 48 bits, easy to read out.
    static func random() -> String {
        var generator = SystemRandomNumberGenerator()
        return String((0..<10).map { _ in InvitationCode.alphabet.randomElement(using: &generator) ?? "2" }).lowercased()
    }
}

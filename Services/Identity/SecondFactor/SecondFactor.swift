import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// The second step of a person: whether there is one, whether there must be one.
struct SecondFactor: Sendable, Equatable {
    /// Since when it is asked for; nil when it is not.
    let since: Date?
    /// Whether a school of his wants it of him.
    let isRequired: Bool
    let codesLeft: Int

    var isOn: Bool { since != nil }

    /// Whoever handles money or people (SC-06).
    static let demandingRoles: [Role] = [.accountant, .cashier, .curator, .secretary, .operatorOfSystem, .director]

    static func read(of personID: UUID, in transaction: borrowing Transaction) throws -> SecondFactor {
        let since = try transaction.first(
            "select confirmed_at from second_factor where person_id = \(personID) and confirmed_at is not null", as: Date.self)
        return SecondFactor(
            since: since, isRequired: try isRequired(of: personID, in: transaction),
            codesLeft: since == nil ? 0 : try RecoveryCodes.left(of: personID, in: transaction))
    }

    static func isRequired(of personID: UUID, in transaction: borrowing Transaction) throws -> Bool {
        try transaction.first(
            """
            select exists (
                select from role_held r join school s on s.id = r.school_id
                where r.person_id = \(personID) and not r.ended and s.second_factor
                  and r.role = any(\(demandingRoles.map(\.rawValue))))
            """,
            as: Bool.self) ?? false
    }

    /// What comes after the proof of who somebody is.
    enum Next: Sendable, Equatable {
        case session
        /// His code is asked for.
        case code
        /// His school wants a second step and he has none yet: that comes before anything else.
        case setUp
    }

    static func next(for personID: UUID, in transaction: borrowing Transaction) throws -> Next {
        let isOn = try transaction.first(
            "select exists (select from second_factor where person_id = \(personID) and confirmed_at is not null)", as: Bool.self)
        if isOn == true { return .code }
        return try isRequired(of: personID, in: transaction) ? .setUp : .session
    }

    /// The code of a person by the clock, whether confirmed yet or not.
    static func timeCode(
        of personID: UUID, confirmed: Bool, _ box: SecretBox, in transaction: borrowing Transaction
    ) throws -> (code: TimeCode, lastStep: Int64?)? {
        let found = try transaction.first(
            """
            select secret, last_step from second_factor
            where person_id = \(personID) and (confirmed_at is not null) = \(confirmed) for update
            """,
            as: Data.self, Int64?.self)
        guard let (sealed, lastStep) = found else { return nil }
        return (TimeCode(secret: Array(try box.open(sealed, of: personID))), lastStep)
    }

    /// Takes the second step away, with all its codes.
    ///
    /// - Returns: whether there was one.
    @discardableResult
    static func remove(of personID: UUID, in transaction: borrowing Transaction) throws -> Bool {
        try transaction.execute("delete from recovery_code where person_id = \(personID)")
        try transaction.execute("delete from factor_ticket where person_id = \(personID)")
        return try transaction.execute("delete from second_factor where person_id = \(personID)") > 0
    }
}

/// What somebody holds who has shown the first proof and not the second: for ten minutes, in the form of the page alone.
enum FactorTicket {
    static let life: TimeInterval = 600

    static func issue(for personID: UUID, now: Date, in transaction: borrowing Transaction) throws -> RandomToken {
        let token = RandomToken.new()
        try transaction.execute(
            """
            insert into factor_ticket (token_hash, person_id, expires_at)
            values (\(token.hash), \(personID), \(now.addingTimeInterval(life)))
            """)
        return token
    }

    static func holder(_ ticket: String, now: Date, in transaction: borrowing Transaction) throws -> UUID? {
        try transaction.first(
            """
            select t.person_id from factor_ticket t join person p on p.id = t.person_id
            where t.token_hash = \(RandomToken.hash(ticket)) and t.expires_at > \(now) and not p.ended
            """,
            as: UUID.self)
    }

    /// Uses a ticket up; of two at the same time one gets it.
    static func use(_ ticket: String, in transaction: borrowing Transaction) throws -> Bool {
        try transaction.execute("delete from factor_ticket where token_hash = \(RandomToken.hash(ticket))") == 1
    }
}

import Foundation
import Kernel
import Postgres

/// The secret of a link in a letter. Whoever has it reads that mailbox; it is good once and until its time, and stored hashed.
enum LetterToken {
    enum Purpose: String, Sendable {
        /// The address is its owner's (ID-14).
        case confirm
        /// A new password (ID-17).
        case recover

        /// A letter may take half an hour (ID-16); a confirmation may wait for the weekend, a way in may not.
        var goodFor: TimeInterval {
            switch self {
            case .confirm: 7 * 86_400
            case .recover: 2 * 3600
            }
        }
    }

    struct Found: Sendable, Equatable {
        let personID: UUID
        let email: String
    }

    /// A new token; those of before for the same purpose are good no more.
    static func issue(
        _ purpose: Purpose, for personID: UUID, at email: String, now: Date, in transaction: borrowing Transaction
    ) throws -> RandomToken {
        try withdraw(purpose, of: personID, in: transaction)
        let token = RandomToken.new()
        try transaction.execute(
            """
            insert into letter_token (token_hash, purpose, person_id, email, issued_at, expires_at)
            values (\(token.hash), \(purpose.rawValue), \(personID), \(email), \(now),
                    \(now.addingTimeInterval(purpose.goodFor)))
            """)
        return token
    }

    /// Whom a token is about, without using it up: programs that scan letters follow every address.
    static func look(_ text: String, _ purpose: Purpose, now: Date, in transaction: borrowing Transaction) throws -> Found? {
        try transaction.first(
            """
            select t.person_id, t.email from letter_token t join person p on p.id = t.person_id
            where t.token_hash = \(RandomToken.hash(text)) and t.purpose = \(purpose.rawValue) and t.expires_at > \(now)
              and not p.ended
            """,
            as: UUID.self, String.self
        ).map { Found(personID: $0, email: $1) }
    }

    /// Uses a token up; of two at the same time one gets it.
    static func use(_ text: String, _ purpose: Purpose, now: Date, in transaction: borrowing Transaction) throws -> Found? {
        try transaction.first(
            """
            delete from letter_token t using person p
            where t.token_hash = \(RandomToken.hash(text)) and t.purpose = \(purpose.rawValue) and t.expires_at > \(now)
              and p.id = t.person_id and not p.ended
            returning t.person_id, t.email
            """,
            as: UUID.self, String.self
        ).map { Found(personID: $0, email: $1) }
    }

    static func withdraw(_ purpose: Purpose, of personID: UUID, in transaction: borrowing Transaction) throws {
        try transaction.execute(
            "delete from letter_token where person_id = \(personID) and purpose = \(purpose.rawValue)")
    }

    static func sweep(now: Date, in transaction: borrowing Transaction) throws {
        try transaction.execute("delete from letter_token where expires_at < \(now)")
    }
}

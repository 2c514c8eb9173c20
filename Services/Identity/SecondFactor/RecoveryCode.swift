import Foundation
import Kernel
import Postgres

/// A code for the day when the telephone is gone: ten signs of the alphabet of invitations, good once.
struct RecoveryCode: Equatable, Sendable {
    static let length = 10
    /// How many a person holds.
    static let count = 10

    let signs: String
    /// As printed: «K7MT4-3QXAC».
    var text: String { "\(signs.prefix(5))-\(signs.suffix(5))" }

    static func random() -> RecoveryCode {
        var generator = SystemRandomNumberGenerator()
        return RecoveryCode(signs: String((0..<length).map { _ in InvitationCode.alphabet.randomElement(using: &generator) ?? "2" }))
    }

    private init(signs: String) { self.signs = signs }

    /// Reads a code as typed; nil when it cannot be one.
    init?(_ typed: String) {
        guard let signs = InvitationCode.signs(of: typed, count: Self.length) else { return nil }
        self.signs = signs
    }
}

/// The recovery codes of a person in the database: never themselves, only what they are known by.
enum RecoveryCodes {
    /// Ten new ones; those of before are good no more.
    ///
    /// - Returns: the codes, this once.
    static func make(
        for personID: UUID, _ box: SecretBox, now: Date, in transaction: borrowing Transaction
    ) throws -> [RecoveryCode] {
        var codes: [RecoveryCode] = []
        while codes.count < RecoveryCode.count {
            let code = RecoveryCode.random()
            if !codes.contains(code) { codes.append(code) }
        }
        try transaction.execute("delete from recovery_code where person_id = \(personID)")
        try transaction.execute(
            """
            insert into recovery_code (person_id, code_hash, made_at)
            select \(personID), hash, \(now) from unnest(\(codes.map { box.mark($0.signs, of: personID) })::bytea[]) as hash
            """)
        return codes
    }

    /// Uses one up; of two at the same time one gets it.
    static func use(
        _ code: RecoveryCode, of personID: UUID, _ box: SecretBox, now: Date, in transaction: borrowing Transaction
    ) throws -> Bool {
        try transaction.execute(
            """
            update recovery_code set used_at = \(now)
            where person_id = \(personID) and code_hash = \(box.mark(code.signs, of: personID)) and used_at is null
            """) == 1
    }

    static func left(of personID: UUID, in transaction: borrowing Transaction) throws -> Int {
        try transaction.first(
            "select count(*) from recovery_code where person_id = \(personID) and used_at is null", as: Int.self) ?? 0
    }
}

import Crypto
import Directory
import Events
import Foundation
import Kernel
import Messaging
import Postgres
import Synchronization

/// A key pair for tokens (ES256) and when it signs.
struct SigningKey: Sendable {
    let id: UUID
    /// PEM.
    let privateKey: String
    let signsFrom: Date
    let signsUntil: Date
}

/// When keys are made: pure, so that the calendar can be tested.
enum KeySchedule {
    static let signs: TimeInterval = 30 * 86_400
    /// The next key is made, and so published, this long before it signs: a day, and one more for whoever was down.
    static let ahead: TimeInterval = 2 * 86_400
    /// The public key is known for longer than the last token lives.
    static let validAfter: TimeInterval = 86_400
    /// Clocks differ by less than that.
    static let clockDifference: TimeInterval = 300

    struct Term: Equatable, Sendable {
        let signsFrom: Date
        let signsUntil: Date
    }

    /// The key to be made now, if one is due.
    static func due(after terms: [Term], now: Date) -> Term? {
        guard terms.contains(where: { $0.signsFrom <= now && now < $0.signsUntil }) else {
            return Term(signsFrom: now, signsUntil: now.addingTimeInterval(signs))
        }
        guard let last = terms.map(\.signsUntil).max(), last.timeIntervalSince(now) < ahead else { return nil }
        return Term(signsFrom: last, signsUntil: last.addingTimeInterval(signs))
    }
}

/// The keys of this installation: made when first needed, renewed in time, told to everybody a day before use.
final class SigningKeys: Sendable {
    private let database: Database
    private let outbox: Outbox
    private let known = Mutex<[SigningKey]>([])

    init(_ database: Database, _ outbox: Outbox) {
        self.database = database
        self.outbox = outbox
    }

    /// The key that signs now.
    func current(now: Date) async throws -> SigningKey {
        if let key = known.withLock({ keys in keys.first { $0.signsFrom <= now && now < $0.signsUntil } }) { return key }
        return try await renew(now: now)
    }

    /// Makes the key that is due, retires those that are over, and reads the rest. Copies of the service agree by a lock.
    @discardableResult
    func renew(now: Date) async throws -> SigningKey {
        let outbox = outbox
        let keys = try await database.transaction { transaction -> [SigningKey] in
            try transaction.execute("select pg_advisory_xact_lock(hashtext('identity.signing-key'))")
            var keys = try Self.read(in: transaction)
            if let term = KeySchedule.due(
                after: keys.map { KeySchedule.Term(signsFrom: $0.signsFrom, signsUntil: $0.signsUntil) }, now: now)
            {
                keys.append(try Self.make(term, now: now, in: transaction, outbox))
            }
            let over = try transaction.rows(
                """
                update signing_key set ended = true, private_key = '', version = version + 1
                where valid_until < \(now) and not ended returning id
                """,
                as: UUID.self)
            if !over.isEmpty { try Self.say(over, in: transaction, outbox) }
            return keys
        }
        known.withLock { $0 = keys }
        guard let key = keys.last(where: { $0.signsFrom <= now && now < $0.signsUntil }) else { throw NoSigningKey() }
        return key
    }

    private static func read(in transaction: borrowing Transaction) throws -> [SigningKey] {
        try transaction.rows(
            "select id, private_key, signs_from, signs_until from signing_key where not ended order by signs_from",
            as: UUID.self, String.self, Date.self, Date.self
        ).map { SigningKey(id: $0, privateKey: $1, signsFrom: $2, signsUntil: $3) }
    }

    private static func make(
        _ term: KeySchedule.Term, now: Date, in transaction: borrowing Transaction, _ outbox: Outbox
    ) throws -> SigningKey {
        let pair = P256.Signing.PrivateKey()
        let key = SigningKey(
            id: UUID.v7(at: now), privateKey: pair.pemRepresentation, signsFrom: term.signsFrom,
            signsUntil: term.signsUntil)
        try transaction.execute(
            """
            insert into signing_key (id, private_key, public_key, signs_from, signs_until, valid_until)
            values (\(key.id), \(key.privateKey), \(pair.publicKey.pemRepresentation), \(key.signsFrom),
                    \(key.signsUntil), \(key.signsUntil.addingTimeInterval(KeySchedule.validAfter)))
            """)
        try say([key.id], in: transaction, outbox)
        return key
    }

    private static func say(_ ids: [UUID], in transaction: borrowing Transaction, _ outbox: Outbox) throws {
        let facts = try facts(ids, in: transaction)
        try outbox.publish(facts, in: transaction)
        try Directory.apply(facts.map { Told($0, epoch: outbox.epoch) }, in: transaction)
    }

    static func facts(_ ids: [UUID], in transaction: borrowing Transaction) throws -> [SigningKeyChanged] {
        try facts(ids, after: nil, limit: ids.count, in: transaction)
    }

    /// Page by page when `ids` is nil.
    static func facts(
        _ ids: [UUID]?, after: UUID?, limit: Int, in transaction: borrowing Transaction
    ) throws -> [SigningKeyChanged] {
        try transaction.rows(
            """
            select id, version, public_key, signs_from, valid_until, ended from signing_key
            where (\(ids == nil) and id > \(after ?? UUID.least)) or id = any(\(ids ?? [])) order by id limit \(limit)
            """,
            as: UUID.self, Int64.self, String.self, Date.self, Date.self, Bool.self
        ).map { id, version, publicKey, from, until, ended in
            SigningKeyChanged(
                keyID: id, version: version, algorithm: "ES256", publicKey: publicKey,
                validFrom: from.addingTimeInterval(-KeySchedule.clockDifference), validUntil: until, ended: ended)
        }
    }
}

/// No key signs at this moment, though one was just made: the clock has jumped.
struct NoSigningKey: Error {}

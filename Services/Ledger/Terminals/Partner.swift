import Crypto
import Events
import Foundation
import Kernel
import Postgres

/// A payment system or bank that brings money (AC-03).
struct Partner: Sendable, Equatable {
    /// How it speaks.
    enum Dialect: String, CaseIterable, Sendable {
        /// ОСМП, the protocol of payment terminals.
        case osmp
        /// Sberbank, requests with `ACTION`.
        case sber
        /// Sberbank, "protocol 2": ОСМП's names with an own number and date in the answer.
        case protocol2
        /// CyberPlat, and what Sberbank spoke before: `action`, `number`, `receipt`.
        case cyberplat
    }

    let id: UUID
    /// As in the address it asks: `/ledger/partners/NAME`.
    let name: String
    /// As the statement names it.
    let title: String
    let dialect: Dialect
    let method: TopUpMethod
    let addresses: [String]
    let userName: String
    let passwordHash: [UInt8]
    /// Whether whoever pays is shown what is on the account.
    let tellsBalance: Bool
    let least: Money
    let most: Money
    /// Of the dates it writes.
    let zone: SchoolZone
    /// Result codes that its contract numbers otherwise than its dialect does.
    let codes: [String: Int]
    let isRevoked: Bool
    /// Whether it may take a payment back that nobody has spent.
    var mayCancel = false
    /// The secret with which it signs its requests; nil when it proves itself by user and password.
    var signingSecret: String?

    /// Whether a request may come from there.
    func mayAsk(from address: String) -> Bool {
        addresses.contains { AddressRange($0)?.contains(address) == true }
    }

    /// Whether a request comes from the partner: by its signature where one was agreed, else by user and password.
    func isProven(by authorization: String?, _ fields: [String: String]) -> Bool {
        guard let signingSecret else { return isProven(by: authorization) }
        return Self.isEqual(Array((fields["hash"] ?? "").lowercased().utf8), Array(Self.signature(of: fields, secret: signingSecret).utf8))
    }

    /// MD5 over everything that was sent but the signature, by name, as an address writes it, with the secret at the end: as
    /// Sberbank's protocol 2 is signed in the field. It is the bank's choice; what else protects is TLS and the bank's network.
    static func signature(of fields: [String: String], secret: String) -> String {
        let sent = fields.filter { $0.key != "hash" }.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        let text = (sent + ["secret=\(secret)"]).joined(separator: "&")
        return Insecure.MD5.hash(data: Data(text.utf8)).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }

    /// All of it is compared, whatever differs first.
    private static func isEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        zip(left, right).reduce(UInt8(left.count == right.count ? 0 : 1)) { $0 | ($1.0 ^ $1.1) } == 0
    }

    /// Whether the head `Authorization` holds the partner's user and password (HTTP Basic).
    func isProven(by authorization: String?) -> Bool {
        guard let authorization, authorization.hasPrefix("Basic "),
            let decoded = Data(base64Encoded: String(authorization.dropFirst(6)).trimmed),
            case let given = String(decoding: decoded, as: UTF8.self), let colon = given.firstIndex(of: ":")
        else { return false }
        let digest = Self.hash(String(given[given.index(after: colon)...]))
        return Self.isEqual(digest, passwordHash) && given[..<colon] == userName
    }

    /// How a password is kept. It is made by ``newPassword()`` and too long to be guessed, so one round is enough.
    static func hash(_ password: String) -> [UInt8] { Array(SHA256.hash(data: Data(password.utf8))) }

    /// 26 signs, some 128 bits.
    static func newPassword() -> String {
        let signs = Array("abcdefghjkmnpqrstuvwxyz23456789ABCDEFGHJKLMNPQRSTUVWXYZ")
        return String((0..<26).map { _ in signs[Int.random(in: 0..<signs.count)] })
    }
}

extension Partner {
    /// The same with other bounds of one payment.
    func taking(atLeast least: Money, atMost most: Money) -> Partner {
        Partner(
            id: id, name: name, title: title, dialect: dialect, method: method, addresses: addresses, userName: userName,
            passwordHash: passwordHash, tellsBalance: tellsBalance, least: least, most: most, zone: zone, codes: codes,
            isRevoked: isRevoked, mayCancel: mayCancel, signingSecret: signingSecret)
    }
}

extension Transaction {
    /// All partners in the order of their names, the revoked too.
    func partners() throws -> [Partner] { try partners("true") }

    /// The partner of a name who has not been revoked.
    func partner(named name: String) throws -> Partner? {
        try partners("name = \(name) and revoked_at is null").first
    }

    private func partners(_ condition: SQL) throws -> [Partner] {
        try rows(
            """
            select id, name, title, dialect, method, addresses, user_name, password_hash, tells_balance, least, most,
                time_zone, codes, revoked_at is not null, may_cancel, signing_secret
            from partner where \(condition) order by name
            """,
            as: UUID.self, String.self, String.self, String.self, String.self, [String].self, String.self, Bytes.self,
            Bool.self, Money.self, Money.self, String.self, JSON<[String: Int]>.self, Bool.self, Bool.self, String?.self
        ).map { row in
            Partner(
                id: row.0, name: row.1, title: row.2, dialect: Partner.Dialect(rawValue: row.3) ?? .osmp,
                method: TopUpMethod(rawValue: row.4) ?? .terminal, addresses: row.5, userName: row.6,
                passwordHash: row.7.bytes, tellsBalance: row.8, least: row.9, most: row.10,
                zone: SchoolZone(row.11) ?? .moscow, codes: row.12.value, isRevoked: row.13,
                mayCancel: row.14, signingSecret: row.15)
        }
    }

    /// Brings a partner in, or changes what is known of the one who has the name; a revoked one may ask again.
    func keep(_ partner: Partner, at now: Date) throws {
        try execute(
            """
            insert into partner (id, name, title, dialect, method, addresses, user_name, password_hash, tells_balance,
                least, most, time_zone, codes, may_cancel, signing_secret, added_at)
            values (\(partner.id), \(partner.name), \(partner.title), \(partner.dialect.rawValue),
                \(partner.method.rawValue), \(partner.addresses), \(partner.userName), \(Bytes(partner.passwordHash)),
                \(partner.tellsBalance), \(partner.least), \(partner.most), \(partner.zone.identifier),
                \(JSON(partner.codes)), \(partner.mayCancel), \(partner.signingSecret), \(now))
            on conflict (name) do update
            set title = excluded.title, dialect = excluded.dialect, method = excluded.method,
                addresses = excluded.addresses, user_name = excluded.user_name, password_hash = excluded.password_hash,
                tells_balance = excluded.tells_balance, least = excluded.least, most = excluded.most,
                time_zone = excluded.time_zone, codes = excluded.codes, may_cancel = excluded.may_cancel,
                signing_secret = excluded.signing_secret, revoked_at = null
            """)
    }

    /// - Returns: whether there was such a partner to revoke.
    func revokePartner(named name: String, at now: Date) throws -> Bool {
        try execute("update partner set revoked_at = \(now) where name = \(name) and revoked_at is null") == 1
    }
}

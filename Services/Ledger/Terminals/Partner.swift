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

    /// Whether a request may come from there.
    func mayAsk(from address: String) -> Bool {
        addresses.contains { AddressRange($0)?.contains(address) == true }
    }

    /// Whether the head `Authorization` holds the partner's user and password (HTTP Basic).
    func isProven(by authorization: String?) -> Bool {
        guard let authorization, authorization.hasPrefix("Basic "),
            let decoded = Data(base64Encoded: String(authorization.dropFirst(6)).trimmed),
            case let given = String(decoding: decoded, as: UTF8.self), let colon = given.firstIndex(of: ":")
        else { return false }
        let digest = Self.hash(String(given[given.index(after: colon)...]))
        // All of it is compared, whatever differs first.
        let difference = zip(digest, passwordHash).reduce(UInt8(digest.count == passwordHash.count ? 0 : 1)) { $0 | ($1.0 ^ $1.1) }
        return difference == 0 && given[..<colon] == userName
    }

    /// How a password is kept. It is made by ``newPassword()`` and too long to be guessed, so one round is enough.
    static func hash(_ password: String) -> [UInt8] { Array(SHA256.hash(data: Data(password.utf8))) }

    /// 26 signs, some 128 bits.
    static func newPassword() -> String {
        let signs = Array("abcdefghjkmnpqrstuvwxyz23456789ABCDEFGHJKLMNPQRSTUVWXYZ")
        return String((0..<26).map { _ in signs[Int.random(in: 0..<signs.count)] })
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
                time_zone, codes, revoked_at is not null
            from partner where \(condition) order by name
            """,
            as: UUID.self, String.self, String.self, String.self, String.self, [String].self, String.self, Bytes.self,
            Bool.self, Money.self, Money.self, String.self, JSON<[String: Int]>.self, Bool.self
        ).map { row in
            Partner(
                id: row.0, name: row.1, title: row.2, dialect: Partner.Dialect(rawValue: row.3) ?? .osmp,
                method: TopUpMethod(rawValue: row.4) ?? .terminal, addresses: row.5, userName: row.6,
                passwordHash: row.7.bytes, tellsBalance: row.8, least: row.9, most: row.10,
                zone: SchoolZone(row.11) ?? .moscow, codes: row.12.value, isRevoked: row.13)
        }
    }

    /// Brings a partner in, or changes what is known of the one who has the name; a revoked one may ask again.
    func keep(_ partner: Partner, at now: Date) throws {
        try execute(
            """
            insert into partner (id, name, title, dialect, method, addresses, user_name, password_hash, tells_balance,
                least, most, time_zone, codes, added_at)
            values (\(partner.id), \(partner.name), \(partner.title), \(partner.dialect.rawValue),
                \(partner.method.rawValue), \(partner.addresses), \(partner.userName), \(Bytes(partner.passwordHash)),
                \(partner.tellsBalance), \(partner.least), \(partner.most), \(partner.zone.identifier),
                \(JSON(partner.codes)), \(now))
            on conflict (name) do update
            set title = excluded.title, dialect = excluded.dialect, method = excluded.method,
                addresses = excluded.addresses, user_name = excluded.user_name, password_hash = excluded.password_hash,
                tells_balance = excluded.tells_balance, least = excluded.least, most = excluded.most,
                time_zone = excluded.time_zone, codes = excluded.codes, revoked_at = null
            """)
    }

    /// - Returns: whether there was such a partner to revoke.
    func revokePartner(named name: String, at now: Date) throws -> Bool {
        try execute("update partner set revoked_at = \(now) where name = \(name) and revoked_at is null") == 1
    }
}

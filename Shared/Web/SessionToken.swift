public import Directory
import Events
public import Foundation
public import JWTKit
import Kernel
public import Postgres
import Synchronization

/// Who somebody is, signed by Identity for five minutes.
public struct SessionToken: JWTPayload, Sendable {
    public static let issuer = "zvonok"
    /// How long a token counts.
    public static let seconds: TimeInterval = 300
    /// Only this site's scripts-less pages, only over TLS, only from the root.
    public static let cookie = "__Host-session"
    /// The rotating cookie with which Identity makes new tokens.
    public static let renewalCookie = "__Host-renewal"

    public struct Kid: Codable, Sendable, Equatable {
        public let id: UUID
        public let name: String
        public let accent: String

        public init(id: UUID, name: String, accent: String) {
            self.id = id
            self.name = name
            self.accent = accent
        }
    }

    public var iss: IssuerClaim
    public var aud: AudienceClaim
    public var sub: SubjectClaim
    public var exp: ExpirationClaim
    public var iat: IssuedAtClaim
    /// Session.
    public var sid: UUID
    /// How many changes of this person's rights Identity had counted.
    public var rights: Int64
    public var name: String
    public var kids: [Kid]
    public var lang: String
    public var pupil: Bool
    /// Pages of the staff that this person's roles open, as keys of the navigation.
    public var sections: [String]

    public init(
        person: UUID, session: UUID, rights: Int64, name: String, kids: [Kid] = [], language: String = "ru",
        isPupil: Bool = false, sections: [String] = [], now: Date = Date()
    ) {
        iss = IssuerClaim(value: Self.issuer)
        aud = AudienceClaim(value: [Self.issuer])
        sub = SubjectClaim(value: person.text)
        exp = ExpirationClaim(value: now.addingTimeInterval(Self.seconds))
        iat = IssuedAtClaim(value: now)
        sid = session
        self.rights = rights
        self.name = name
        self.kids = kids
        lang = language
        pupil = isPupil
        self.sections = sections
    }

    public func verify(using algorithm: some JWTAlgorithm) throws {
        guard iss.value == Self.issuer else { throw JWTError.claimVerificationFailure(failedClaim: iss, reason: "not ours") }
        try aud.verifyIntendedAudience(includes: Self.issuer)
        try exp.verifyNotExpired()
    }

    /// The reader that the token names.
    public var viewer: Viewer? {
        guard let person = UUID(uuidString: sub.value) else { return nil }
        return Viewer(
            personID: person, sessionID: sid, rightsNumber: rights, name: name,
            children: kids.map { ChildClaim(id: $0.id, name: $0.name, accent: .init(rawValue: $0.accent) ?? .sea) },
            language: lang, isPupil: pupil)
    }
}

/// Verifies tokens with the public keys that Identity announced; alone, without asking anybody.
///
/// A page is some files and fragments long, and each brings the same token: what has been verified is kept until the keys are
/// looked at again, so that its signature is computed once and not a hundred times.
public actor TokenKeys {
    /// How often at most an unknown key makes us look into the directory again.
    private static let pause: Duration = .seconds(2)
    /// How long a key that was withdrawn may go unnoticed.
    private static let freshness: Duration = .seconds(60)

    private let database: Database
    private var keys = JWTKeyCollection()
    private var known: Set<String> = []
    private var lookedAt: ContinuousClock.Instant?
    private var looking: Task<Void, any Error>?
    /// Tokens whose signature was found right, with the moment up to which that is believed.
    private let seen = Mutex<[String: (token: SessionToken, until: ContinuousClock.Instant)]>([:])
    /// A bound, not a policy: what a busy morning brings in a minute fits.
    private static let mostSeen = 20_000

    public init(_ database: Database) { self.database = database }

    /// Why a token does not count.
    public enum Refused: Error, Sendable {
        case expired
        case notOurs
        /// The directory could not be asked about the token's key.
        case unavailable
    }

    /// The contents of a token that counts now.
    public nonisolated func verified(_ token: String) async throws(Refused) -> SessionToken {
        if let kept = seen.withLock({ $0[token] }), ContinuousClock.now < kept.until {
            guard kept.token.exp.value > Date() else { throw .expired }
            return kept.token
        }
        return try await checked(token)
    }

    /// The contents of a terminal's token that counts now.
    public nonisolated func verifiedKiosk(_ token: String) async throws(Refused) -> KioskToken { try await checked(token, as: KioskToken.self) }

    private func checked(_ token: String) async throws(Refused) -> SessionToken {
        let read = try await checked(token, as: SessionToken.self)
        // Where the directory is away the keys are old, and each token is looked at anew.
        let until = (lookedAt ?? .now) + Self.freshness
        seen.withLock { seen in
            if seen.count >= Self.mostSeen { seen.removeAll(keepingCapacity: true) }
            if until > .now { seen[token] = (read, until) }
        }
        return read
    }

    private func checked<Payload: JWTPayload>(_ token: String, as payload: Payload.Type) async throws(Refused) -> Payload {
        guard let kid = Self.keyID(of: token) else { throw .notOurs }
        if !known.contains(kid) || lookedAt.map({ ContinuousClock.now - $0 > Self.freshness }) ?? true {
            do {
                try await look()
            } catch {
                // Keys that are known go on counting while the directory is away.
                guard known.contains(kid) else { throw .unavailable }
            }
        }
        guard known.contains(kid) else { throw .notOurs }
        do {
            return try await keys.verify(token, as: payload, iteratingKeys: false)
        } catch let error as JWTError where error.errorType == .claimVerificationFailure {
            throw error.failedClaim is ExpirationClaim ? .expired : .notOurs
        } catch {
            throw .notOurs
        }
    }

    /// Reads the keys; whoever comes while that goes on waits for the same answer.
    private func look() async throws {
        if let looking { return try await looking.value }
        if let lookedAt, ContinuousClock.now - lookedAt < Self.pause { return }
        let task = Task { try await read() }
        looking = task
        defer { looking = nil }
        try await task.value
    }

    private func read() async throws {
        let found = try await database.read { try Directory.publicKeys(in: $0) }
        let fresh = JWTKeyCollection()
        var names: Set<String> = []
        for key in found where key.algorithm == "ES256" {
            guard let readable = try? ES256PublicKey(pem: key.pem) else { continue }
            await fresh.add(ecdsa: readable, kid: JWKIdentifier(string: key.id.text))
            names.insert(key.id.text)
        }
        keys = fresh
        known = names
        lookedAt = .now
        // Whatever a withdrawn key had signed is forgotten with it.
        seen.withLock { $0.removeAll(keepingCapacity: true) }
    }

    /// The key that the token says it is signed with; nil unless it says ES256, the one algorithm we know.
    private static func keyID(of token: String) -> String? {
        guard let part = token.split(separator: ".").first else { return nil }
        var text = String(part).replacing("-", with: "+").replacing("_", with: "/")
        text += String(repeating: "=", count: (4 - text.count % 4) % 4)
        struct Header: Decodable {
            let alg: String
            let kid: String?
        }
        guard let data = Data(base64Encoded: text), let header = try? JSONDecoder().decode(Header.self, from: data),
            header.alg == "ES256"
        else { return nil }
        return header.kid
    }
}

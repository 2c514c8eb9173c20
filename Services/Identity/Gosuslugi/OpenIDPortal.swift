import Foundation
import JWTKit
import Kernel

/// Any provider of OpenID Connect: discovery, the authorisation code flow with state, nonce and PKCE, an ID token checked by
/// the provider's published keys.
actor OpenIDPortal: Portal {
    /// What the provider says of itself (OpenID Connect Discovery 1.0).
    private struct Discovery: Decodable, Sendable {
        let issuer: String
        let authorization_endpoint: String
        let token_endpoint: String
        let userinfo_endpoint: String?
        let jwks_uri: String
        let token_endpoint_auth_methods_supported: [String]?
    }

    private struct Tokens: Decodable {
        let access_token: String
        let id_token: String?
    }

    private struct Keys: Sendable {
        let collection: JWTKeyCollection
        let names: Set<String>
        /// The only one there is, for tokens that name none.
        let single: String?
        let at: Date
    }

    /// How long what the provider says of itself counts.
    private static let freshness: TimeInterval = 3600
    /// How often an unknown key makes us look again.
    private static let patience: TimeInterval = 60

    private let settings: PortalSettings
    private let client: PortalClient
    private var discovered: (what: Discovery, at: Date)?
    private var keys: Keys?

    init(_ settings: PortalSettings) throws {
        self.settings = settings
        client = try PortalClient(settings)
    }

    func authorisation(for visit: PortalVisit, now: Date) async throws -> String {
        FormText.address(
            try await discovery(now).authorization_endpoint,
            [
                ("response_type", "code"), ("client_id", settings.clientID), ("redirect_uri", settings.callback),
                ("scope", settings.scope), ("state", visit.state), ("nonce", visit.nonce),
                ("code_challenge", visit.challenge), ("code_challenge_method", "S256"),
            ])
    }

    func person(code: String, visit: PortalVisit, now: Date) async throws -> PortalPerson {
        let discovery = try await discovery(now)
        var form = [
            ("grant_type", "authorization_code"), ("code", code), ("redirect_uri", settings.callback),
            ("code_verifier", visit.verifier),
        ]
        let methods = discovery.token_endpoint_auth_methods_supported ?? ["client_secret_basic"]
        var basic: (String, String)?
        if methods.contains("client_secret_basic") || !methods.contains("client_secret_post") {
            basic = (settings.clientID, settings.clientSecret)
        } else {
            form += [("client_id", settings.clientID), ("client_secret", settings.clientSecret)]
        }
        let tokens = try await client.post(discovery.token_endpoint, form, basic: basic).decoded(Tokens.self, from: "the exchange of the code")
        guard let text = tokens.id_token else { throw PortalFailure.wrongAnswer("there is no ID token") }
        let claims = try await verified(text, discovery, now)
        try check(claims, visit, now)
        var told = claims
        if let address = discovery.userinfo_endpoint {
            let more = try await client.get(address, bearer: tokens.access_token).decoded(Claims.self, from: "userinfo")
            guard more.sub == claims.sub else { throw PortalFailure.wrongAnswer("userinfo speaks of somebody else") }
            told = claims.filled(from: more)
        }
        return PortalPerson(
            subject: claims.sub, snils: told.snils, birthDate: told.birthdate.flatMap { Day($0) }, isConfirmed: nil,
            hasConfirmedEmail: told.email != nil && told.email_verified?.value == true,
            hasConfirmedPhone: told.phone_number != nil && told.phone_number_verified?.value == true)
    }

    func examine(now: Date) async throws -> String {
        let discovery = try await discovery(now)
        let keys = try await fetchKeys(discovery, now)
        return "\(discovery.issuer) answers and shows \(keys.names.count) keys"
    }

    // MARK: The provider's own words

    private func discovery(_ now: Date) async throws(PortalFailure) -> Discovery {
        if let discovered, now.timeIntervalSince(discovered.at) < Self.freshness { return discovered.what }
        let found = try await client.get(settings.address + "/.well-known/openid-configuration")
            .decoded(Discovery.self, from: "discovery")
        guard found.issuer == settings.issuer || found.issuer == settings.issuer + "/" else {
            throw .wrongAnswer("discovery speaks of \(found.issuer) instead of \(settings.issuer)")
        }
        for address in [found.authorization_endpoint, found.token_endpoint, found.jwks_uri] + [found.userinfo_endpoint].compactMap(\.self) {
            guard PortalSettings.isSafe(address) else { throw .wrongAnswer("discovery names the unprotected address \(address)") }
        }
        discovered = (found, now)
        return found
    }

    private func fetchKeys(_ discovery: Discovery, _ now: Date) async throws(PortalFailure) -> Keys {
        let response = try await client.get(discovery.jwks_uri)
        guard response.status == 200, let object = try? JSONSerialization.jsonObject(with: response.body) as? [String: Any],
            let list = object["keys"] as? [[String: Any]]
        else { throw .wrongAnswer("the keys cannot be read") }
        let collection = JWTKeyCollection()
        var names: Set<String> = []
        // One by one: a key of a kind we do not know must not take the others with it.
        for (number, entry) in list.enumerated() where entry["use"] as? String != "enc" && entry["kty"] as? String != "oct" {
            var entry = entry
            let name = entry["kid"] as? String ?? "unnamed-\(number)"
            entry["kid"] = name
            guard let data = try? JSONSerialization.data(withJSONObject: entry), let key = try? JSONDecoder().decode(JWK.self, from: data),
                (try? await collection.add(jwk: key)) != nil
            else { continue }
            names.insert(name)
        }
        guard !names.isEmpty else { throw .wrongAnswer("there is no key we can check by") }
        let found = Keys(collection: collection, names: names, single: names.count == 1 ? names.first : nil, at: now)
        keys = found
        return found
    }

    private func verified(_ token: String, _ discovery: Discovery, _ now: Date) async throws(PortalFailure) -> Claims {
        struct Head: Decodable { let kid: String? }
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let head = Data(base64URL: String(parts[0])).flatMap({ try? JSONDecoder().decode(Head.self, from: $0) })
        else { throw .wrongAnswer("the ID token is none") }
        var known: Keys
        if let keys { known = keys } else { known = try await fetchKeys(discovery, now) }
        let isKnown = head.kid.map { known.names.contains($0) } ?? (known.single != nil)
        if !isKnown {
            guard now.timeIntervalSince(known.at) > Self.patience else { throw .wrongAnswer("the ID token names an unknown key") }
            known = try await fetchKeys(discovery, now)
        }
        // The library takes any key when the named one is missing; we do not.
        guard head.kid.map({ known.names.contains($0) }) ?? (known.single != nil) else {
            throw .wrongAnswer("the ID token names an unknown key")
        }
        do {
            return try await known.collection.verify(token, as: Claims.self)
        } catch {
            throw .wrongAnswer("the ID token's signature is wrong: \(error)")
        }
    }

    private func check(_ claims: Claims, _ visit: PortalVisit, _ now: Date) throws(PortalFailure) {
        guard claims.iss == settings.issuer || claims.iss == settings.issuer + "/" else {
            throw .wrongAnswer("the ID token was issued by \(claims.iss ?? "nobody")")
        }
        guard let audience = claims.aud?.names, audience.contains(settings.clientID) else {
            throw .wrongAnswer("the ID token is for somebody else")
        }
        if audience.count > 1 || claims.azp != nil {
            guard claims.azp == settings.clientID else { throw .wrongAnswer("the ID token was given to somebody else") }
        }
        guard claims.nonce == visit.nonce else { throw .wrongAnswer("the ID token answers another question") }
        try TokenTimes.check(expires: claims.exp, notBefore: claims.nbf, issued: claims.iat, now: now)
    }
}

/// The claims of an ID token and of userinfo that concern us; `snils` is ours to ask for, the others are standard.
private struct Claims: JWTPayload {
    var iss: String?
    var sub: String
    var aud: Audience?
    var azp: String?
    var exp: Double?
    var nbf: Double?
    var iat: Double?
    var nonce: String?
    var snils: String?
    var birthdate: String?
    var email: String?
    var email_verified: Flag?
    var phone_number: String?
    var phone_number_verified: Flag?

    /// Checked one by one by whoever reads them, with words of his own.
    func verify(using algorithm: some JWTAlgorithm) throws {}

    /// With what another answer of the same provider adds.
    func filled(from more: Claims) -> Claims {
        var whole = self
        whole.snils = snils ?? more.snils
        whole.birthdate = birthdate ?? more.birthdate
        // An address and whether it is confirmed belong together.
        if email == nil { (whole.email, whole.email_verified) = (more.email, more.email_verified) }
        if phone_number == nil { (whole.phone_number, whole.phone_number_verified) = (more.phone_number, more.phone_number_verified) }
        return whole
    }

    /// One name or several.
    struct Audience: Codable, Sendable {
        let names: [String]

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            names = try (try? container.decode([String].self)) ?? [container.decode(String.self)]
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            try container.encode(names)
        }
    }

    /// Some providers write `"true"`.
    struct Flag: Codable, Sendable {
        let value: Bool

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            value = try (try? container.decode(Bool.self)) ?? (container.decode(String.self) == "true")
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            try container.encode(value)
        }
    }
}

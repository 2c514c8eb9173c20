import Foundation
import Kernel

/// Gosuslugi's own sign-in (ЕСИА): OAuth 2.0 with requests signed by the school's certificate, tokens signed by the portal's,
/// and persons told by a service beside it.
struct EsiaPortal: Portal {
    private let settings: PortalSettings
    private let client: PortalClient
    private let signer: CMSSigner
    private let portal: SignatureCheck

    init(_ settings: PortalSettings) throws {
        self.settings = settings
        client = try PortalClient(settings)
        signer = try CMSSigner(certificate: settings.certificate, key: settings.key, engine: settings.engine)
        portal = try SignatureCheck(certificate: settings.portalCertificate, engine: settings.engine)
    }

    func authorisation(for visit: PortalVisit, now: Date) async throws -> String {
        let time = Self.timestamp(now)
        return FormText.address(
            settings.authorisation,
            [
                ("client_id", settings.clientID), ("client_secret", try secret(time: time, state: visit.state)),
                ("redirect_uri", settings.callback), ("scope", settings.scope), ("response_type", "code"),
                ("state", visit.state), ("timestamp", time), ("access_type", "online"),
            ])
    }

    func person(code: String, visit: PortalVisit, now: Date) async throws -> PortalPerson {
        struct Tokens: Decodable {
            let access_token: String
            let id_token: String?
            let state: String?
        }
        let (time, state) = (Self.timestamp(now), UUID().uuidString.lowercased())
        let tokens = try await client.post(
            settings.token,
            [
                ("client_id", settings.clientID), ("code", code), ("grant_type", "authorization_code"),
                ("client_secret", try secret(time: time, state: state)), ("state", state), ("redirect_uri", settings.callback),
                ("scope", settings.scope), ("timestamp", time), ("token_type", "Bearer"),
            ]
        ).decoded(Tokens.self, from: "the exchange of the code")
        guard tokens.state == state else { throw PortalFailure.wrongAnswer("the tokens answer another question") }
        let access = try EsiaToken(tokens.access_token, checkedBy: portal, issuer: settings.issuer, now: now)
        guard access.client_id == settings.clientID else { throw PortalFailure.wrongAnswer("the access token is for somebody else") }
        guard let subject = access.subject else { throw PortalFailure.wrongAnswer("the access token names nobody") }
        var isConfirmed: Bool?
        if settings.scope.split(separator: " ").contains("openid") {
            guard let text = tokens.id_token else { throw PortalFailure.wrongAnswer("there is no ID token") }
            let identity = try EsiaToken(text, checkedBy: portal, issuer: settings.issuer, now: now)
            guard identity.aud == settings.clientID else { throw PortalFailure.wrongAnswer("the ID token is for somebody else") }
            guard identity.sub == subject else { throw PortalFailure.wrongAnswer("the two tokens speak of two persons") }
            isConfirmed = identity.person?.isConfirmed
        }
        return try await told(of: subject, by: tokens.access_token, isConfirmed: isConfirmed)
    }

    func examine(now: Date) async throws -> String {
        _ = try secret(time: Self.timestamp(now), state: UUID().uuidString)
        let (own, portals) = (try signer.validity(now: now), try portal.validity(now: now))
        return "signs until \(own.formatted(.iso8601)); checks \(portal.algorithm) until \(portals.formatted(.iso8601))"
    }

    /// What the portal tells of a person, as far as the scope lets it.
    private func told(of subject: String, by token: String, isConfirmed: Bool?) async throws -> PortalPerson {
        let person = try await client.get("\(settings.persons)/\(subject)?embed=(contacts.elements)", bearer: token)
            .decoded(EsiaPerson.self, from: "the person's data")
        return PortalPerson(
            subject: subject, snils: person.snils, birthDate: person.birthDate.flatMap(EsiaPerson.day),
            // One of them must say so, and none the contrary.
            isConfirmed: [isConfirmed, person.trusted].compactMap(\.self).reduce(nil) { ($0 ?? true) && $1 } ?? false,
            hasConfirmedEmail: person.has("EML"), hasConfirmedPhone: person.has("MBT") || person.has("PHN"))
    }

    /// The signature over what a request says, as ЕСИА's `client_secret`.
    private func secret(time: String, state: String) throws -> String {
        try signer.sign(Data((settings.scope + time + settings.clientID + state).utf8)).base64URL
    }

    /// `2026.11.21 02:54:26 +0000`
    static func timestamp(_ date: Date) -> String {
        let iso = date.iso8601
        let day = iso.prefix(10).replacing("-", with: ".")
        return "\(day) \(iso.dropFirst(11).prefix(8)) +0000"
    }
}

/// A token of ЕСИА's, signature, issuer and times checked; what it is for is for its reader to check.
struct EsiaToken: Decodable, Sendable {
    struct Person: Decodable, Sendable {
        let isConfirmed: Bool?

        private enum CodingKeys: String, CodingKey { case isConfirmed = "urn:esia:sbj:is_tru" }
    }

    let iss: String?
    let client_id: String?
    let aud: String?
    let exp: Double?
    let nbf: Double?
    let iat: Double?
    /// The person's number; only digits, because it becomes part of an address.
    let sub: String?
    let subject: String?
    let person: Person?

    private enum CodingKeys: String, CodingKey {
        case iss, client_id, aud, exp, nbf, iat, sub
        case subject = "urn:esia:sbj_id"
        case person = "urn:esia:sbj"
    }

    init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        iss = try values.decodeIfPresent(String.self, forKey: .iss)
        client_id = try values.decodeIfPresent(String.self, forKey: .client_id)
        aud = try values.decodeIfPresent(String.self, forKey: .aud)
        exp = try values.decodeIfPresent(Double.self, forKey: .exp)
        nbf = try values.decodeIfPresent(Double.self, forKey: .nbf)
        iat = try values.decodeIfPresent(Double.self, forKey: .iat)
        sub = Self.number(.sub, values)
        subject = Self.number(.subject, values)
        person = try values.decodeIfPresent(Person.self, forKey: .person)
    }

    /// - Throws: ``PortalFailure``.
    init(_ text: String, checkedBy portal: SignatureCheck, issuer: String, now: Date) throws {
        struct Head: Decodable { let alg: String }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, let signature = Data(base64URL: parts[2]), let body = Data(base64URL: parts[1]),
            let head = Data(base64URL: parts[0]).flatMap({ try? JSONDecoder().decode(Head.self, from: $0) })
        else { throw PortalFailure.wrongAnswer("a token that is none") }
        // Not what the token says, what the certificate's key is.
        guard head.alg == portal.algorithm else {
            throw PortalFailure.wrongAnswer("a token signed by \(head.alg), the certificate's key is \(portal.algorithm)")
        }
        guard portal.isRight(signature, of: Data("\(parts[0]).\(parts[1])".utf8)) else {
            throw PortalFailure.wrongAnswer("a token whose signature is not the portal's")
        }
        do {
            self = try JSONDecoder().decode(EsiaToken.self, from: body)
        } catch {
            throw PortalFailure.wrongAnswer("a token that cannot be read")
        }
        guard iss == issuer else { throw PortalFailure.wrongAnswer("a token issued by \(iss ?? "nobody")") }
        try TokenTimes.check(expires: exp, notBefore: nbf, issued: iat, now: now)
    }

    private static func number(_ key: CodingKeys, _ values: KeyedDecodingContainer<CodingKeys>) -> String? {
        let text = (try? values.decode(Int64.self, forKey: key)).map(String.init) ?? (try? values.decode(String.self, forKey: key))
        guard let text, !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }) else { return nil }
        return text
    }
}

/// What ЕСИА tells of a person.
private struct EsiaPerson: Decodable {
    struct Contact: Decodable {
        /// EML, MBT (mobile), PHN.
        let type: String?
        let vrfStu: String?
        let value: String?
    }

    struct Contacts: Decodable {
        let elements: [Contact]?
    }

    let snils: String?
    /// `26.05.2000`
    let birthDate: String?
    let trusted: Bool?
    let contacts: Contacts?

    func has(_ type: String) -> Bool {
        contacts?.elements?.contains { $0.type == type && $0.vrfStu == "VERIFIED" && $0.value?.isEmpty == false } ?? false
    }

    static func day(_ text: String) -> Day? {
        let parts = text.split(separator: ".").compactMap { Int($0) }
        return parts.count == 3 ? Day(year: parts[2], month: parts[1], day: parts[0]) : nil
    }
}

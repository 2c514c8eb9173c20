import Foundation
import Logging
import Service

/// Somebody else's word for who a person is: Gosuslugi, or another provider of OpenID Connect.
protocol Portal: Sendable {
    /// Where the browser goes to sign in.
    func authorisation(for visit: PortalVisit, now: Date) async throws -> String
    /// What the code that it came back with tells.
    ///
    /// - Throws: ``PortalFailure``.
    func person(code: String, visit: PortalVisit, now: Date) async throws -> PortalPerson
    /// Looks whether signing in can work; changes nothing.
    ///
    /// - Returns: what was found.
    /// - Throws: what is wrong, in words for the operator.
    func examine(now: Date) async throws -> String
}

/// The portal that the configuration names, ready to be used.
enum ConfiguredPortal {
    /// - Returns: nil when none is wanted.
    /// - Throws: ``ConfigurationRefused``, ``SignatureFailure``: what the operator has to put right.
    static func open(_ parts: Parts) throws -> (any Portal)? {
        guard let settings = try PortalSettings.read(parts.configuration, publicAddress: parts.publicAddress) else { return nil }
        switch settings.kind {
        case .esia: return try EsiaPortal(settings)
        case .oidc: return try OpenIDPortal(settings)
        }
    }

    /// The same for serving: what is wrong is said in the log and by `check`, and everybody signs in by his password (BY-12).
    static func openOrSay(_ parts: Parts) -> (any Portal)? {
        do {
            return try open(parts)
        } catch {
            parts.logger.error("sign-in through Gosuslugi stays closed", metadata: ["error": "\(error)"])
            return nil
        }
    }

    /// For `check`.
    static func check(_ parts: Parts) -> ReadinessCheck {
        ReadinessCheck("gosuslugi") {
            guard let portal = try open(parts) else { return "not wanted: gosuslugi.protocol is none" }
            return try await portal.examine(now: Date())
        }
    }
}

/// The middle of a token as its maker says; dates in seconds since 1970.
struct TokenTimes: Sendable {
    /// How far two clocks may be apart.
    static let leeway: TimeInterval = 60

    static func check(expires: Double?, notBefore: Double?, issued: Double?, now: Date) throws(PortalFailure) {
        let time = now.timeIntervalSince1970
        guard let expires else { throw .wrongAnswer("a token without an end") }
        guard time < expires + leeway else { throw .wrongAnswer("a token that is over") }
        if let notBefore, time < notBefore - leeway { throw .wrongAnswer("a token of the future") }
        if let issued, time < issued - leeway { throw .wrongAnswer("a token issued in the future") }
    }
}

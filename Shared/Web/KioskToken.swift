public import Foundation
public import JWTKit
import Kernel

/// Who stands before a school's terminal, signed by Identity for a minute and a half: a pupil by his number and code alone (D-05),
/// never by his name (ID-33).
///
/// It is made for another audience than a ``SessionToken``, so nothing that asks for one takes it: it opens the routes of the door
/// `kiosk` and no others.
public struct KioskToken: JWTPayload, Sendable, Equatable {
    /// Without a touch the cabinet closes after so many seconds: the next in the queue sees nothing of the last.
    public static let seconds: TimeInterval = 90
    public static let cookie = "__Host-kiosk"
    static let audience = "zvonok.kiosk"

    public var iss: IssuerClaim
    public var aud: AudienceClaim
    /// The pupil.
    public var sub: SubjectClaim
    public var exp: ExpirationClaim
    public var iat: IssuedAtClaim
    /// The visit to the terminal.
    public var sid: UUID
    /// ИДН: the greeting's «кабинет ученика» (ID-33).
    public var code: String
    public var lang: String

    public init(pupil: UUID, session: UUID, code: String, language: String = "ru", now: Date = Date()) {
        iss = IssuerClaim(value: SessionToken.issuer)
        aud = AudienceClaim(value: [Self.audience])
        sub = SubjectClaim(value: pupil.text)
        exp = ExpirationClaim(value: now.addingTimeInterval(Self.seconds))
        iat = IssuedAtClaim(value: now)
        sid = session
        self.code = code
        lang = language
    }

    public func verify(using algorithm: some JWTAlgorithm) throws {
        guard iss.value == SessionToken.issuer else { throw JWTError.claimVerificationFailure(failedClaim: iss, reason: "not ours") }
        try aud.verifyIntendedAudience(includes: Self.audience)
        try exp.verifyNotExpired()
    }

    /// Nil when the token names nobody.
    public var guest: KioskGuest? {
        UUID(uuidString: sub.value).map { KioskGuest(pupil: $0, session: sid, code: code, language: lang) }
    }
}

/// A pupil's family before a terminal.
public struct KioskGuest: Sendable, Hashable {
    public let pupil: UUID
    public let session: UUID
    /// ИДН.
    public let code: String
    public let language: String

    public init(pupil: UUID, session: UUID, code: String, language: String = "ru") {
        self.pupil = pupil
        self.session = session
        self.code = code
        self.language = language
    }
}

/// The keys of a terminal's cabinet: the only places its token opens (AC-15, AC-19).
enum KioskPlaces {
    static let all: [(section: String, title: String, address: String, icon: String)] = [
        ("kiosk-balance", "Balance", "/ledger/kiosk", "money"), ("kiosk-menu", "Menu", "/canteen/kiosk", "meals"),
        ("kiosk-today", "Today", "/journal/kiosk", "diary"),
    ]
}

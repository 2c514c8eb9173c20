public import Foundation
public import Kernel

/// How often a letter sums up.
public enum DigestKind: String, DescribedEnum {
    case daily
    case weekly
}

/// A letter of the day or week went out to a guardian (NT-01, NT-02).
public struct DigestSent: Event {
    public static let name = "notifier.digest.sent.v1"

    public let digestID: UUID
    public let guardianID: UUID
    /// The last day it tells of.
    public let day: Day
    public let kind: DigestKind
    public let notices: Int
    public let sentAt: Date

    public init(
        digestID: UUID, guardianID: UUID, day: Day, kind: DigestKind, notices: Int, sentAt: Date
    ) {
        self.digestID = digestID
        self.guardianID = guardianID
        self.day = day
        self.kind = kind
        self.notices = notices
        self.sentAt = sentAt
    }

    public var aggregate: UUID { guardianID }

    public static var example: DigestSent {
        DigestSent(
            digestID: Example.digest, guardianID: Example.guardian, day: Example.day, kind: .daily, notices: 9,
            sentAt: Example.moment)
    }
}

/// What a letter about somebody's own access is for; Notifier has the words.
public enum AccessLetterKind: String, DescribedEnum {
    /// To a new address: press to confirm that it is yours (ID-14).
    case confirmAddress
    /// To the address that counted so far: another one was entered.
    case addressChanged
    /// The way to a new password (ID-17).
    case recoverAccess
    /// The password was changed by recovery, or the second factor was turned on or off.
    case accessChanged
}

/// Send somebody a letter about his own access. Each identifier is one letter, however often the command arrives; after
/// its time it is not sent any more.
public struct SendAccessLetter: Command {
    public static let name = "notifier.access-letter.send.v1"

    public let letterID: UUID
    public let personID: UUID
    public let kind: AccessLetterKind
    /// Where it goes. Not the contact that Notifier knows: an address is confirmed before it counts.
    public let email: String
    /// “ru” or “en”.
    public let language: String
    /// How the person is spoken to.
    public let greeting: String
    /// The login, or the new address as far as the old one may know it.
    public let about: String?
    /// The address with a secret that is good once and not for long.
    public let link: String?
    public let expiresAt: Date?

    public init(
        letterID: UUID, personID: UUID, kind: AccessLetterKind, email: String, language: String, greeting: String,
        about: String? = nil, link: String? = nil, expiresAt: Date? = nil
    ) {
        self.letterID = letterID
        self.personID = personID
        self.kind = kind
        self.email = email
        self.language = language
        self.greeting = greeting
        self.about = about
        self.link = link
        self.expiresAt = expiresAt
    }

    public var aggregate: UUID { personID }

    public static var example: SendAccessLetter {
        SendAccessLetter(
            letterID: Example.digest, personID: Example.guardian, kind: .confirmAddress, email: "vetrova@example.org",
            language: "ru", greeting: "Ольга Игоревна", about: "o.vetrova",
            link: "https://school.example/identity/confirmation/3q2-7w", expiresAt: Example.moment)
    }
}

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

public import Foundation

/// Looks of one person at one part of one child, as a service gathered them.
public struct ChildLook: Codable, Sendable, Hashable {
    public let viewerID: UUID
    public let childID: UUID
    /// What was looked at, by the name of the permission.
    public let permission: String
    /// Whether a guardian looked with whom the first one shares the child; staff otherwise.
    public let asGuardian: Bool
    public let firstAt: Date
    public let lastAt: Date
    public let times: Int

    public init(
        viewerID: UUID, childID: UUID, permission: String, asGuardian: Bool, firstAt: Date, lastAt: Date, times: Int
    ) {
        self.viewerID = viewerID
        self.childID = childID
        self.permission = permission
        self.asGuardian = asGuardian
        self.firstAt = firstAt
        self.lastAt = lastAt
        self.times = times
    }
}

/// Asks Identity to write into the access log who looked at whom (BY-10). Every service sends it, about once a minute,
/// with all looks since the last one.
public struct RecordLooks: Command {
    public static let name = "identity.looks.record.v1"

    public let batchID: UUID
    /// “journal”: where they looked.
    public let service: String
    public let looks: [ChildLook]

    public init(batchID: UUID, service: String, looks: [ChildLook]) {
        self.batchID = batchID
        self.service = service
        self.looks = looks
    }

    public var aggregate: UUID { batchID }
    /// A look is written down however late.
    public var expiresAt: Date? { nil }

    public static var example: RecordLooks {
        RecordLooks(
            batchID: Example.digest, service: "journal",
            looks: [
                ChildLook(
                    viewerID: Example.accountant, childID: Example.child, permission: "seeDiary", asGuardian: false,
                    firstAt: Example.moment, lastAt: Example.later, times: 2)
            ])
    }
}

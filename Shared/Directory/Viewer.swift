public import Events
public import Foundation

/// Who is asking, as his token says. The token says who he is; what he may see, Directory says.
public struct Viewer: Sendable, Hashable, Codable {
    /// A child whose name the token carries, so that Ledger, which knows no names, can address the family.
    public struct ChildClaim: Sendable, Hashable, Codable {
        public let id: UUID
        public let name: String
        public let accent: Accent

        public init(id: UUID, name: String, accent: Accent) {
            self.id = id
            self.name = name
            self.accent = accent
        }
    }

    public let personID: UUID
    public let sessionID: UUID
    /// The number of changes that this person's rights had seen when the token was signed.
    public let rightsNumber: Int64
    public let name: String
    public let children: [ChildClaim]
    /// `ru` or `en`.
    public let language: String
    public let isPupil: Bool

    public init(
        personID: UUID, sessionID: UUID, rightsNumber: Int64, name: String, children: [ChildClaim] = [],
        language: String = "ru", isPupil: Bool = false
    ) {
        self.personID = personID
        self.sessionID = sessionID
        self.rightsNumber = rightsNumber
        self.name = name
        self.children = children
        self.language = language
        self.isPupil = isPupil
    }
}

public typealias ChildClaim = Viewer.ChildClaim

/// About whom or what somebody asks.
public enum Subject: Sendable, Hashable {
    case child(UUID)
    case schoolClass(UUID)
    case school(UUID)
    /// The viewer's own things; held by whoever holds the permission in any way.
    case oneself
    /// No school in particular: held by whoever holds the permission somewhere by a role.
    case anySchool
}

/// The answer to «may this person do this about that».
public enum Decision: Sendable, Hashable {
    case allowed
    /// Also for what exists and is none of the viewer's business: a stranger never learns that a child exists.
    case notFound
    /// A guardian of this child whose grant does not cover the topic.
    case notEntitled(Topic)
    /// The token knows of a change of rights that has not arrived here yet: nothing is shown until it has.
    case updating
    /// The session was ended after the token was signed: treat him as signed out.
    case signedOut
}

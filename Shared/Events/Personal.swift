public import Foundation

// What somebody decides about what is kept of him: his consents, and the wish to be forgotten. Identity says it, and whoever
// acts on it hears it.

/// What a consent is for (ID-38).
public enum ConsentKind: String, DescribedEnum {
    /// Keeping and using personal data, letters about the child among it.
    case personalData
    /// Photographs and video.
    case photos
    /// Naming achievements in public.
    case results
    /// Allergies, diet, restrictions.
    case health
}

/// A consent was given or taken back, by the person himself or by whoever answers for the child.
public struct ConsentChanged: VersionedEvent {
    public static let name = "identity.consent.changed.v1"

    /// One for each person and kind.
    public let consentID: UUID
    /// Grows with every decision; only a higher one applies.
    public let version: Int64
    /// About whom it is.
    public let personID: UUID
    public let kind: ConsentKind
    /// Whether it may be acted by from now on.
    public let holds: Bool
    public let at: Date
    public let ended: Bool

    public init(consentID: UUID, version: Int64, personID: UUID, kind: ConsentKind, holds: Bool, at: Date, ended: Bool = false) {
        self.consentID = consentID
        self.version = version
        self.personID = personID
        self.kind = kind
        self.holds = holds
        self.at = at
        self.ended = ended
    }

    public var aggregate: UUID { consentID }

    public static var example: ConsentChanged {
        ConsentChanged(
            consentID: Example.consent, version: 2, personID: Example.child, kind: .personalData, holds: false, at: Example.moment)
    }
}

/// Somebody has been forgotten: what a service keeps of him goes, but for what the law makes it keep.
///
/// Said again like a state, so that a service restored from a backup forgets again.
public struct PersonErased: VersionedEvent {
    public static let name = "identity.person.erased.v1"

    public let personID: UUID
    /// Of the person's state.
    public let version: Int64
    public let at: Date
    /// Always true: it is the end of a person.
    public let ended: Bool

    public init(personID: UUID, version: Int64, at: Date, ended: Bool = true) {
        self.personID = personID
        self.version = version
        self.at = at
        self.ended = ended
    }

    public var aggregate: UUID { personID }

    public static var example: PersonErased { PersonErased(personID: Example.child, version: 9, at: Example.moment) }
}

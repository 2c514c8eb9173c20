import Foundation

/// What somebody is asked to agree to (ID-38).
enum ConsentPurpose: String, CaseIterable, Sendable, Codable {
    case personalData = "personal-data"
    case photos
    case results
    case health

    /// English; the catalogue has the Russian.
    var text: String {
        switch self {
        case .personalData: "Processing of personal data"
        case .photos: "Photographs and video"
        case .results: "Publication of achievements"
        case .health: "Information about health"
        }
    }

    /// Whether it concerns pupils alone; everybody is asked for the rest.
    var isOfPupils: Bool { self != .personalData }

    static func asked(of kind: InvitationKind) -> [ConsentPurpose] { allCases.filter { kind == .pupil || !$0.isOfPupils } }
}

/// The last decision about a text, whichever version.
struct ConsentDecision: Equatable, Sendable {
    let version: Int
    let isGiven: Bool
    let at: Date
}

/// How things stand with one text.
enum ConsentState: String, Equatable, Sendable, Codable {
    /// Nobody has decided.
    case open
    case given
    /// Given to an earlier wording: asked again, and till then it holds for the earlier one.
    case outdated
    case withdrawn

    init(_ last: ConsentDecision?, present: Int) {
        switch last {
        case nil: self = .open
        case let last? where !last.isGiven: self = .withdrawn
        case let last?: self = last.version == present ? .given : .outdated
        }
    }

    /// Whether the school may act by it today.
    var holds: Bool { self == .given || self == .outdated }

    /// English; the catalogue has the Russian: «получено» is the source's word (ID-38).
    var text: String {
        switch self {
        case .open: "not given"
        case .given: "received"
        case .outdated: "received for the earlier wording"
        case .withdrawn: "taken back"
        }
    }
}

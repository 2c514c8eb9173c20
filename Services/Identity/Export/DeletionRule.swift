import Foundation

/// Whether somebody may be forgotten, and when.
struct DeletionRule: Sendable, Equatable {
    /// The law gives thirty days (152-ФЗ, article 21); in them he may think again.
    static let term: TimeInterval = 30 * 86_400

    /// Whether he learns at a school now.
    let isLearning: Bool
    /// Whether he holds a role at a school now.
    let isWorking: Bool

    /// - Returns: why not; nil when he may.
    var refusal: DeletionRefused? {
        if isLearning { return .learns }
        if isWorking { return .works }
        return nil
    }

    static func due(after request: Date) -> Date { request.addingTimeInterval(term) }
}

/// Why nothing is deleted.
enum DeletionRefused: String, Error, Equatable, Sendable, CaseIterable {
    case learns
    case works
    case wrongPassword
    case alreadyAsked

    /// English; the catalogue has the Russian.
    var text: String {
        switch self {
        case .learns: "While a pupil learns here the school must keep his data by law. They can be deleted after he has left."
        case .works: "While you work at a school it must keep your data by law. They can be deleted after your roles have ended."
        case .wrongPassword: "This is not your password."
        case .alreadyAsked: "Deletion has been asked for already."
        }
    }
}

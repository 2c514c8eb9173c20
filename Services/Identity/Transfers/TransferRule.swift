import Events
import Foundation

/// What may become of a pupil's transfer (SC-01, SC-02, D-09): the guardian asks and withdraws, the receiving side
/// confirms or refuses, and it is done when every service has said so.
enum TransferRule {
    enum Step: Sendable, Equatable, CaseIterable {
        case confirm
        case refuse
        case withdraw
        case complete
    }

    /// - Returns: the state after a step; nil when that step cannot be taken any more.
    static func state(after step: Step, from state: TransferState) -> TransferState? {
        switch (state, step) {
        case (.asked, .confirm): .confirmed
        case (.asked, .refuse): .refused
        case (.asked, .withdraw): .withdrawn
        case (.confirmed, .complete): .done
        default: nil
        }
    }

    /// Whether the pupil's place is the new one.
    static func hasMoved(_ state: TransferState) -> Bool { state == .confirmed || state == .done }

    /// Whether something of it is still waited for: a decision or a service.
    static func isOpen(_ state: TransferState) -> Bool { state == .asked || state == .confirmed }

    /// How long a service that was asked again is waited for before it can be asked once more.
    static let patience: TimeInterval = 60

    /// Why the services that are missing are not asked once more.
    ///
    /// - Parameter last: when they were asked last.
    static func refusalToAskAgain(_ state: TransferState, isMissing: Bool, last: Date, now: Date) -> TransferRefused? {
        guard isOpen(state), isMissing else { return .nobodyMissing }
        return now.timeIntervalSince(last) < patience ? .tooSoon : nil
    }

    /// Where a pupil is.
    struct Place: Sendable, Equatable {
        let schoolID: UUID
        let classID: UUID?
    }

    /// Why a guardian's wish is not taken up.
    ///
    /// - Parameters:
    ///   - from: the pupil's place; nil when he has left.
    ///   - target: the class asked for; nil when there is none, or none any more.
    ///   - hasOpen: whether another wish waits for its decision. One that is confirmed keeps nobody: the place is settled, and
    ///     a service that answers late answers about that transfer, by its number.
    static func refusal(from: Place?, to target: Place?, hasOpen: Bool) -> TransferRefused? {
        guard let from else { return .hasLeft }
        guard let target, target.classID != nil else { return .noSuchClass }
        if hasOpen { return .isOpen }
        return from.classID == target.classID ? .isThere : nil
    }

    /// A reason says something: a family reads it.
    static func isReason(_ text: String) -> Bool { text.count >= 3 && text.count <= 500 }
}

/// Why a step of a transfer was not taken.
enum TransferRefused: Error, Sendable, Equatable, CaseIterable {
    case noSuchClass
    case isThere
    case isOpen
    case hasLeft
    case noReason
    /// Somebody was faster: it is decided or withdrawn.
    case isDecided
    /// The school has moved the pupil itself since it was asked.
    case placeChanged
    /// Every service has answered.
    case nobodyMissing
    /// They were asked a moment ago.
    case tooSoon
    /// Whoever tries has no business with it.
    case notYours

    /// English; the catalogue has the Russian.
    var text: String {
        switch self {
        case .noSuchClass: "Choose a class."
        case .isThere: "The pupil is in this class already."
        case .isOpen: "A transfer waits for its decision. Withdraw it, or wait until the school has decided."
        case .hasLeft: "The pupil has left the school."
        case .noReason: "Write the reason: the family reads it."
        case .isDecided: "This transfer has been decided or withdrawn meanwhile."
        case .placeChanged: "The school has moved the pupil since this was asked. Refuse it, and the family can ask again."
        case .nobodyMissing: "Everybody has answered already."
        case .tooSoon: "They were asked a moment ago. Wait a minute."
        case .notYours: "Only the parents ask for a transfer, only the receiving school decides on it."
        }
    }
}

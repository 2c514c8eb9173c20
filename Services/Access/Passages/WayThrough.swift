import Foundation
import Kernel

/// Where somebody was left by what we last heard of him.
struct LastSeen: Sendable, Equatable {
    var isInside: Bool
    var since: Date
    var day: Day
    var readingAt: Date
    var device: UUID
}

/// What one reading of a known card means.
///
/// Terminals without a turnstile do not know the direction, people hold their card twice, and a batch arrives an hour
/// late; the rule makes one passage of each real one.
enum WayThrough {
    /// Two touches at the same device within this time are one: real logs are full of them.
    static let doubleTouchSeconds: TimeInterval = 60

    enum Outcome: Equatable, Sendable {
        case passage(Direction, isRepaired: Bool)
        /// A second touch of the same passage.
        case doubleTouch
    }

    /// Decides the outcome and carries `last` on.
    ///
    /// - Parameters:
    ///   - sent: the direction that the hardware names, which a turnstile does and a wall terminal does not.
    ///   - fixed: the direction the device stands for, when it has only one; it wins.
    ///   - last: what is known of the person, nil for someone never seen; updated unless the reading is older than
    ///     what is known, because a late batch must not put somebody back inside.
    static func outcome(
        at time: Date, day: Day, device: UUID, sent: Direction?, fixed: Direction?, last: inout LastSeen?
    ) -> Outcome {
        let named = fixed ?? sent
        if let known = last, known.device == device, abs(time.timeIntervalSince(known.readingAt)) < doubleTouchSeconds {
            let repeats = named == nil || (named == .entered) == known.isInside
            if repeats {
                last?.readingAt = max(known.readingAt, time)
                return .doubleTouch
            }
        }
        let wasInside = last.map { $0.isInside && $0.day == day } ?? false
        let direction = named ?? (wasInside ? .left : .entered)
        if let known = last, time < known.readingAt { return .passage(direction, isRepaired: named == nil) }
        last = LastSeen(isInside: direction == .entered, since: time, day: day, readingAt: time, device: device)
        return .passage(direction, isRepaired: named == nil)
    }
}

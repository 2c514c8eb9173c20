import Foundation

/// What a device's clock is worth.
///
/// Hardware clocks stop when the power fails and start again in some year of the past, jump, and run ahead. A
/// passage must still stand where it happened, so a time is believed only within what is possible.
enum DeviceClock {
    /// How far a live reading's time may be from ours before the clock counts as wrong.
    static let tolerance: TimeInterval = 120
    /// The oldest a stored reading can be: a device that was off the network for a whole holiday.
    static let oldestStored: TimeInterval = 45 * 86_400

    /// When it happened, and whether the device's own time had to be set right.
    struct Verdict: Equatable, Sendable {
        let occurredAt: Date
        let isRepaired: Bool
        /// How many seconds the clock is ahead; nil when it is in order or says nothing.
        let aheadSeconds: Int64?
    }

    /// Decides when a reading happened.
    ///
    /// - Parameters:
    ///   - deviceTime: what the device said, if it said anything readable.
    ///   - sentAt: the device's clock at the moment it sent the message, when it tells.
    ///   - receivedAt: our clock when the message came.
    ///   - isStored: whether the reading waited in the device.
    static func verdict(deviceTime: Date?, sentAt: Date?, receivedAt: Date, isStored: Bool) -> Verdict {
        guard let deviceTime else { return Verdict(occurredAt: receivedAt, isRepaired: true, aheadSeconds: nil) }
        if let sentAt {
            let ahead = sentAt.timeIntervalSince(receivedAt)
            if abs(ahead) > tolerance {
                let set = deviceTime.addingTimeInterval(-ahead)
                let possible = set <= receivedAt && set > receivedAt.addingTimeInterval(-oldestStored)
                return Verdict(
                    occurredAt: possible ? set : receivedAt, isRepaired: true, aheadSeconds: seconds(ahead))
            }
        }
        let ahead = deviceTime.timeIntervalSince(receivedAt)
        let oldest = isStored ? oldestStored : tolerance
        guard ahead <= tolerance, ahead >= -oldest else {
            return Verdict(occurredAt: receivedAt, isRepaired: true, aheadSeconds: seconds(ahead))
        }
        return Verdict(occurredAt: min(deviceTime, receivedAt), isRepaired: false, aheadSeconds: nil)
    }

    /// Reads a time as devices write it: ISO 8601 with an offset, with or without fractions of a second.
    static func time(_ text: String) -> Date? {
        (try? Date(text, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true)))
            ?? (try? Date(text, strategy: .iso8601))
    }

    private static func seconds(_ interval: TimeInterval) -> Int64 {
        // A clock can be decades off; it cannot be further off than this counts.
        Int64(max(-1e12, min(1e12, interval)))
    }
}

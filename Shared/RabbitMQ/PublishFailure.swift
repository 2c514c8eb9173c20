/// A message no queue took.
public struct ReturnedMessage: Sendable, Equatable {
    /// Its position in the batch.
    public internal(set) var index: Int
    public let messageID: String?
    public let exchange: String
    public let routingKey: String
    /// The broker's code, 312 for «no route».
    public let code: UInt16
    public let reason: String
}

/// A batch was not, or not wholly, taken over by the broker.
///
/// Whatever the case, publishing the batch again is right: receivers drop repeats by the message's identifier.
public enum PublishFailure: Error, Sendable, Equatable, CustomStringConvertible {
    /// These found no queue; every other message of the batch was taken over.
    case returned([ReturnedMessage])
    /// The broker would not keep the messages at these positions; `returned` found no queue; the rest was taken over.
    case nacked([Int], returned: [ReturnedMessage])
    /// No answer in time for so many messages; the connection is given up.
    case timedOut(unanswered: Int)
    /// The broker closed the channel, most often because the user may not say this (`refused`).
    case refused(BrokerError)
    /// The connection ended, or could not be made.
    case lost(BrokerError)
    /// The message at this position cannot be expressed in the protocol; nothing was sent.
    case unacceptable(index: Int, String)

    /// Whether the same batch may succeed later without anybody changing anything.
    public var isRetryable: Bool {
        switch self {
        case .nacked, .timedOut: true
        case .lost(let error): error.isRetryable
        case .returned, .refused, .unacceptable: false
        }
    }

    public var description: String {
        switch self {
        case .returned(let messages):
            "no queue for \(messages.count) messages, the first to \(messages.first?.exchange ?? "?") "
                + "with key \(messages.first?.routingKey ?? "?")"
        case .nacked(let positions, _): "the broker did not keep \(positions.count) messages"
        case .timedOut(let unanswered): "no confirm in time for \(unanswered) messages"
        case .refused(let error): "refused: \(error.message)"
        case .lost(let error): "not published: \(error.message)"
        case .unacceptable(let index, let reason): "message \(index): \(reason)"
        }
    }
}

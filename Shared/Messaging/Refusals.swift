/// A message that may be handled later: the person it speaks of has not arrived, an earlier version is missing.
///
/// It waits through four levels (1 s, 10 s, 60 s, 10 min) and is parked after that.
public struct NotYet: Error, Sendable, CustomStringConvertible {
    public let reason: String
    public init(_ reason: String) { self.reason = reason }
    public var description: String { reason }
}

/// A message that nobody will ever be able to handle: unreadable, or against a rule. It is parked at once with the reason.
public struct Unacceptable: Error, Sendable, CustomStringConvertible {
    public let reason: String
    public init(_ reason: String) { self.reason = reason }
    public var description: String { reason }
}

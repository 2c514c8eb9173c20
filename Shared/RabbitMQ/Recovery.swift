/// How reconnecting is paced.
public struct RecoveryPolicy: Sendable, Equatable {
    /// The first wait, doubled with each failure.
    public var firstDelay: Duration = .milliseconds(200)
    public var longestDelay: Duration = .seconds(10)
    /// A connection that lived this long counts as success; one that died sooner goes on doubling.
    public var stableAfter: Duration = .seconds(10)

    public init() {}
}

/// Decides how long to wait before the next attempt; knows neither clock nor socket.
struct Recovery: Equatable {
    let policy: RecoveryPolicy
    /// Failures in a row.
    private(set) var failures = 0

    init(_ policy: RecoveryPolicy) { self.policy = policy }

    /// An attempt failed, or a connection ended after `lifetime`.
    ///
    /// - Parameter jitter: 0 …< 1; spreads the copies of a service over the second half of the delay, so that they
    ///   do not all come back in the same moment.
    /// - Returns: how long to wait.
    mutating func failed(after lifetime: Duration = .zero, jitter: Double) -> Duration {
        if lifetime >= policy.stableAfter { failures = 0 }
        failures += 1
        let doubled = policy.firstDelay * (1 << min(failures - 1, 16))
        return min(doubled, policy.longestDelay) * (0.5 + jitter / 2)
    }
}

/// How a publisher or consumer stands with the broker.
public enum BrokerStatus: Sendable, Equatable {
    case idle
    case connected
    /// The broker takes no messages for now (memory or disk alarm); what is being published waits.
    case blocked(reason: String)
    /// Trying again after `failures` failures in a row.
    case recovering(failures: Int, BrokerError)
    case closed
}

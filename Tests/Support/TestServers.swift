import Foundation
import Testing

/// The servers that the test command started for this run.
public enum TestServers {
    /// A superuser's connection string without a database.
    public static var postgres: String { get throws { try named("ZVONOK_TEST_POSTGRES") } }
    /// An administrator's `amqp://` URL.
    public static var amqp: String { get throws { try named("ZVONOK_TEST_AMQP") } }
    /// The management API with user and password.
    public static var management: String { get throws { try named("ZVONOK_TEST_MANAGEMENT") } }
    /// `host:port` of the MQTT listener.
    public static var mqtt: String { get throws { try named("ZVONOK_TEST_MQTT") } }
    /// A Python with the packages of deploy/requirements-test.txt.
    public static var python: String { get throws { try named("ZVONOK_TEST_PYTHON") } }

    /// A server the tests need was not started.
    public struct Missing: Error, CustomStringConvertible {
        public let variable: String
        public var description: String { "\(variable) is not set: run the tests by deploy/test, which starts the servers" }
    }

    private static func named(_ variable: String) throws -> String {
        guard let value = ProcessInfo.processInfo.environment[variable] else { throw Missing(variable: variable) }
        return value
    }
}

/// What `eventually` waited for did not come.
public struct NeverHappened: Error, CustomStringConvertible {
    public let description: String
}

/// Waits until a condition holds; looks again at short intervals and gives up after the limit.
///
/// - Parameter within: how long to wait at most; generous, because it costs nothing when all is well.
public func eventually(
    within limit: Duration = .seconds(90), _ what: String = "the condition", sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () async throws -> Bool
) async throws {
    let end = ContinuousClock.now + limit
    while true {
        if try await condition() { return }
        guard ContinuousClock.now < end else {
            Issue.record("\(what) did not come true within \(limit)", sourceLocation: sourceLocation)
            throw NeverHappened(description: "\(what) did not come true within \(limit)")
        }
        try await Task.sleep(for: .milliseconds(20))
    }
}

/// Tries until it is done, again soon after each failure, and throws the last one after the limit: for what has to be done while
/// servers die and come back.
///
/// - Parameters:
///   - within: how long to try at most.
///   - isPassing: whether a failure may heal; another one is thrown at once.
public func persistently<T>(
    within limit: Duration, whenever isPassing: (any Error) -> Bool = { _ in true }, _ work: () async throws -> T
) async throws -> T {
    let end = ContinuousClock.now + limit
    while true {
        do { return try await work() } catch where ContinuousClock.now < end && isPassing(error) {
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}

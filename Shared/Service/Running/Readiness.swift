import Foundation
import Synchronization

/// One thing a service cannot work without.
public struct ReadinessCheck: Sendable {
    /// What is checked, in a word or two: `database`, `broker`, `outbox`.
    public let name: String
    /// Returns what was found; throws with what is wrong and what to do.
    let examine: @Sendable () async throws -> String

    /// - Parameter examine: returns what was found ("3 migrations sets known"); throws when it is not ready.
    public init(_ name: String, _ examine: @escaping @Sendable () async throws -> String) {
        self.name = name
        self.examine = examine
    }
}

/// What a check found.
public struct ReadinessFinding: Codable, Sendable, Equatable {
    public let name: String
    public let ok: Bool
    /// What was found, or what is wrong and what the operator should do.
    public let detail: String
}

/// The answer to «may requests be sent here».
public struct Readiness: Codable, Sendable, Equatable {
    public let ready: Bool
    public let checks: [ReadinessFinding]

    /// Runs all checks side by side; one that takes longer than `limit` has failed.
    static func examine(_ checks: [ReadinessCheck], limit: Duration = .seconds(3)) async -> Readiness {
        let findings = await withTaskGroup(of: (Int, ReadinessFinding).self) { group in
            for (index, check) in checks.enumerated() {
                group.addTask { (index, await finding(of: check, limit: limit)) }
            }
            var all: [(Int, ReadinessFinding)] = []
            for await finding in group { all.append(finding) }
            return all.sorted { $0.0 < $1.0 }.map(\.1)
        }
        return Readiness(ready: findings.allSatisfy(\.ok), checks: findings)
    }

    private static func finding(of check: ReadinessCheck, limit: Duration) async -> ReadinessFinding {
        do {
            let detail = try await within(limit) { try await check.examine() }
            return ReadinessFinding(name: check.name, ok: true, detail: detail)
        } catch {
            return ReadinessFinding(name: check.name, ok: false, detail: "\(error)")
        }
    }
}

/// Something is not as it must be; the text says what, and what to do.
public struct NotReady: Error, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}

/// Runs `body`, but waits no longer than `limit`; the rest of it is cancelled.
func within<T: Sendable>(_ limit: Duration, _ body: @escaping @Sendable () async throws -> T) async throws -> T {
    try await withThrowingTaskGroup(of: T.self) { group in
        group.addTask { try await body() }
        group.addTask {
            try await Task.sleep(for: limit)
            throw NotReady("no answer within \(limit)")
        }
        defer { group.cancelAll() }
        guard let first = try await group.next() else { throw CancellationError() }
        return first
    }
}

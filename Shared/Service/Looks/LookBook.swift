import Events
import Foundation
import Kernel
public import Messaging
public import Postgres
import Synchronization
public import Web

/// Looks at children that this process has let in and not yet reported to the access log (BY-10).
///
/// Noting one costs a look-up in memory. Who has not been seen at a child in this hour leaves within a second, so that a process
/// that is killed takes the look of a second with it at most; that he looked again leaves about once a minute.
public final class LookBook: Sendable {
    fileprivate struct Key: Hashable {
        let viewer: UUID
        let child: UUID
        let permission: String
        let asGuardian: Bool
        /// Looks of different hours stay apart, so that a long outage blurs no day.
        let hour: Int
    }

    fileprivate struct Count {
        var first: Date
        var last: Date
        var times: Int
    }

    /// How many a message holds: small enough for one statement at the other end.
    private static let mostInMessage = 1000

    private let noted = Mutex<[Key: Count]>([:])
    /// What has left in this hour: a look like it adds to a number and hurries nobody.
    private let told = Mutex<Set<Key>>([])

    public init() {}

    /// Notes a look. Safe from anywhere, never waits for anybody.
    public func note(_ look: WebHost.Look) {
        let key = Key(
            viewer: look.viewer, child: look.child, permission: look.permission, asGuardian: look.asGuardian,
            hour: Int(look.at.timeIntervalSince1970 / 3600))
        noted.withLock { $0.add(Count(first: look.at, last: look.at, times: 1), to: key) }
    }

    /// Whether somebody looked at a child of whom the access log does not know it for this hour.
    public var hasNews: Bool {
        let told = told.withLock { $0 }
        return noted.withLock { noted in noted.keys.contains { !told.contains($0) } }
    }

    /// How many different looks wait.
    public var count: Int { noted.withLock { $0.count } }

    /// Puts everything that waits into the outbox; what cannot be written goes on waiting.
    public func carry(into outbox: Outbox, _ database: Database) async throws {
        let taken = noted.withLock { noted in
            defer { noted = [:] }
            return noted
        }
        guard !taken.isEmpty else { return }
        let looks = taken.map { key, count in
            ChildLook(
                viewerID: key.viewer, childID: key.child, permission: key.permission, asGuardian: key.asGuardian,
                firstAt: count.first, lastAt: count.last, times: count.times)
        }
        let messages = stride(from: 0, to: looks.count, by: Self.mostInMessage).map { start in
            RecordLooks(
                batchID: .v7(), service: outbox.service,
                looks: Array(looks[start..<min(start + Self.mostInMessage, looks.count)]))
        }
        do {
            try await database.transaction { try outbox.publish(messages, in: $0) }
        } catch {
            noted.withLock { noted in for (key, count) in taken { noted.add(count, to: key) } }
            throw error
        }
        let hour = taken.keys.map(\.hour).max() ?? 0
        told.withLock { told in
            told = told.filter { $0.hour >= hour }
            told.formUnion(taken.keys)
        }
    }
}

extension [LookBook.Key: LookBook.Count] {
    fileprivate mutating func add(_ count: LookBook.Count, to key: LookBook.Key) {
        guard let known = self[key] else {
            self[key] = count
            return
        }
        self[key] = LookBook.Count(
            first: Swift.min(known.first, count.first), last: Swift.max(known.last, count.last), times: known.times + count.times)
    }
}

import Foundation
import Logging
import Metrics
import Postgres
import Service
import Synchronization

/// Recomputes the books every night and says aloud when they are wrong (BY-02).
///
/// A difference is an error in the log and a gauge that stays up until a night without one: a pager watches either.
final class VerifyNightly: RepeatedWork {
    static let name = "the books checked"
    /// 1 while the books differ from their entries, 0 while they are right.
    private static let difference = Gauge(label: "ledger_books_differ")
    private static let checkedAt = Gauge(label: "ledger_books_checked_timestamp_seconds")

    /// How often it looks whether the night's check is due.
    let pause = Duration.seconds(900)
    let logger: Logger
    private let database: Database
    /// The night that is done with. The first check comes with the first night: a start must not read the whole ledger.
    private let last = Atomic(VerifyNightly.night(Date()))

    init(database: Database, logger: Logger) {
        self.database = database
        self.logger = logger
    }

    func round() async throws -> Int {
        let night = Self.night(Date())
        guard night != last.load(ordering: .relaxed) else { return 0 }
        try await check()
        last.store(night, ordering: .relaxed)
        return 1
    }

    /// The number of the night that a moment belongs to; a night begins at 23:00 UTC, when schools sleep.
    static func night(_ moment: Date) -> Int { Int((moment.timeIntervalSince1970 + 3600) / 86_400) }

    /// Checks, unless another copy is at it.
    private func check() async throws {
        let found = try await database.read { tx -> String?? in
            guard
                let (mine) = try tx.first(
                    "select pg_try_advisory_xact_lock(hashtext(current_schema() || '.verify'))", as: Bool.self), mine
            else { return .none }
            return .some(try VerifyBooks.firstDifference(in: tx))
        }
        if let found { report(found) }
    }

    /// Says what was found; nil when the books are right.
    func report(_ found: String?) {
        Self.difference.record(found == nil ? 0 : 1)
        Self.checkedAt.record(Date().timeIntervalSince1970)
        if let found {
            logger.error("the books are wrong", metadata: ["difference": "\(found)"])
        } else {
            logger.info("the books are right", metadata: ["claims": "\(VerifyBooks.claims.count)"])
        }
    }
}

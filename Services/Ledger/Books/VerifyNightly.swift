import Foundation
import Logging
import Metrics
import Postgres
import ServiceLifecycle

/// Recomputes the books every night and says aloud when they are wrong (BY-02).
///
/// A difference is an error in the log and a gauge that stays up until a night without one: a pager watches either.
struct VerifyNightly: Service {
    let database: Database
    let logger: Logger
    /// How often it looks whether the night's check is due.
    var pause = Duration.seconds(900)

    /// 1 while the books differ from their entries, 0 while they are right.
    private static let difference = Gauge(label: "ledger_books_differ")
    private static let checkedAt = Gauge(label: "ledger_books_checked_timestamp_seconds")

    func run() async throws {
        await cancelWhenGracefulShutdown {
            // The first check comes with the first night: a start must not read the whole ledger.
            var last = Self.night(Date())
            while !Task.isCancelled {
                try? await Task.sleep(for: pause)
                let night = Self.night(Date())
                guard night != last, !Task.isCancelled else { continue }
                do {
                    if try await check(night: night) { last = night }
                } catch {
                    logger.warning("books not checked; tried again soon", metadata: ["error": "\(error)"])
                }
            }
        }
    }

    /// The number of the night that a moment belongs to; a night begins at 23:00 UTC, when schools sleep.
    static func night(_ moment: Date) -> Int { Int((moment.timeIntervalSince1970 + 3600) / 86_400) }

    /// - Returns: whether the night is done with; also when another copy checks it.
    private func check(night: Int) async throws -> Bool {
        let found = try await database.read { tx -> String?? in
            guard
                let (mine) = try tx.first(
                    "select pg_try_advisory_xact_lock(hashtext(current_schema() || '.verify'))", as: Bool.self), mine
            else { return .none }
            return .some(try VerifyBooks.firstDifference(in: tx))
        }
        guard let found else { return true }
        report(found)
        return true
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

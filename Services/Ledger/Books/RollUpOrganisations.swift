import Foundation
import Logging
import Postgres
import ServiceLifecycle

/// Brings the balances of organisations up to date with what was appended to them.
///
/// Sales only append to a supplier's account; this is the one place where its balance changes, a few times a minute
/// instead of with every sale.
struct RollUpOrganisations: Service {
    let database: Database
    let logger: Logger
    var pause = Duration.seconds(10)

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    try await database.transaction { _ = try Self.rollUp(in: $0, at: Date()) }
                } catch is CancellationError {
                    return
                } catch {
                    // What was not rolled up now is rolled up next time; nothing is lost meanwhile.
                    logger.warning("organisation balances not rolled up", metadata: ["error": "\(error)"])
                }
                try? await Task.sleep(for: pause)
            }
        }
    }

    /// - Returns: how many organisations' balances changed; 0 also when another copy is at it.
    static func rollUp(in transaction: borrowing Transaction, at now: Date) throws -> Int {
        guard
            let (mine) = try transaction.first(
                "select pg_try_advisory_xact_lock(hashtext(current_schema() || '.organisation_balance'))", as: Bool.self),
            mine
        else { return 0 }
        return try transaction.execute(
            """
            with taken as (
                delete from organisation_movement returning account_id, amount
            )
            insert into organisation_balance as b (account_id, balance, rolled_at)
            select account_id, sum(amount)::bigint, \(now) from taken group by account_id
            on conflict (account_id) do update
            set balance = b.balance + excluded.balance, rolled_at = excluded.rolled_at
            """)
    }
}

import Foundation
import Logging
import Postgres
import Service

/// Brings the balances of organisations up to date with what was appended to them.
///
/// Sales only append to a supplier's account; this is the one place where its balance changes, a few times a minute
/// instead of with every sale.
struct RollUpOrganisations: RepeatedWork {
    static let name = "organisations' balances"
    let database: Database
    let logger: Logger
    var pause = Duration.seconds(10)

    func round() async throws -> Int { try await database.transaction { try Self.rollUp(in: $0, at: Date()) } }

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

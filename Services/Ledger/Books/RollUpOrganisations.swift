import Foundation
import Logging
import Postgres
import Service

/// Brings the balances of organisations up to date with what was written about them.
///
/// A charge never touches the row of a supplier; this is the one place where its balance changes, a few times a minute
/// instead of with every sale. What transfers moved waits in `organisation_movement`; charges of one row are added up from
/// themselves, up to a number.
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
        // Read before this transaction has a number of its own, which is then higher than that of anybody who has drawn one of these.
        let look = try transaction.first(
            """
            select case when is_called then last_value else 0 end, pg_current_xact_id_if_assigned() is null from charge_number
            """, as: Int64.self, Bool.self)
        // When all who had drawn a number up to the last look have ended, nothing below it can still appear.
        let ended = try transaction.first(
            """
            update rolled_charges r set number = r.next_number, next_after = null from rolled_charges before
            where before.next_after <= pg_snapshot_xmin(pg_current_snapshot())
            returning before.number, r.number
            """, as: Int64.self, Int64.self)
        let changed = try transaction.rows(
            """
            with appended as (
                delete from organisation_movement returning account_id, amount
            ), written as (
                select account_id, amount from appended
                union all
                select payee_id, amount from charge
                where number > \(ended?.0 ?? 0) and number <= \(ended?.1 ?? 0) and payee_id is not null
            )
            insert into organisation_balance as b (account_id, balance, rolled_at)
            select account_id, sum(amount)::bigint, \(now) from written group by account_id
            on conflict (account_id) do update
            set balance = b.balance + excluded.balance, rolled_at = excluded.rolled_at
            returning account_id
            """, as: UUID.self)
        if let (drawn, isFresh) = look, isFresh {
            // After a restore into another server what is remembered of the old one's transactions means nothing.
            try transaction.execute(
                """
                update rolled_charges set next_number = \(drawn), next_after = pg_current_xact_id()
                where next_after is null or next_after > pg_current_xact_id()
                """)
        }
        return changed.count
    }
}

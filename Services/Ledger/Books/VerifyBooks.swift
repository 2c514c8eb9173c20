import Postgres

/// Recomputes every balance from the entries and compares (BY-02).
///
/// Each claim is one statement, so it sees one moment, also while sales go on.
struct VerifyBooks {
    /// Something the books must hold to, and the statement that names the first place where they do not.
    struct Claim: Sendable {
        let text: String
        let firstBreach: String
    }

    /// - Returns: the first difference, as a sentence with the ids in question; nil when the books are right.
    static func firstDifference(in transaction: borrowing Transaction) throws -> String? {
        for claim in claims {
            if let (breach) = try transaction.first("\(unescaped: claim.firstBreach)", as: String.self) {
                return "\(claim.text): \(breach)"
            }
        }
        return nil
    }

    static let claims: [Claim] = [
        Claim(
            text: "the entries of every transfer sum to zero",
            firstBreach: """
                select format('transfer %s sums to %s', transfer_id, sum(amount))
                from entry group by transfer_id having sum(amount) <> 0 or count(*) < 2 order by transfer_id limit 1
                """),
        Claim(
            text: "every transfer has the entry of its child",
            firstBreach: """
                select format('transfer %s of account %s', t.id, t.account_id)
                from transfer t left join entry e on e.transfer_id = t.id and e.account_id = t.account_id
                where e.amount is distinct from case when t.kind = 'charge' then -t.amount else t.amount end
                order by t.id limit 1
                """),
        Claim(
            text: "a child's balance is the sum of his entries",
            firstBreach: """
                select format('account %s says %s, its %s entries say %s', m.number, m.balance, count(e), coalesce(sum(e.amount), 0))
                from meals_account m left join entry e on e.account_id = m.id
                group by m.id having m.balance <> coalesce(sum(e.amount), 0) or m.position <> count(e)
                order by m.id limit 1
                """),
        Claim(
            text: "every line of a statement continues the line before it",
            firstBreach: """
                select format('account %s at line %s', account_id, position)
                from (
                    select account_id, position, balance, amount,
                        lag(balance, 1, 0::bigint) over line as before, row_number() over line as place
                    from entry where position is not null
                    window line as (partition by account_id order by position)
                ) lines
                where balance <> before + amount or position <> place
                order by account_id, position limit 1
                """),
        Claim(
            text: "an organisation's balance is the sum of its entries",
            firstBreach: """
                select format('account %s (%s) says %s, its entries say %s', a.id, a.kind, kept.sum, written.sum)
                from account a
                cross join lateral (
                    select coalesce((select b.balance from organisation_balance b where b.account_id = a.id), 0)
                        + coalesce((select sum(o.amount) from organisation_movement o where o.account_id = a.id), 0) as sum
                ) kept
                cross join lateral (
                    select coalesce(sum(e.amount), 0) as sum from entry e where e.account_id = a.id
                ) written
                where a.kind <> 'meals' and kept.sum <> written.sum
                order by a.id limit 1
                """),
        Claim(
            text: "what counts against the limit is what was bought that day and not given back",
            firstBreach: """
                select format('account %s says %s on %s, its charges say %s', m.number, m.spent, m.spent_on, coalesce(sum(c.amount), 0))
                from meals_account m
                left join charge c on c.account_id = m.id and c.state = 'posted' and c.purchase = 'personal'
                    and c.business_on = m.spent_on
                group by m.id having m.spent <> coalesce(sum(c.amount), 0)
                order by m.id limit 1
                """),
        Claim(
            text: "what is held is the sum of the allowances that wait",
            firstBreach: """
                select format('account %s says %s, its allowances say %s', m.number, m.held, coalesce(sum(a.amount), 0))
                from meals_account m
                left join allowance a on a.account_id = m.id and a.state in ('granted', 'lent')
                group by m.id having m.held <> coalesce(sum(a.amount), 0)
                order by m.id limit 1
                """),
        Claim(
            text: "every paid attempt has its transfer, every reversed one its reversal, any other none",
            firstBreach: """
                select format('charge %s is %s', c.id, c.state)
                from charge c
                left join transfer t on t.id = c.id
                left join transfer r on r.reverses = c.id
                where (t.id is not null) <> (c.state in ('posted', 'reversed'))
                    or (r.id is not null) <> (c.state = 'reversed')
                    or t.amount is distinct from case when t.id is not null then c.amount end
                order by c.id limit 1
                """),
        Claim(
            text: "an account goes below zero only by a sale without a connection",
            firstBreach: """
                select format('transfer %s left %s', e.transfer_id, e.balance)
                from entry e join transfer t on t.id = e.transfer_id
                where e.balance < 0 and e.amount < 0 and not t.offline
                order by e.account_id, e.position limit 1
                """),
    ]
}

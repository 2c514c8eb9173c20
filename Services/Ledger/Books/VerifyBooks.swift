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
        // A whole ledger takes longer than a request may.
        try transaction.script("set local statement_timeout = 0")
        for claim in claims {
            if let (breach) = try transaction.first("\(unescaped: claim.firstBreach)", as: String.self) {
                return "\(claim.text): \(breach)"
            }
        }
        return nil
    }

    static let claims: [Claim] = [
        Claim(
            text: "the legs of every movement sum to zero",
            firstBreach: """
                select format('movement %s sums to %s', movement_id, sum(amount))
                from leg group by movement_id having sum(amount) <> 0 or count(*) < 2 order by movement_id limit 1
                """),
        Claim(
            text: "every movement moved its amount on the accounts of its child",
            firstBreach: """
                select format('movement %s of account %s', t.id, t.account_id)
                from movement t
                left join (
                    select e.movement_id, sum(e.amount) as sum from leg e where e.position is not null group by e.movement_id
                ) moved on moved.movement_id = t.id
                where moved.sum is distinct from case
                        when t.kind = 'familyTransfer' then 0
                        when t.kind in ('charge', 'payout', 'expiry', 'return') then -t.amount
                        else t.amount
                    end
                order by t.id limit 1
                """),
        Claim(
            text: "a transfer in a family takes its amount from one child and brings it to the other",
            firstBreach: """
                select format('movement %s of account %s', t.id, t.account_id)
                from transfer t
                cross join lateral (
                    select sum(e.amount) filter (where e.account_id = t.account_id) as own,
                        sum(e.amount) filter (where e.account_id = t.other_id) as other
                    from entry e where e.transfer_id = t.id
                ) moved
                where t.kind = 'familyTransfer'
                    and (moved.own is distinct from -t.amount or moved.other is distinct from t.amount)
                order by t.id limit 1
                """),
        Claim(
            text: "a movement is about one child, and between two only within a family",
            firstBreach: """
                select format('movement %s touches %s children', t.id, count(distinct a.person_id))
                from leg e
                join movement t on t.id = e.movement_id
                join account a on a.id = e.account_id
                group by t.id, t.kind
                having count(distinct a.person_id) <> case t.kind when 'familyTransfer' then 2 else 1 end
                order by t.id limit 1
                """),
        Claim(
            text: "a child's balance is the sum of his entries",
            firstBreach: """
                select format('account %s says %s, its %s entries say %s', m.number, m.balance, coalesce(written.entries, 0), coalesce(written.sum, 0))
                from meals_account m
                -- Added up before it is joined: who looks for each account by itself reads all entries for each.
                left join (
                    select account_id, count(*) as entries, sum(amount) as sum from leg group by account_id
                ) written on written.account_id = m.id
                where m.balance <> coalesce(written.sum, 0) or m.position <> coalesce(written.entries, 0)
                order by m.id limit 1
                """),
        Claim(
            text: "every line of a statement continues the line before it",
            firstBreach: """
                select format('account %s at line %s', account_id, position)
                from (
                    select account_id, position, balance, amount,
                        lag(balance, 1, 0::bigint) over line as before, row_number() over line as place
                    from leg where position is not null
                    window line as (partition by account_id order by position)
                ) lines
                where balance <> before + amount or position <> place
                order by account_id, position limit 1
                """),
        Claim(
            text: "a subsidy's balance is the sum of its entries",
            firstBreach: """
                select format('subsidy %s says %s, its %s entries say %s', s.certificate, s.balance, coalesce(written.entries, 0), coalesce(written.sum, 0))
                from subsidy s
                left join (
                    select account_id, count(*) as entries, sum(amount) as sum from entry group by account_id
                ) written on written.account_id = s.id
                where s.balance <> coalesce(written.sum, 0) or s.position <> coalesce(written.entries, 0)
                order by s.id limit 1
                """),
        Claim(
            text: "what subsidies paid of a charge is what it took from their accounts",
            firstBreach: """
                select format('charge %s says %s, its entries say %s', c.id, c.subsidised, coalesce(paid.sum, 0))
                from charge c
                left join (
                    select e.transfer_id, -sum(e.amount) as sum from entry e join subsidy s on s.id = e.account_id group by e.transfer_id
                ) paid on paid.transfer_id = c.id
                where c.state <> 'transfer' and c.subsidised <> coalesce(paid.sum, 0)
                    or c.subsidised > 0 and c.state not in ('posted', 'reversed')
                order by c.id limit 1
                """),
        Claim(
            text: "a subsidy is spent within its term only",
            firstBreach: """
                select format('charge %s of %s from subsidy %s', t.id, t.business_on, s.certificate)
                from subsidy s join entry e on e.account_id = s.id join transfer t on t.id = e.transfer_id
                where t.kind = 'charge' and t.business_on not between s.valid_from and s.valid_until
                order by t.id limit 1
                """),
        Claim(
            text: "an organisation's balance is the sum of its entries",
            firstBreach: """
                select format('account %s (%s) says %s, its entries say %s', a.id, a.kind, kept.sum, coalesce(written.sum, 0))
                from account a
                left join (
                    select c.payee_id, sum(c.amount) as sum from charge c
                    where c.number > (select number from rolled_charges) and c.payee_id is not null group by c.payee_id
                ) appended on appended.payee_id = a.id
                cross join lateral (
                    select coalesce((select b.balance from organisation_balance b where b.account_id = a.id), 0)
                        + coalesce((select sum(o.amount) from organisation_movement o where o.account_id = a.id), 0)
                        + coalesce(appended.sum, 0) as sum
                ) kept
                left join (select account_id, sum(amount) as sum from leg group by account_id) written on written.account_id = a.id
                where a.person_id is null and kept.sum <> coalesce(written.sum, 0)
                order by a.id limit 1
                """),
        Claim(
            text: "what counts against the limit is what was bought that day and not given back",
            firstBreach: """
                select format('account %s says %s on %s, its charges say %s', m.number, m.spent, m.spent_on, coalesce(sum(c.amount - c.refunded), 0))
                from meals_account m
                left join charge c on c.account_id = m.id and c.state = 'posted' and c.purchase = 'personal'
                    and c.business_on = m.spent_on
                group by m.id having m.spent <> coalesce(sum(c.amount - c.refunded), 0)
                order by m.id limit 1
                """),
        Claim(
            text: "what is held is the sum of the allowances, of the requests for money and of the returns to cards that wait",
            firstBreach: """
                select format('account %s says %s, its allowances, requests and returns say %s', m.number, m.held, kept.sum)
                from meals_account m
                cross join lateral (
                    select coalesce((select sum(a.amount) from allowance a
                            where a.account_id = m.id and a.state in ('granted', 'lent')), 0)
                        + coalesce((select sum(c.amount) from cash_out c
                            where c.account_id = m.id and c.state = 'asked'), 0)
                        + coalesce((select sum(r.amount) from card_refund r
                            where r.account_id = m.id and r.state = 'asked'), 0) as sum
                ) kept
                where m.held <> kept.sum
                order by m.id limit 1
                """),
        Claim(
            text: "every paid attempt has its movement, every reversed one its reversal, any other none; every id stands among the charges once",
            firstBreach: """
                select format('charge %s is %s', coalesce(c.id, t.id), coalesce(c.state, 'missing'))
                from charge c
                full join movement t on t.id = c.id
                left join transfer r on r.reverses = c.id
                where (t.id is not null) is distinct from (c.state in ('posted', 'reversed', 'transfer'))
                    or (t.kind = 'charge') is distinct from case when t.id is not null then c.state <> 'transfer' end
                    or (r.id is not null) <> (c.state = 'reversed' and c.refunded < c.amount)
                    or c.state <> 'transfer' and t.amount is distinct from case when t.id is not null then c.amount end
                order by coalesce(c.id, t.id) limit 1
                """),
        Claim(
            text: "what was refunded of a charge is the sum of its refunds",
            firstBreach: """
                select format('charge %s says %s, its refunds say %s', c.id, c.refunded, coalesce(sum(t.amount), 0))
                from charge c left join transfer t on t.refunds = c.id
                group by c.id having c.refunded <> coalesce(sum(t.amount), 0) or coalesce(sum(t.amount), 0) > max(c.amount)
                order by c.id limit 1
                """),
        Claim(
            text: "of a charge that was taken back nothing is left in any account",
            firstBreach: """
                select format('charge %s leaves %s in account %s', c.id, sum(e.amount), e.account_id)
                from charge c
                cross join lateral (
                    select c.id union all select t.id from transfer t where t.refunds = c.id
                    union all select t.id from transfer t where t.reverses = c.id
                ) part
                cross join lateral (select l.account_id, l.amount from leg l where l.movement_id = part.id offset 0) e
                where c.state = 'reversed'
                group by c.id, e.account_id having sum(e.amount) <> 0
                order by c.id limit 1
                """),
        Claim(
            text: "a refund has its confirmed request, a payout its paid one, and no other has moved money",
            firstBreach: """
                select format('%s %s', asked.kind, asked.id)
                from (
                    select 'refund' as kind, id, amount, state = 'confirmed' as moved from refund_request
                    union all
                    select 'payout', id, amount, state = 'paid' from cash_out
                ) asked
                full join transfer t on t.id = asked.id and t.kind = asked.kind
                where (asked.id is not null or t.kind in ('refund', 'payout'))
                    and (t.id is not null) is distinct from asked.moved
                    or t.amount <> asked.amount
                order by asked.id limit 1
                """),
        Claim(
            text: "what is owed for a paid service is paid by one charge of its sum, and nothing else is charged for one",
            firstBreach: """
                select format('due %s, charge %s', d.id, c.id)
                from (select * from charge where purchase = 'service' and state in ('posted', 'reversed')) c
                full join (select * from service_due where state = 'paid') d on d.charge_id = c.id
                where c.id is null or d.id is null
                    or (c.sale_id, c.account_id, c.amount) is distinct from (d.id, d.account_id, d.amount)
                order by d.id, c.id limit 1
                """),
        Claim(
            text: "no period of a child's service is paid twice",
            firstBreach: """
                select format('service %s, account %s, period %s', service_id, account_id, period)
                from service_due where state <> 'lapsed'
                group by service_id, account_id, period having count(*) > 1
                order by service_id, account_id, period limit 1
                """),
        Claim(
            text: "of a top-up no more went back than it was, and all that cards got back was asked for by somebody",
            firstBreach: """
                select found.words from (
                    select t.id, format('top-up %s of %s gave back %s', t.id, t.amount, sum(r.amount)) as words
                    from transfer r join transfer t on t.id = r.returns
                    group by t.id having t.kind <> 'topUp' or sum(r.amount) > t.amount
                    union all
                    select coalesce(r.id, asked.id), format('return %s', coalesce(r.id, asked.id))
                    from (
                        select coalesce(transfer_id, id) as id, amount, state = 'returned' as moved from card_refund
                        union all
                        select c.transfer_id, p.amount, true
                        from partner_cancel c join partner_payment p on p.partner_id = c.partner_id and p.number = c.number
                    ) asked
                    full join (select id, amount from transfer where kind = 'return') r on r.id = asked.id
                    where (r.id is not null) is distinct from coalesce(asked.moved, false) or r.amount <> asked.amount
                ) found
                order by found.id limit 1
                """),
        Claim(
            text: "an account goes below zero only by a sale without a connection or by what went back to a card after one",
            firstBreach: """
                select format('movement %s left %s', e.movement_id, e.balance)
                from leg e join movement t on t.id = e.movement_id
                where e.balance < 0 and e.amount < 0 and not t.offline and t.kind <> 'return'
                order by e.account_id, e.position limit 1
                """),
    ]
}

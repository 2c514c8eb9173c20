import Foundation
import Kernel
import Postgres

/// What happened to payers' money at a school in a period, and what the payment agent owes (SC-08, AC-14).
///
/// The payers are the parents, the supplier is the school's caterer, and the payment agent answers to the payers for every
/// kopeck that is on their accounts. A sum is positive when it came to the payers' accounts, negative when it went from them.
struct Settlement: Equatable {
    struct Line: Equatable {
        /// The other side: supplier, cash desk, acquiring …
        let side: String
        /// Who provides services, where it is one of them.
        var provider: String?
        /// What it is called in the books.
        let kind: String
        /// `personal`, `collective` or `service`, where it is a purchase or its way back.
        let purchase: String?
        let count: Int
        let amount: Money

        /// Whether it is what a supplier or provider gave for the money, not where money came from or went to.
        var isSupplied: Bool { side == OrganisationAccount.supplier.rawValue || provider != nil }
    }

    let lines: [Line]
    /// Owed to the payers when the period began and when it ended: what was on all their accounts.
    let opening: Money
    let closing: Money

    /// What the supplier is due for the period: what was bought, less what was given back.
    var dueToSupplier: Money { -sum { $0.side == OrganisationAccount.supplier.rawValue } }
    /// What each provider of paid services is due, in their order.
    var dueToProviders: [(name: String, amount: Money)] {
        var dues: [(name: String, amount: Money)] = []
        for line in lines {
            guard let name = line.provider else { continue }
            if dues.last?.name == name { dues[dues.count - 1].amount -= line.amount } else { dues.append((name, -line.amount)) }
        }
        return dues
    }
    /// What came from payers and the municipality.
    var came: Money { sum { !$0.isSupplied && $0.amount > .zero } }
    /// What went back to them.
    var went: Money { -sum { !$0.isSupplied && $0.amount < .zero } }
    /// What pupils who changed the school, or their brothers there, brought or took along.
    var moved: Money { closing - opening - lines.reduce(.zero) { $0 + $1.amount } }

    private func sum(_ condition: (Line) -> Bool) -> Money { lines.filter(condition).reduce(.zero) { $0 + $1.amount } }
}

extension Transaction {
    /// The settlement of a school from one moment until before another.
    func settlement(of school: UUID, from: Date, until: Date) throws -> Settlement {
        let lines = try rows(
            """
            select a.kind, p.name, t.kind, t.purchase, count(*), -sum(t.moved)::bigint
            from organisation_line t
            join account a on a.id = t.line_of
            left join provider p on p.account_id = a.id
            where t.made_at >= \(from) and t.made_at < \(until) and a.school_id = \(school)
            group by a.kind, p.name, t.kind, t.purchase
            order by a.kind, p.name, t.kind, t.purchase
            """, as: String.self, String?.self, String.self, String?.self, Int.self, Money.self
        ).map { Settlement.Line(side: $0.0, provider: $0.1, kind: $0.2, purchase: $0.3, count: $0.4, amount: $0.5) }
        let owed = try first(
            """
            select (select coalesce(sum(m.balance), 0) from meals_account m where m.school_id = \(school))::bigint
                + (select coalesce(sum(s.balance), 0) from subsidy s join meals_account m on m.id = s.meals_id
                    where m.school_id = \(school))::bigint
            """, as: Money.self) ?? .zero
        func movedSince(_ moment: Date, _ transaction: borrowing Transaction) throws -> Money {
            try transaction.first(
                """
                select coalesce(sum(t.moved), 0)::bigint
                from account_line t
                join account a on a.id = t.line_of
                join meals_account m on m.person_id = a.person_id
                where t.made_at >= \(moment) and m.school_id = \(school)
                """, as: Money.self) ?? .zero
        }
        return Settlement(
            lines: lines, opening: owed - (try movedSince(from, self)), closing: owed - (try movedSince(until, self)))
    }
}

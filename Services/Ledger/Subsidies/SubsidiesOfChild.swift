import Foundation
import Kernel
import Postgres

/// One movement on a subsidy's account.
struct SubsidyMovement: Equatable {
    let subsidy: UUID
    let kind: String
    let at: Date
    let what: String
    let amount: Money
    let balance: Money
}

/// Which subsidies to read.
enum SubsidyKey {
    case child(UUID)
    /// Those of these schools that have not ended, and those ended since a moment.
    case schools([UUID], since: Date)
}

extension Transaction {
    func subsidies(_ key: SubsidyKey) throws -> [Subsidy] {
        let condition: SQL =
            switch key {
            case .child(let child): "m.person_id = \(child) order by s.ended_at is not null, s.valid_until desc, s.id"
            case .schools(let schools, let since):
                """
                s.school_id = any(\(schools)) and (s.ended_at is null or s.ended_at >= \(since))
                order by s.ended_at is not null, s.valid_until, m.number, s.id
                """
            }
        return try rows(
            """
            select s.id, m.person_id, s.school_id, m.number, m.pupil_code, s.title, s.certificate, s.issuer, s.valid_from,
                s.valid_until, s.pays_for, s.amount, s.every, s.balance, s.ended_at, s.ended_by is not null
            from subsidy s join meals_account m on m.id = s.meals_id
            where \(condition) limit 2000
            """,
            as: UUID.self, UUID.self, UUID.self, String.self, String.self, String.self, String.self, String.self, Day.self,
            Day.self, String.self, Money.self, String.self, Money.self, Date?.self, Bool.self
        ).map { row in
            Subsidy(
                id: row.0, child: row.1, schoolID: row.2, accountNumber: row.3, pupilCode: row.4, title: row.5, certificate: row.6,
                issuer: row.7, validFrom: row.8, validUntil: row.9, purpose: SubsidyPurpose(rawValue: row.10) ?? .collective,
                amount: row.11, rhythm: SubsidyRhythm(rawValue: row.12) ?? .once, balance: row.13, endedAt: row.14, isRevoked: row.15)
        }
    }

    /// The latest movements of a child's subsidies, newest first.
    func subsidyMovements(of subsidies: [UUID], most: Int) throws -> [SubsidyMovement] {
        try rows(
            """
            select s.id, latest.kind, latest.made_at, latest.what, latest.amount, latest.balance
            from unnest(\(subsidies)) as s(id)
            cross join lateral (
                select t.kind, t.made_at, t.what, e.amount, e.balance, e.position
                from entry e join transfer t on t.id = e.transfer_id
                where e.account_id = s.id and e.position is not null
                order by e.position desc limit \(most)
            ) latest
            order by s.id, latest.position desc
            """, as: UUID.self, String.self, Date.self, String.self, Money.self, Money.self
        ).map { SubsidyMovement(subsidy: $0.0, kind: $0.1, at: $0.2, what: $0.3, amount: $0.4, balance: $0.5) }
    }
}

import Events
import Foundation
import Kernel
import Postgres

/// One guardian and one child, as a whole row: what a merging keeps of before and after.
struct GuardianshipState: Codable, Sendable, Hashable {
    let childID: UUID
    var relation: String?
    var topics: [Topic]
    var isPrimary: Bool
    var until: Day?
    var source: String
    var grantedBy: UUID?
    /// Microseconds since 1970, as exact as the table.
    var grantedAt: Int64
    var ended: Bool
    var endedBy: String?

    var terms: GrantTerms { GrantTerms(topics: Set(topics), until: until) }

    /// Whether it opens anything on a day.
    func holds(on day: Day) -> Bool { !ended && terms.holds(on: day) }

    /// All rows of a person, ended ones too, locked.
    static func of(_ guardian: UUID, in transaction: borrowing Transaction) throws -> [GuardianshipState] {
        try transaction.execute("select 1 from guardianship where guardian_id = \(guardian) order by child_id for update")
        return try present(of: guardian, in: transaction)
    }

    /// The same, only to look at.
    static func present(of guardian: UUID, in transaction: borrowing Transaction) throws -> [GuardianshipState] {
        try transaction.rows(
            """
            select child_id, relation, topics, is_primary, until_on, source, granted_by,
                (extract(epoch from granted_at) * 1000000)::bigint, ended, ended_by
            from guardianship where guardian_id = \(guardian) order by child_id
            """,
            as: UUID.self, String?.self, [String].self, Bool.self, Day?.self, String.self, UUID?.self, Int64.self, Bool.self,
            String?.self
        ).map { row in
            GuardianshipState(
                childID: row.0, relation: row.1, topics: row.2.compactMap(Topic.init(rawValue:)), isPrimary: row.3, until: row.4,
                source: row.5, grantedBy: row.6, grantedAt: row.7, ended: row.8, endedBy: row.9)
        }
    }

    /// Makes a person's rows about these children exactly these; a child without a state has no row.
    ///
    /// Whoever else is the first guardian of a child must have stopped being it before.
    static func write(
        _ states: [GuardianshipState], of guardian: UUID, about children: Set<UUID>, in transaction: borrowing Transaction
    ) throws {
        try transaction.execute("delete from guardianship where guardian_id = \(guardian) and child_id = any(\(Array(children)))")
        for state in states {
            try transaction.execute(
                """
                insert into guardianship (guardian_id, child_id, relation, topics, is_primary, until_on, source, granted_by,
                                          granted_at, ended, ended_by)
                values (\(guardian), \(state.childID), \(state.relation), \(state.topics.map(\.rawValue)), \(state.isPrimary),
                        \(state.until), \(state.source), \(state.grantedBy),
                        timestamptz 'epoch' + \(state.grantedAt) * interval '1 microsecond', \(state.ended), \(state.endedBy))
                """)
        }
    }
}

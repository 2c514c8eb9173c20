import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// How things stand with somebody's wish to be forgotten.
struct DeletionState: Sendable, Equatable {
    /// What waits for its day.
    struct Open: Sendable, Equatable {
        let requestedAt: Date
        let dueAt: Date
    }

    let rule: DeletionRule
    let open: Open?
    /// His children who would have no adult with access left.
    let lonely: [PersonName]

    static func read(_ personID: UUID, in transaction: borrowing Transaction) throws -> DeletionState {
        let open = try transaction.first(
            """
            select requested_at, due_at from deletion_request
            where person_id = \(personID) and cancelled_at is null and done_at is null and refused is null
            """,
            as: Date.self, Date.self)
        let lonely = try transaction.rows(
            """
            select c.surname, c.given_name, c.patronymic from guardianship g join person c on c.id = g.child_id
            where g.guardian_id = \(personID) and not g.ended and not c.ended
              and not exists (select from guardianship o join person p on p.id = o.guardian_id
                              where o.child_id = g.child_id and o.guardian_id <> g.guardian_id and not o.ended and not p.ended
                                and o.source <> 'family')
            order by c.search_name
            """,
            as: String.self, String.self, String?.self)
        return DeletionState(
            rule: try rule(for: personID, in: transaction), open: open.map { Open(requestedAt: $0, dueAt: $1) },
            lonely: lonely.map { PersonName(surname: $0, given: $1, patronymic: $2) })
    }

    static func rule(for personID: UUID, in transaction: borrowing Transaction) throws -> DeletionRule {
        let found = try transaction.first(
            """
            select exists (select from pupil where person_id = \(personID) and not ended),
                   exists (select from role_held where person_id = \(personID) and not ended)
            """,
            as: Bool.self, Bool.self)
        return DeletionRule(isLearning: found?.0 ?? false, isWorking: found?.1 ?? false)
    }
}

/// Somebody asks to be forgotten, or a parent for a child who has left.
struct RequestDeletion: Sendable {
    let personID: UUID
    let by: UUID
    let now: Date

    /// - Throws: ``DeletionRefused``.
    func run(in transaction: borrowing Transaction) throws {
        try transaction.execute("select from person where id = \(personID) for update")
        if let refused = try DeletionState.rule(for: personID, in: transaction).refusal { throw refused }
        let isNew = try transaction.execute(
            """
            insert into deletion_request (id, person_id, requested_at, requested_by, due_at)
            values (\(UUID.v7(at: now)), \(personID), \(now), \(by), \(DeletionRule.due(after: now)))
            on conflict (person_id) where cancelled_at is null and done_at is null and refused is null do nothing
            """) == 1
        guard isNew else { throw DeletionRefused.alreadyAsked }
        try Audit.note(.deletionRequested, by: by, about: personID, at: now, in: transaction)
    }
}

/// He has thought again.
struct CancelDeletion: Sendable {
    let personID: UUID
    let by: UUID
    let now: Date

    func run(in transaction: borrowing Transaction) throws {
        let cancelled = try transaction.execute(
            """
            update deletion_request set cancelled_at = \(now), cancelled_by = \(by)
            where person_id = \(personID) and cancelled_at is null and done_at is null and refused is null
            """)
        if cancelled > 0 { try Audit.note(.deletionCancelled, by: by, about: personID, at: now, in: transaction) }
    }
}

/// What is due by the clock: those whose term is over are forgotten.
struct CarryOutDeletions: Sendable {
    let now: Date

    /// One at a time, each in a transaction of its own, until none is due.
    ///
    /// - Returns: how many were forgotten.
    @discardableResult
    func run(_ database: Database, _ outbox: Outbox) async throws -> Int {
        var count = 0
        while true {
            let erased = try await database.transaction { try next(in: $0, outbox) }
            guard let erased else { return count }
            count += erased ? 1 : 0
        }
    }

    /// - Returns: whether somebody was forgotten; nil when none is due.
    private func next(in transaction: borrowing Transaction, _ outbox: Outbox) throws -> Bool? {
        let due = try transaction.first(
            """
            select id, person_id from deletion_request
            where due_at <= \(now) and cancelled_at is null and done_at is null and refused is null
            order by due_at, id limit 1 for update skip locked
            """,
            as: UUID.self, UUID.self)
        guard let (request, personID) = due else { return nil }
        // In thirty days somebody may have come back to school or begun to work there.
        if let refused = try DeletionState.rule(for: personID, in: transaction).refusal {
            try transaction.execute("update deletion_request set refused = \(refused.rawValue) where id = \(request)")
            return false
        }
        try ErasePerson(personID: personID, now: now).run(in: transaction, outbox)
        try transaction.execute("update deletion_request set done_at = \(now) where id = \(request)")
        return true
    }
}

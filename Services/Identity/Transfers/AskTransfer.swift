import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// A parent asks to move the child to another class or school (SC-01). Nothing changes for the pupil (D-09).
struct AskTransfer: Sendable {
    let childID: UUID
    let classID: UUID
    let by: UUID
    let now: Date

    /// - Returns: the transfer's id.
    /// - Throws: ``TransferRefused``.
    func run(in transaction: borrowing Transaction, _ outbox: Outbox) throws -> UUID {
        guard try TransferSide.answers(by, for: childID, in: transaction) else { throw TransferRefused.notYours }
        // Two wishes at once meet at the pupil's row.
        let pupil = try transaction.first(
            "select school_id, class_id, ended from pupil where person_id = \(childID) for update",
            as: UUID.self, UUID?.self, Bool.self)
        let from = pupil.flatMap { $0.2 ? nil : TransferRule.Place(schoolID: $0.0, classID: $0.1) }
        let target = try transaction.first(
            "select c.school_id, c.id from class c join school s on s.id = c.school_id where c.id = \(classID) and not c.ended and not s.ended",
            as: UUID.self, UUID.self
        ).map { TransferRule.Place(schoolID: $0.0, classID: $0.1) }
        let isUndecided = try transaction.first(
            "select exists (select from transfer where child_id = \(childID) and state = 'asked')", as: Bool.self)
        if let refused = TransferRule.refusal(from: from, to: target, hasOpen: isUndecided ?? false) { throw refused }
        guard let from, let target else { throw TransferRefused.noSuchClass }
        let id = UUID.v7(at: now)
        try transaction.execute(
            """
            insert into transfer (id, child_id, from_school_id, from_class_id, to_school_id, to_class_id, asked_by, asked_at)
            values (\(id), \(childID), \(from.schoolID), \(from.classID), \(target.schoolID), \(classID), \(by), \(now))
            """)
        try Audit.note(.transferRequested, by: by, about: childID, school: target.schoolID, at: now, in: transaction)
        try TransferFacts.publish([id], to: outbox, in: transaction)
        return id
    }
}

/// The parent who asked, or the other one, thinks better of it.
struct WithdrawTransfer: Sendable {
    let childID: UUID
    let by: UUID
    let now: Date

    /// - Throws: ``TransferRefused``.
    func run(in transaction: borrowing Transaction, _ outbox: Outbox) throws {
        guard try TransferSide.answers(by, for: childID, in: transaction) else { throw TransferRefused.notYours }
        let found = try transaction.first(
            "select id, state from transfer where child_id = \(childID) and state = 'asked' for update",
            as: UUID.self, String.self)
        guard let (id, state) = found, let known = TransferState(rawValue: state),
            let next = TransferRule.state(after: .withdraw, from: known)
        else { throw TransferRefused.isDecided }
        try transaction.execute(
            """
            update transfer set state = \(next.rawValue), decided_by = \(by), decided_at = \(now), version = version + 1
            where id = \(id)
            """)
        try Audit.note(.transferWithdrawn, by: by, about: childID, at: now, in: transaction)
        try TransferFacts.publish([id], to: outbox, in: transaction)
    }
}

/// Who stands on which side of a transfer.
enum TransferSide {
    /// The staff that decides for the receiving school (SC-02).
    static let roles: [Role] = [.curator, .secretary, .director, .deputyHead]

    /// Whether a parent answers for the child: each whom the school has named, and nobody whom one of them let in.
    static func answers(_ id: UUID, for child: UUID, in transaction: borrowing Transaction) throws -> Bool {
        try transaction.first(
            """
            select exists (
                select from guardianship where guardian_id = \(id) and child_id = \(child) and source <> 'family' and not ended)
            """,
            as: Bool.self) ?? false
    }

    static func isStaff(_ id: UUID, of school: UUID, in transaction: borrowing Transaction) throws -> Bool {
        try SchoolsOf.keeper(id, roles, in: transaction).contains(school)
    }
}

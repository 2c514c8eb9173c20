import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// Staff of the receiving school take the pupil in (SC-02): his place is the new one from this transaction on, for
/// everybody at once.
struct ConfirmTransfer: Sendable {
    let id: UUID
    let by: UUID
    let now: Date

    /// - Throws: ``TransferRefused``.
    func run(in transaction: borrowing Transaction, _ outbox: Outbox) throws {
        let open = try OpenTransfer.lock(id, for: .confirm, by: by, in: transaction)
        let place = try transaction.first(
            "select school_id, class_id, ended from pupil where person_id = \(open.childID) for update",
            as: UUID.self, UUID?.self, Bool.self)
        guard let (schoolID, classID, hasLeft) = place, !hasLeft else { throw TransferRefused.hasLeft }
        guard schoolID == open.from.schoolID, classID == open.from.classID else { throw TransferRefused.placeChanged }
        let target = try transaction.first(
            "select s.time_zone from class c join school s on s.id = c.school_id where c.id = \(open.toClass) and not c.ended and not s.ended",
            as: String.self)
        guard let zone = target else { throw TransferRefused.noSuchClass }
        let today = (SchoolZone(zone) ?? .moscow).day(of: now)
        try transaction.pipeline([
            """
            update pupil set school_id = \(open.toSchool), class_id = \(open.toClass), version = version + 1
            where person_id = \(open.childID)
            """,
            // His name travels with his place.
            "update person set version = version + 1 where id = \(open.childID)",
            // Codes that wait for his family are the new class's business now.
            """
            update invitation set school_id = \(open.toSchool), class_id = \(open.toClass)
            where child_id = \(open.childID) and used_at is null and revoked_at is null
            """,
            """
            update transfer set state = \(open.next.rawValue), decided_by = \(by), decided_at = \(now), moved_on = \(today),
                place_version = (select version from pupil where person_id = \(open.childID)), version = version + 1
            where id = \(id)
            """,
        ])
        try Audit.note(.transferConfirmed, by: by, about: open.childID, school: open.from.schoolID, at: now, in: transaction)
        try TouchedPeople(people: [open.childID], pupils: [open.childID]).publish(to: outbox, in: transaction)
        try TransferFacts.publish([id], to: outbox, in: transaction)
    }
}

/// Staff of the receiving school do not take the pupil in, and say why.
struct RefuseTransfer: Sendable {
    let id: UUID
    let reason: String
    let by: UUID
    let now: Date

    /// - Throws: ``TransferRefused``.
    func run(in transaction: borrowing Transaction, _ outbox: Outbox) throws {
        let open = try OpenTransfer.lock(id, for: .refuse, by: by, in: transaction)
        let reason = reason.trimmed
        guard TransferRule.isReason(reason) else { throw TransferRefused.noReason }
        try transaction.execute(
            """
            update transfer set state = \(open.next.rawValue), decided_by = \(by), decided_at = \(now), reason = \(reason),
                version = version + 1
            where id = \(id)
            """)
        try Audit.note(.transferRefused, by: by, about: open.childID, school: open.toSchool, at: now, in: transaction)
        try TransferFacts.publish([id], to: outbox, in: transaction)
    }
}

/// A transfer that somebody of the receiving school decides on, its row locked.
private struct OpenTransfer {
    let childID: UUID
    let from: TransferRule.Place
    let toSchool: UUID
    let toClass: UUID
    let next: TransferState

    static func lock(
        _ id: UUID, for step: TransferRule.Step, by: UUID, in transaction: borrowing Transaction
    ) throws -> OpenTransfer {
        let found = try transaction.first(
            """
            select child_id, from_school_id, from_class_id, to_school_id, to_class_id, state from transfer
            where id = \(id) for update
            """,
            as: UUID.self, UUID.self, UUID?.self, UUID.self, UUID.self, String.self)
        guard let row = found, try TransferSide.isStaff(by, of: row.3, in: transaction) else { throw TransferRefused.notYours }
        guard let state = TransferState(rawValue: row.5), let next = TransferRule.state(after: step, from: state) else {
            throw TransferRefused.isDecided
        }
        return OpenTransfer(
            childID: row.0, from: .init(schoolID: row.1, classID: row.2), toSchool: row.3, toClass: row.4, next: next)
    }
}

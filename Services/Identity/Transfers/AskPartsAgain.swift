import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// A service has not answered a transfer: it is said once more, with a higher number, and whoever hears it answers that one.
///
/// Who has answered answers again and changes nothing by it.
struct AskPartsAgain: Sendable {
    let id: UUID
    /// Nil for the operator at the machine.
    let by: UUID?
    let now: Date

    /// - Throws: ``TransferRefused``.
    func run(in transaction: borrowing Transaction, _ outbox: Outbox) throws {
        let found = try transaction.first(
            """
            select state, to_school_id, greatest(asked_at, decided_at, asked_again_at) from transfer where id = \(id) for update
            """, as: String.self, UUID.self, Date.self)
        guard let (word, school, last) = found, let state = TransferState(rawValue: word) else { throw TransferRefused.notYours }
        if let by, try !TransferSide.isStaff(by, of: school, in: transaction) { throw TransferRefused.notYours }
        let isMissing = try TransferRecord.one(id, in: transaction).map { !$0.missing.isEmpty } ?? false
        if let refused = TransferRule.refusalToAskAgain(state, isMissing: isMissing, last: last, now: now) { throw refused }
        try transaction.execute(
            "update transfer set asked_again_at = \(now), asked_again_by = \(by), version = version + 1 where id = \(id)")
        try TransferFacts.publish([id], to: outbox, in: transaction)
    }
}

/// A transfer in which a service is waited for, as the operator reads it.
struct WaitingTransfer: Sendable, Equatable {
    let id: UUID
    let state: TransferState
    let missing: [TransferPartner]
    let since: Date

    /// - Parameter before: those that have waited since then or longer.
    static func all(before: Date, in transaction: borrowing Transaction) throws -> [WaitingTransfer] {
        try TransferRecord.underWay(in: transaction).filter { !$0.missing.isEmpty && $0.waitingSince <= before }.map {
            WaitingTransfer(id: $0.id, state: $0.state, missing: $0.missing, since: $0.waitingSince)
        }
    }
}

import Directory
import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// When a pupil is to move to another school, his account goes with him, number, balance and limit (SC-01).
///
/// The payment agent owes the family what is on the account, whatever the school (SC-08); so the account is the same one,
/// no money is posted, and only the school whose supplier is paid from it changes, by `WhenPupilAppears`.
enum WhenPupilIsTransferred {
    static let hearing = Hearing(
        queue: "ledger.transfers", [.each(TransferChanged.self) { try react(to: $0, in: $1, $2, at: Date()) }])

    static func react(
        to heard: Received<TransferChanged>, in transaction: borrowing Transaction, _ outbox: Outbox, at now: Date
    ) throws {
        let transfer = heard.event
        let part = try Directory.answer(to: heard, in: transaction) { tx in
            let account = try tx.account(of: transfer.personID, at: now)
            // The account follows the pupil's place by a queue of its own.
            if let account, transfer.state == .confirmed, account.isOpen,
                let place = try Directory.child(transfer.personID, in: tx), !place.hasLeft, account.schoolID != place.schoolID
            {
                throw NotYet("the account of pupil \(transfer.personID.text) is still at his old school")
            }
            return Carried(balance: account?.balance)
        }
        if let part { try outbox.publish(AccountTransferred(part: part), in: transaction) }
    }
}

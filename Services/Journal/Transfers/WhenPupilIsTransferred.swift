import Directory
import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// When a pupil is to move to another class or school, his marks go with him, and his diary remembers in which class he
/// was until then (SC-01).
enum WhenPupilIsTransferred {
    static let hearing = Hearing(
        queue: "journal.transfers", [.each(TransferChanged.self) { try react(to: $0, in: $1, $2) }])

    static func react(to heard: Received<TransferChanged>, in transaction: borrowing Transaction, _ outbox: Outbox) throws {
        let transfer = heard.event
        let part = try Directory.answer(to: heard, in: transaction) { tx in
            if transfer.state == .confirmed, let classID = transfer.fromClassID, let day = transfer.movedOn {
                try tx.execute(
                    """
                    insert into past_place (transfer_id, person_id, school_id, class_id, until_on)
                    values (\(transfer.transferID), \(transfer.personID), \(transfer.fromSchoolID), \(classID), \(day))
                    on conflict do nothing
                    """)
            }
            let marks = try tx.first(
                "select count(*) from mark where person_id = \(transfer.personID) and not ended", as: Int.self)
            return Carried(count: marks ?? 0)
        }
        if let part { try outbox.publish(DiaryTransferred(part: part), in: transaction) }
    }
}

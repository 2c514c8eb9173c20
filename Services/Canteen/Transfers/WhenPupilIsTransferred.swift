import Directory
import Events
import Messaging
import Postgres

/// When a pupil is to move to another class or school, what he bought stays in his family's history, and from the new
/// place on the tills of the new school know him (SC-01).
enum WhenPupilIsTransferred {
    static let hearing = Hearing(
        queue: "canteen.transfers", [.each(TransferChanged.self) { try react(to: $0, in: $1, $2) }])

    static func react(to heard: Received<TransferChanged>, in transaction: borrowing Transaction, _ outbox: Outbox) throws {
        let person = heard.event.personID
        let part = try Directory.answer(to: heard, in: transaction) { tx in
            let sales = try tx.first(
                "select count(*) from sale where person_id = \(person) and state = 'completed'", as: Int.self)
            return Carried(count: sales ?? 0)
        }
        if let part { try outbox.publish(DietTransferred(part: part), in: transaction) }
    }
}

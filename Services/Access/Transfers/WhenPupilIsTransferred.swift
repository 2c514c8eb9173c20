import Directory
import Events
import Messaging
import Postgres

/// When a pupil is to move to another class or school, his cards go with him: they are his and stay valid (SC-01).
enum WhenPupilIsTransferred {
    static let hearing = Hearing(
        queue: "access.transfers", [.each(TransferChanged.self) { try react(to: $0, in: $1, $2) }])

    static func react(to heard: Received<TransferChanged>, in transaction: borrowing Transaction, _ outbox: Outbox) throws {
        let person = heard.event.personID
        let part = try Directory.answer(to: heard, in: transaction) { tx in
            let cards = try tx.first(
                "select count(*) from card where person_id = \(person) and status = 'active'", as: Int.self)
            return Carried(count: cards ?? 0)
        }
        if let part { try outbox.publish(CardsTransferred(part: part), in: transaction) }
    }
}

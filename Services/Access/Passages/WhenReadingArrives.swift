import Foundation
import Messaging
import Postgres

/// What hardware says is kept as it was said, and then understood (design §5, «A passage»).
enum WhenReadingArrives {
    static func react(to messages: [RawMessage], in transaction: borrowing Transaction, outbox: Outbox) throws {
        var arrivals: [RecordReadings.Arrival] = []
        var names: [String] = []
        var outcomes: [String] = []
        for message in messages {
            // device.<name>.reading: the broker lets a device speak under its own name only.
            let words = message.routingKey.split(separator: ".", omittingEmptySubsequences: false)
            let name = words.count > 1 ? String(words[1]) : ""
            names.append(name)
            do throws(ReadingMessage.Refused) {
                let read = try ReadingMessage(message.body, from: name)
                arrivals += read.readings.map {
                    RecordReadings.Arrival(
                        reading: $0, receivedAt: message.receivedAt, sentAt: read.sentAt, isStored: read.isStored)
                }
                outcomes.append("readings")
            } catch {
                outcomes.append(reason(error))
            }
        }
        try transaction.execute(
            """
            insert into raw_reading (device_name, received_at, body, outcome)
            select * from unnest(\(names), \(messages.map(\.receivedAt)), \(messages.map { Bytes($0.body) }), \(outcomes))
            """)
        _ = try RecordReadings(arrivals: arrivals).run(in: transaction, outbox: outbox)
    }

    private static func reason(_ refused: ReadingMessage.Refused) -> String {
        switch refused {
        case .notJSON: "not readable as JSON"
        case .noReading: "no reading in it"
        case .noCard: "a reading without a card"
        case .tampered(let claims): "tampered: it claims to be \(claims)"
        }
    }
}

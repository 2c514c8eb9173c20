import Events
import Foundation
import Kernel
import Postgres

/// Someone went through a door.
struct Passage: Sendable, Equatable {
    let id: UUID
    let personID: UUID
    let direction: Direction?
    let occurredAt: Date
    let day: Day
    let place: String
    let isRepaired: Bool

    /// Writes passages; one that is there already stays as it is.
    static func insert(_ passages: [PassageRecorded], in transaction: borrowing Transaction) throws {
        guard !passages.isEmpty else { return }
        try transaction.execute(
            """
            insert into passage
                (id, school_id, device_id, person_id, direction, occurred_at, received_at, day, repaired)
            select * from unnest(\(passages.map(\.passageID)), \(passages.map(\.schoolID)),
                \(passages.map(\.deviceID)), \(passages.map(\.personID)), \(passages.map(\.direction.rawValue)),
                \(passages.map(\.occurredAt)), \(passages.map(\.receivedAt)), \(passages.map(\.day)),
                \(passages.map(\.repaired)))
            on conflict do nothing
            """)
    }

    /// The passages of people within days, oldest first.
    static func of(_ people: [UUID], from: Day, to: Day, in transaction: borrowing Transaction) throws -> [Passage] {
        try transaction.rows(
            """
            select passage.id, person_id, passage.direction, occurred_at, day, place, repaired
            from passage join device on device.id = device_id
            where person_id = any(\(people)) and day between \(from) and \(to)
            order by occurred_at, passage.id
            """, as: UUID.self, UUID.self, String.self, Date.self, Day.self, String.self, Bool.self
        ).map {
            Passage(
                id: $0.0, personID: $0.1, direction: Direction(rawValue: $0.2), occurredAt: $0.3, day: $0.4, place: $0.5,
                isRepaired: $0.6)
        }
    }
}

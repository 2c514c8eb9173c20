import Foundation
import Kernel
import Postgres

/// Who is inside: the last thing known of everyone who ever passed a door.
enum Presence {
    /// What is known of these people; their rows stay locked, in one order, until the transaction ends.
    static func locked(of people: Set<UUID>, in transaction: borrowing Transaction) throws -> [UUID: LastSeen] {
        guard !people.isEmpty else { return [:] }
        let rows = try transaction.rows(
            """
            select person_id, is_inside, since, day, last_reading_at, last_device_id from presence
            where person_id = any(\(Array(people))) order by person_id for update
            """, as: UUID.self, Bool.self, Date.self, Day.self, Date.self, UUID.self)
        return Dictionary(
            rows.map {
                ($0.0, LastSeen(isInside: $0.1, since: $0.2, day: $0.3, readingAt: $0.4, device: $0.5))
            }, uniquingKeysWith: { first, _ in first })
    }

    /// Writes what is known now.
    static func save(
        _ changed: [UUID: LastSeen], school: [UUID: UUID], in transaction: borrowing Transaction
    ) throws {
        let known = changed.compactMap { person, seen in school[person].map { (person: person, school: $0, seen: seen) } }
            .sorted { $0.person.uuidString < $1.person.uuidString }
        guard !known.isEmpty else { return }
        try transaction.execute(
            """
            insert into presence (person_id, school_id, is_inside, since, day, last_reading_at, last_device_id)
            select * from unnest(\(known.map(\.person)), \(known.map(\.school)), \(known.map(\.seen.isInside)),
                \(known.map(\.seen.since)), \(known.map(\.seen.day)), \(known.map(\.seen.readingAt)),
                \(known.map(\.seen.device)))
            on conflict (person_id) do update set school_id = excluded.school_id, is_inside = excluded.is_inside,
                since = excluded.since, day = excluded.day, last_reading_at = excluded.last_reading_at,
                last_device_id = excluded.last_device_id
            """)
    }

    /// Everyone inside a school today, with the moment of entering.
    static func inside(school: UUID, on day: Day, in transaction: borrowing Transaction) throws -> [UUID: Date] {
        Dictionary(
            try transaction.rows(
                """
                select person_id, since from presence
                where school_id = \(school) and day = \(day) and is_inside
                """, as: UUID.self, Date.self
            ).map { ($0.0, $0.1) }, uniquingKeysWith: { first, _ in first })
    }
}

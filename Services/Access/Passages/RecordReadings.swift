import Directory
import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// Turns readings into passages: repeats dropped, clocks set right, cards resolved, presence kept, the world told.
///
/// Everything is done for the whole batch at once, a handful of statements however many readings there are, because
/// at the first bell a school sends hundreds within a minute.
struct RecordReadings {
    /// A reading with what is known of how it arrived.
    struct Arrival: Sendable {
        let reading: Reading
        let receivedAt: Date
        let sentAt: Date?
        let isStored: Bool
    }

    let arrivals: [Arrival]

    /// How many readings became what.
    struct Result: Sendable, Equatable {
        var passages = 0
        var repeats = 0
        var doubleTouches = 0
        var unknownCards = 0
        var unknownDevices = 0
    }

    func run(in transaction: borrowing Transaction, outbox: Outbox) throws -> Result {
        var result = Result()
        let devices = try Device.named(Set(arrivals.map(\.reading.device)), in: transaction)
        var dated: [Dated] = []
        for arrival in arrivals {
            guard let device = devices[arrival.reading.device], !device.isEnded else {
                result.unknownDevices += 1
                continue
            }
            dated.append(Dated(arrival, device: device))
        }
        dated = try unrepeated(dated, in: transaction)
        result.repeats = arrivals.count - result.unknownDevices - dated.count
        guard !dated.isEmpty else { return result }

        let people = try whose(dated, in: transaction)
        let zones = try zones(of: Set(dated.map(\.device.schoolID)), in: transaction)
        var last = try Presence.locked(of: Set(people.compactMap { $0 }), in: transaction)
        let before = last
        var passages: [PassageRecorded] = []
        var outcomes: [String] = []
        // In the order in which things happened, for a batch may bring them in any.
        let order = dated.indices.sorted { dated[$0].occurredAt < dated[$1].occurredAt }
        outcomes = Array(repeating: "unknownCard", count: dated.count)
        for index in order {
            let one = dated[index]
            guard let person = people[index] else {
                result.unknownCards += 1
                continue
            }
            let zone = zones[one.device.schoolID] ?? .moscow
            let day = zone.day(of: one.occurredAt)
            switch WayThrough.outcome(
                at: one.occurredAt, day: day, device: one.device.id, sent: one.reading.direction,
                fixed: one.device.direction, last: &last[person])
            {
            case .doubleTouch:
                outcomes[index] = "doubleTouch"
                result.doubleTouches += 1
            case .passage(let direction, let isRepaired):
                outcomes[index] = "passage"
                passages.append(
                    PassageRecorded(
                        passageID: .derived(from: one.device.id, one.reading.key), personID: person,
                        schoolID: one.device.schoolID, deviceID: one.device.id, place: one.device.place,
                        direction: direction == .entered ? .entered : .left, occurredAt: one.occurredAt,
                        receivedAt: one.receivedAt, day: day, repaired: isRepaired || one.isTimeRepaired))
            }
        }
        try keep(dated, people: people, outcomes: outcomes, in: transaction)
        try Passage.insert(passages, in: transaction)
        try Presence.save(
            last.filter { before[$0.key] != $0.value }, school: schools(of: passages, people: people, dated),
            in: transaction)
        try Device.noteSeen(dated.map { ($0.device.id, $0.receivedAt, $0.aheadSeconds) }, in: transaction)
        try outbox.publish(passages, in: transaction)
        result.passages = passages.count
        return result
    }

    /// A reading of a known device with the time it really happened.
    private struct Dated {
        let reading: Reading
        let device: Device
        let receivedAt: Date
        let occurredAt: Date
        let isTimeRepaired: Bool
        let aheadSeconds: Int64?

        init(_ arrival: Arrival, device: Device) {
            let verdict = DeviceClock.verdict(
                deviceTime: arrival.reading.deviceTime, sentAt: arrival.sentAt, receivedAt: arrival.receivedAt,
                isStored: arrival.isStored)
            reading = arrival.reading
            self.device = device
            receivedAt = arrival.receivedAt
            occurredAt = verdict.occurredAt
            isTimeRepaired = verdict.isRepaired
            aheadSeconds = verdict.aheadSeconds
        }
    }

    /// Drops what a device said before, in this batch or an earlier one.
    private func unrepeated(_ dated: [Dated], in transaction: borrowing Transaction) throws -> [Dated] {
        struct Key: Hashable {
            let device: UUID
            let key: String
        }
        var seen: Set<Key> = []
        let once = dated.filter { seen.insert(Key(device: $0.device.id, key: $0.reading.key)).inserted }
        let fresh = try transaction.rows(
            """
            insert into reading (device_id, key, card, person_id, occurred_at, received_at, outcome)
            select device_id, key, card, null, occurred_at, received_at, 'arrived'
            from unnest(\(once.map(\.device.id)), \(once.map(\.reading.key)), \(once.map(\.reading.cardText)),
                \(once.map(\.occurredAt)), \(once.map(\.receivedAt)))
                as arrived (device_id, key, card, occurred_at, received_at)
            on conflict do nothing
            returning device_id, key
            """, as: UUID.self, String.self)
        let new = Set(fresh.map { Key(device: $0.0, key: $0.1) })
        return once.filter { new.contains(Key(device: $0.device.id, key: $0.reading.key)) }
    }

    private func whose(_ dated: [Dated], in transaction: borrowing Transaction) throws -> [UUID?] {
        let numbers = dated.compactMap(\.reading.card)
        let cards = try Card.candidates(for: numbers, in: transaction)
        return dated.map { one in
            if let person = one.reading.person { return person }
            guard let number = one.reading.card else { return nil }
            return Card.holder(of: number, among: cards[number.low16] ?? [], at: one.occurredAt)
        }
    }

    private func zones(of schools: Set<UUID>, in transaction: borrowing Transaction) throws -> [UUID: SchoolZone] {
        var zones: [UUID: SchoolZone] = [:]
        for school in schools { zones[school] = try Directory.zone(of: school, in: transaction) }
        return zones
    }

    private func schools(of passages: [PassageRecorded], people: [UUID?], _ dated: [Dated]) -> [UUID: UUID] {
        var schools: [UUID: UUID] = [:]
        for (person, one) in zip(people, dated) { if let person { schools[person] = one.device.schoolID } }
        return schools
    }

    private func keep(
        _ dated: [Dated], people: [UUID?], outcomes: [String], in transaction: borrowing Transaction
    ) throws {
        try transaction.execute(
            """
            update reading set outcome = understood.outcome, person_id = understood.person_id
            from unnest(\(dated.map(\.device.id)), \(dated.map(\.reading.key)), \(outcomes), \(people))
                as understood (device_id, key, outcome, person_id)
            where reading.device_id = understood.device_id and reading.key = understood.key
            """)
    }
}

import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// What Identity says of transfers, and a transfer as its pages show it.
enum TransferFacts {
    static func publish(_ ids: [UUID], to outbox: Outbox, in transaction: borrowing Transaction) throws {
        try outbox.publish(try facts("id = any(\(ids))", limit: ids.count, in: transaction), in: transaction)
    }

    static func page(after: UUID?, limit: Int, in transaction: borrowing Transaction) throws -> [TransferChanged] {
        try facts("\(after)::uuid is null or id > \(after)::uuid", limit: limit, in: transaction)
    }

    private static func facts(_ which: SQL, limit: Int, in transaction: borrowing Transaction) throws -> [TransferChanged] {
        try transaction.rows(
            """
            select id, version, child_id, from_school_id, from_class_id, to_school_id, to_class_id, state, moved_on, place_version,
                coalesce(done_at, decided_at, asked_at)
            from transfer where \(which) order by id limit \(limit)
            """,
            as: UUID.self, Int64.self, UUID.self, UUID.self, UUID?.self, UUID.self, UUID.self, String.self, Day?.self,
            Int64?.self, Date.self
        ).map { row in
            TransferChanged(
                transferID: row.0, version: row.1, personID: row.2, fromSchoolID: row.3, fromClassID: row.4, toSchoolID: row.5,
                // The table's checks allow only these words.
                toClassID: row.6, state: TransferState(rawValue: row.7) ?? .asked, movedOn: row.8, placeVersion: row.9, at: row.10)
        }
    }
}

/// A transfer with its names and its checklist.
struct TransferRecord: Sendable, Equatable {
    struct Part: Sendable, Equatable {
        let partner: TransferPartner
        /// None: it has not answered.
        let state: TransferPartState?
        let count: Int?
        let balance: Money?
    }

    struct Place: Sendable, Equatable {
        let schoolID: UUID
        let school: String
        let className: ClassName?
    }

    let id: UUID
    let childID: UUID
    let childName: PersonName
    let from: Place
    let to: Place
    let state: TransferState
    let askedAt: Date
    let askedBy: PersonName
    let decidedAt: Date?
    let decidedBy: PersonName?
    let reason: String?
    let movedOn: Day?
    /// When the services that are missing were asked once more.
    let askedAgainAt: Date?
    let parts: [Part]

    /// Since when the services are waited for.
    var waitingSince: Date { TransferRule.hasMoved(state) ? decidedAt ?? askedAt : askedAt }

    /// The services that are still waited for: all without an answer, and after the confirmation all that are not done.
    var missing: [TransferPartner] {
        parts.filter { TransferRule.hasMoved(state) ? $0.state != .done : $0.state == nil }.map(\.partner)
    }

    static func one(_ id: UUID, in transaction: borrowing Transaction) throws -> TransferRecord? {
        try read("t.id = \(id)", in: transaction).first
    }

    /// A child's transfers, newest first.
    static func of(child: UUID, in transaction: borrowing Transaction) throws -> [TransferRecord] {
        try read("t.child_id = \(child)", in: transaction)
    }

    /// What concerns these schools, from either side: everything open, and what was decided since a moment.
    static func at(schools: [UUID], since: Date, in transaction: borrowing Transaction) throws -> [TransferRecord] {
        try read(
            """
            (t.to_school_id = any(\(schools)) or t.from_school_id = any(\(schools)))
            and (t.state in ('asked', 'confirmed') or t.decided_at > \(since))
            """, in: transaction)
    }

    /// What waits for a decision or for a service, everywhere.
    static func underWay(in transaction: borrowing Transaction) throws -> [TransferRecord] {
        try read("t.state in ('asked', 'confirmed')", in: transaction)
    }

    private static func read(_ which: SQL, in transaction: borrowing Transaction) throws -> [TransferRecord] {
        let rows = try transaction.rows(
            """
            select t.id, t.child_id, p.surname, p.given_name, p.patronymic, t.state, t.asked_at, t.decided_at, t.reason, t.moved_on,
                t.from_school_id, t.to_school_id, t.asked_again_at
            from transfer t join person p on p.id = t.child_id
            where \(which) order by t.asked_at desc, t.id limit 500
            """,
            as: UUID.self, UUID.self, String.self, String.self, String?.self, String.self, Date.self, Date?.self, String?.self, Day?.self,
            UUID.self, UUID.self, Date?.self)
        guard !rows.isEmpty else { return [] }
        let ids = rows.map(\.0)
        let places = Dictionary(
            uniqueKeysWithValues: try transaction.rows(
                """
                select t.id, f.name, fc.grade, fc.letter, s.name, tc.grade, tc.letter,
                    a.surname, a.given_name, a.patronymic, d.surname, d.given_name, d.patronymic
                from transfer t join school f on f.id = t.from_school_id left join class fc on fc.id = t.from_class_id
                    join school s on s.id = t.to_school_id join class tc on tc.id = t.to_class_id
                    join person a on a.id = t.asked_by left join person d on d.id = t.decided_by
                where t.id = any(\(ids))
                """,
                as: UUID.self, String.self, Int?.self, String?.self, String.self, Int.self, String.self, String.self, String.self,
                String?.self, String?.self, String?.self, String?.self
            ).map { ($0.0, $0) })
        var parts: [UUID: [TransferPartner: Part]] = [:]
        for (id, service, state, count, balance) in try transaction.rows(
            "select transfer_id, service, state, count, balance from transfer_part where transfer_id = any(\(ids))",
            as: UUID.self, String.self, String.self, Int?.self, Money?.self)
        {
            guard let partner = TransferPartner(rawValue: service) else { continue }
            parts[id, default: [:]][partner] = Part(
                partner: partner, state: TransferPartState(rawValue: state), count: count, balance: balance)
        }
        return rows.compactMap { row in
            guard let place = places[row.0] else { return nil }
            let answered = parts[row.0] ?? [:]
            return TransferRecord(
                id: row.0, childID: row.1, childName: PersonName(surname: row.2, given: row.3, patronymic: row.4),
                from: Place(
                    schoolID: row.10, school: place.1,
                    className: place.2.flatMap { grade in place.3.map { ClassName(grade: grade, letter: $0) } }),
                to: Place(schoolID: row.11, school: place.4, className: ClassName(grade: place.5, letter: place.6)),
                state: TransferState(rawValue: row.5) ?? .asked, askedAt: row.6,
                askedBy: PersonName(surname: place.7, given: place.8, patronymic: place.9), decidedAt: row.7,
                decidedBy: place.10.flatMap { surname in
                    place.11.map { PersonName(surname: surname, given: $0, patronymic: place.12) }
                },
                reason: row.8, movedOn: row.9, askedAgainAt: row.12,
                parts: TransferPartner.allCases.map {
                    answered[$0] ?? Part(partner: $0, state: nil, count: nil, balance: nil)
                })
        }
    }
}

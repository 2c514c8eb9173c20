import Foundation
import Kernel
import Postgres

/// A turnstile, terminal or reader that may speak to us.
struct Device: Sendable, Equatable {
    let id: UUID
    let schoolID: UUID
    /// Its name at the broker and in every routing key.
    let name: String
    let place: String
    /// The only way through it, if there is only one.
    let direction: Direction?
    let passwordHash: String
    let version: Int64
    let lastSeenAt: Date?
    let clockAheadSeconds: Int64?
    let isEnded: Bool

    private static let columns: SQL = """
        select id, school_id, name, place, direction, password_hash, version, last_seen_at, clock_ahead_seconds, ended
        from device
        """

    private static func found(_ sql: SQL, in transaction: borrowing Transaction) throws -> [Device] {
        try transaction.rows(
            sql, as: UUID.self, UUID.self, String.self, String.self, String?.self, String.self, Int64.self, Date?.self,
            Int64?.self, Bool.self
        ).map {
            Device(
                id: $0.0, schoolID: $0.1, name: $0.2, place: $0.3, direction: $0.4.flatMap(Direction.init(rawValue:)),
                passwordHash: $0.5, version: $0.6, lastSeenAt: $0.7, clockAheadSeconds: $0.8, isEnded: $0.9)
        }
    }

    /// The devices of these names, ended ones too.
    static func named(_ names: Set<String>, in transaction: borrowing Transaction) throws -> [String: Device] {
        let devices = try found("\(columns) where name = any(\(Array(names)))", in: transaction)
        return Dictionary(devices.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// A school's devices, by place.
    static func all(of school: UUID, in transaction: borrowing Transaction) throws -> [Device] {
        try found("\(columns) where school_id = \(school) order by ended, place, name", in: transaction)
    }

    /// Every device that may speak.
    static func active(in transaction: borrowing Transaction) throws -> [Device] {
        try found("\(columns) where not ended order by name", in: transaction)
    }

    /// A page of all devices, for republishing.
    static func page(after: UUID?, limit: Int, in transaction: borrowing Transaction) throws -> [Device] {
        try found(
            "\(columns) where \(after)::uuid is null or id > \(after)::uuid order by id limit \(limit)", in: transaction)
    }

    /// The school of a device; nil when there is no such device.
    static func school(of id: UUID, in transaction: borrowing Transaction) throws -> UUID? {
        try transaction.first("select school_id from device where id = \(id)", as: UUID.self)
    }

    /// Remembers when devices were last heard and what is wrong with their clocks.
    ///
    /// Devices are few and readings many: each device's row is written once per batch, and only when it would say
    /// something new within a quarter of a minute.
    static func noteSeen(_ heard: [(UUID, Date, Int64?)], in transaction: borrowing Transaction) throws {
        var latest: [UUID: (Date, Int64?)] = [:]
        for (device, at, ahead) in heard where latest[device].map({ $0.0 <= at }) ?? true { latest[device] = (at, ahead) }
        let devices = latest.sorted { $0.key.uuidString < $1.key.uuidString }
        try transaction.execute(
            """
            update device set last_seen_at = heard.at, clock_ahead_seconds = heard.ahead
            from unnest(\(devices.map(\.key)), \(devices.map(\.value.0)), \(devices.map(\.value.1)))
                as heard (id, at, ahead)
            where device.id = heard.id
                and (last_seen_at is null or last_seen_at < heard.at - interval '15 seconds'
                    or clock_ahead_seconds is distinct from heard.ahead)
            """)
    }
}

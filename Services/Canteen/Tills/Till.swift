import Crypto
import Events
import Foundation
import Kernel
import Postgres

/// A till that may sell: it presents a key of its own with every request.
struct Till: Sendable, Equatable {
    let id: UUID
    let schoolID: UUID
    let name: String

    /// What is typed into the till once; only its hash is kept.
    struct Key: Sendable, Codable, Equatable {
        let tillID: UUID
        let key: String
    }

    static func hash(_ key: String) -> Data { Data(SHA256.hash(data: Data(key.utf8))) }

    /// The till that presents a key, nil for a stranger.
    static func presenting(_ key: String, in transaction: borrowing Transaction) throws -> Till? {
        try transaction.first(
            "select id, school_id, name from till where key_hash = \(hash(key)) and not ended",
            as: UUID.self, UUID.self, String.self
        ).map { Till(id: $0.0, schoolID: $0.1, name: $0.2) }
    }

    /// Read by itself in one round trip.
    static func till(_ id: UUID, _ database: Database) async throws -> Till? {
        try await database.rows(
            "select id, school_id, name from till where id = \(id) and not ended", as: UUID.self, UUID.self, String.self
        ).first.map { Till(id: $0.0, schoolID: $0.1, name: $0.2) }
    }

    static func all(of school: UUID, in transaction: borrowing Transaction) throws -> [Till] {
        try transaction.rows(
            "select id, school_id, name from till where school_id = \(school) and not ended order by name",
            as: UUID.self, UUID.self, String.self
        ).map { Till(id: $0.0, schoolID: $0.1, name: $0.2) }
    }

    /// As the others hear of them, those that have ended too, in the order of their ids, for republishing.
    static func told(after: UUID?, limit: Int, in transaction: borrowing Transaction) throws -> [TillChanged] {
        try transaction.rows(
            """
            select id, version, school_id, name, ended from till
            where \(after)::uuid is null or id > \(after)::uuid order by id limit \(limit)
            """, as: UUID.self, Int64.self, UUID.self, String.self, Bool.self
        ).map { TillChanged(tillID: $0.0, version: $0.1, schoolID: $0.2, name: $0.3, ended: $0.4) }
    }
}

import Crypto
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
}

/// An operator brings a till into service.
struct RegisterTill {
    let school: UUID
    let name: String

    func run(in transaction: borrowing Transaction) throws -> Till.Key {
        // 256 random bits: nobody guesses it, so a plain hash is enough to keep it by.
        let key = Data((0..<32).map { _ in UInt8.random(in: .min ... .max) }).base64EncodedString()
            .replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
        let id = UUID.v7()
        try transaction.execute(
            "insert into till (id, school_id, name, key_hash) values (\(id), \(school), \(name), \(Till.hash(key)))")
        return Till.Key(tillID: id, key: key)
    }
}

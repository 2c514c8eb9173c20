import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// Why a till does not come into service, or is not called otherwise.
enum TillRefused: Error, Equatable {
    /// Families read the name: it has 1 to 60 signs.
    case unfitName
    /// Another till that works at the school has the name, so nobody could tell them apart in a statement.
    case nameTaken
    /// There is none, or it has ended.
    case noTill
}

/// An operator brings a till into service.
struct RegisterTill {
    let school: UUID
    let name: String

    /// - Throws: `TillRefused`.
    func run(in transaction: borrowing Transaction, outbox: Outbox) throws -> Till.Key {
        let name = try Till.fitting(name)
        // 256 random bits: nobody guesses it, so a plain hash is enough to keep it by.
        let key = Data((0..<32).map { _ in UInt8.random(in: .min ... .max) }).base64EncodedString()
            .replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
        let id = UUID.v7()
        let isNew = try transaction.execute(
            """
            insert into till (id, school_id, name, key_hash) values (\(id), \(school), \(name), \(Till.hash(key)))
            on conflict (school_id, name) where not ended do nothing
            """) == 1
        guard isNew else { throw TillRefused.nameTaken }
        try outbox.publish(TillChanged(tillID: id, version: 1, schoolID: school, name: name), in: transaction)
        return Till.Key(tillID: id, key: key)
    }
}

/// An operator calls a till otherwise. Statements say the new name of old sales too, for it is the same till; its key stays.
struct RenameTill {
    let till: UUID
    let name: String

    /// - Throws: `TillRefused`.
    func run(in transaction: borrowing Transaction, outbox: Outbox) throws {
        guard
            let (school, before, version) = try transaction.first(
                "select school_id, name, version from till where id = \(till) and not ended for update",
                as: UUID.self, String.self, Int64.self)
        else { throw TillRefused.noTill }
        let name = try Till.fitting(name)
        guard name != before else { return }
        do {
            try transaction.execute("update till set name = \(name), version = version + 1 where id = \(till)")
        } catch let error as PostgresError where error.constraint == "till_name_unique" {
            throw TillRefused.nameTaken
        }
        try outbox.publish(TillChanged(tillID: till, version: version + 1, schoolID: school, name: name), in: transaction)
    }
}

/// A till leaves service: its key sells nothing any more. What it sold stays, under its name.
struct EndTill {
    let till: UUID

    /// - Throws: `TillRefused`.
    func run(in transaction: borrowing Transaction, outbox: Outbox) throws {
        let ended = try transaction.first(
            """
            update till set ended = true, version = version + 1 where id = \(till) and not ended
            returning version, school_id, name
            """, as: Int64.self, UUID.self, String.self)
        guard let (version, school, name) = ended else { throw TillRefused.noTill }
        try outbox.publish(
            TillChanged(tillID: till, version: version, schoolID: school, name: name, ended: true), in: transaction)
    }
}

extension Till {
    static let longestName = 60

    /// A name that a till may have, without spaces around it. That no other till has it the database sees to.
    fileprivate static func fitting(_ name: String) throws -> String {
        let name = name.trimmingCharacters(in: .whitespacesAndNewlines)
        guard !name.isEmpty, name.count <= longestName else { throw TillRefused.unfitName }
        return name
    }
}

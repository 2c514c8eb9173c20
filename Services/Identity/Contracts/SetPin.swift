import Foundation
import Kernel
import Messaging
import Postgres

/// A PIN is set or replaced: by a guardian, who chooses it, or by staff, who print one (ID-31). Visits at terminals end.
struct SetPin: Sendable {
    let childID: UUID
    let pin: Pin
    let by: UUID
    let now: Date

    enum Refused: Error, Sendable, Equatable, CaseIterable {
        case notFourDigits, isTrivial, isAccountNumber, differ

        /// English; the catalogue has the Russian.
        var text: String {
            switch self {
            case .notFourDigits: "Four digits are needed."
            case .isTrivial: "Such a PIN is tried first. Choose another."
            case .isAccountNumber: "This stands in the account number. Choose another."
            case .differ: "The two PINs differ."
            }
        }
    }

    /// - Throws: ``Refused``, ``HashingBusy``.
    func run(_ database: Database, _ bench: HashingBench) async throws {
        let account = try await database.read {
            try $0.first("select account_number from pupil where person_id = \(childID)", as: String.self)
        }
        if pin.isTrivial { throw Refused.isTrivial }
        if pin.isPart(of: account ?? "") { throw Refused.isAccountNumber }
        let digits = pin.digits
        let hash = try await bench.run { try PasswordHash.make(digits) }
        try await database.transaction { transaction in
            try transaction.execute(
                """
                insert into pin (child_id, hash, set_at, set_by) values (\(childID), \(hash), \(now), \(by))
                on conflict (child_id) do update set hash = excluded.hash, set_at = excluded.set_at, set_by = excluded.set_by
                """)
            try transaction.execute(
                "update terminal_visit set ended_at = \(now) where child_id = \(childID) and ended_at is null")
            try Audit.note(.pinGiven, by: by, about: childID, at: now, in: transaction)
        }
    }

    /// What staff hand out: a random one.
    static func random(for childID: UUID, by: UUID, now: Date, _ database: Database, _ bench: HashingBench) async throws -> Pin {
        let account = try await database.read {
            try $0.first("select account_number from pupil where person_id = \(childID)", as: String.self)
        }
        var generator = SystemRandomNumberGenerator()
        let pin = Pin.random(notIn: account ?? "", using: &generator)
        try await SetPin(childID: childID, pin: pin, by: by, now: now).run(database, bench)
        return pin
    }
}

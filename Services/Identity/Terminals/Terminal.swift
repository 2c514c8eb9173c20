import Foundation
import Kernel
import Postgres

/// A terminal of a school: only from one of them a family signs in by number and PIN (ID-31).
struct Terminal: Sendable, Equatable {
    /// The cookie by which a terminal's browser is known.
    static let cookie = "__Host-terminal"
    static let cookieLife = 5 * 365 * 86_400

    let id: UUID
    let schoolID: UUID
    let name: String

    /// The terminal whose browser holds this key; nil for a stranger and for one that was taken out of service.
    static func holding(_ key: String?, in transaction: borrowing Transaction) throws -> Terminal? {
        guard let key, !key.isEmpty else { return nil }
        return try transaction.first(
            "select id, school_id, name from terminal where key_hash = \(RandomToken.hash(key)) and ended_at is null",
            as: UUID.self, UUID.self, String.self
        ).map { Terminal(id: $0.0, schoolID: $0.1, name: $0.2) }
    }

    /// A terminal as its administrator sees it.
    struct Listed: Sendable, Equatable {
        let id: UUID
        let schoolID: UUID
        let name: String
        let isSetUp: Bool
        let lastVisitAt: Date?
    }

    static func all(of schools: [UUID], in transaction: borrowing Transaction) throws -> [Listed] {
        try transaction.rows(
            """
            select t.id, t.school_id, t.name, t.key_hash is not null,
                (select max(v.touched_at) from terminal_visit v where v.terminal_id = t.id)
            from terminal t where t.school_id = any(\(schools)) and t.ended_at is null order by t.name, t.id
            """,
            as: UUID.self, UUID.self, String.self, Bool.self, Date?.self
        ).map { Listed(id: $0.0, schoolID: $0.1, name: $0.2, isSetUp: $0.3, lastVisitAt: $0.4) }
    }
}

/// The code that is typed into a terminal once: twelve signs of the invitations' alphabet, 57 bits, good for a day.
enum SetupCode {
    static let goodFor: TimeInterval = 86_400

    static func random() -> String {
        var generator = SystemRandomNumberGenerator()
        return String((0..<12).map { _ in InvitationCode.alphabet.randomElement(using: &generator) ?? "2" })
    }

    /// As people type it, in any case and with any dashes.
    static func hash(_ typed: String) -> Data {
        RandomToken.hash("terminal:" + typed.uppercased().filter { $0.isLetter || $0.isNumber })
    }

    static func spaced(_ code: String) -> String {
        [code.prefix(4), code.dropFirst(4).prefix(4), code.suffix(4)].joined(separator: "-")
    }
}

/// An administrator announces a terminal, or gives one a new code after its browser was changed.
struct RegisterTerminal: Sendable {
    let id: UUID
    let schoolID: UUID
    let name: String
    let by: UUID
    let now: Date

    /// - Returns: the code, shown this once.
    func run(in transaction: borrowing Transaction) throws -> String {
        let code = SetupCode.random()
        let until = now.addingTimeInterval(SetupCode.goodFor)
        try transaction.execute(
            """
            insert into terminal (id, school_id, name, setup_hash, setup_until, registered_by, registered_at)
            values (\(id), \(schoolID), \(name), \(SetupCode.hash(code)), \(until), \(by), \(now))
            on conflict (id) do update set setup_hash = excluded.setup_hash, setup_until = excluded.setup_until
            where terminal.ended_at is null
            """)
        try Audit.note(.terminalRegistered, by: by, school: schoolID, at: now, in: transaction)
        return SetupCode.spaced(code)
    }
}

/// Out of service: its key opens nothing any more, and who stands before it is signed out.
struct RevokeTerminal: Sendable {
    let id: UUID
    let now: Date

    func run(in transaction: borrowing Transaction) throws {
        try transaction.execute(
            "update terminal set ended_at = \(now), key_hash = null, setup_hash = null, setup_until = null where id = \(id) and ended_at is null")
        try transaction.execute("update terminal_visit set ended_at = \(now) where terminal_id = \(id) and ended_at is null")
    }
}

/// The code is typed in at the terminal, whose browser gets a key of its own.
struct SetUpTerminal: Sendable {
    let code: String
    let address: String
    let now: Date

    enum Outcome: Sendable {
        case ready(RandomToken)
        case unknown
        case wait(until: Date)
    }

    func run(in transaction: borrowing Transaction) throws -> Outcome {
        if case .wait(let until) = try Guessing.countCode(address: address, now: now, in: transaction) { return .wait(until: until) }
        let key = RandomToken.new()
        let found = try transaction.execute(
            """
            update terminal set key_hash = \(key.hash), setup_hash = null, setup_until = null, set_up_at = \(now)
            where setup_hash = \(SetupCode.hash(code)) and setup_until > \(now) and ended_at is null
            """)
        guard found == 1 else { return .unknown }
        try Guessing.forgiveCode(address: address, in: transaction)
        return .ready(key)
    }
}

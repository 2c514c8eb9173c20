import Foundation
import Kernel
import Postgres
import Web

/// A family enters the cabinet at a terminal by account number and PIN (ID-31, AC-19).
///
/// Four digits are guessed in an afternoon where nobody counts; here wrong ones are counted per account (a quarter of an hour
/// and a day), per terminal and overall, before the PIN is looked at. A right one takes its own count back.
struct TerminalSignIn: Sendable {
    let terminal: Terminal
    let accountNumber: String
    let pin: String
    let now: Date

    enum Outcome: Sendable {
        case entered(KioskGuest)
        /// Number or PIN: it is not said which.
        case wrong
        case wait(until: Date)
    }

    /// What a PIN is compared with when there is none, so that the answer takes as long.
    private static let nobody = try? PasswordHash.make("nobody")

    func run(_ database: Database, _ bench: HashingBench, language: String) async throws -> Outcome {
        let account = accountNumber.filter { $0.isASCII && $0.isNumber }
        let counts = (account: String(account.prefix(20)), terminal: terminal.id.text)
        let first = try await database.transaction { transaction -> (Guessing.Verdict, (UUID, String, String)?) in
            let verdict = try Guessing.countPin(account: counts.account, terminal: counts.terminal, now: now, in: transaction)
            let found = try transaction.first(
                """
                select u.person_id, u.pupil_code, n.hash from pupil u join pin n on n.child_id = u.person_id
                where u.account_number = \(account) and not u.ended
                """,
                as: UUID.self, String.self, String.self)
            return (verdict, found)
        }
        if case .wait(let until) = first.0 { return .wait(until: until) }
        let (hash, digits) = (first.1?.2 ?? Self.nobody ?? "", String(pin.prefix(20)))
        let isRight = try await bench.run { PasswordHash.verify(digits, against: hash) }
        guard isRight, let (child, code, _) = first.1 else { return .wrong }
        let session = UUID.v7(at: now)
        let terminal = terminal
        let isOpen = try await database.transaction { transaction -> Bool in
            try Guessing.forgivePin(account: counts.account, terminal: counts.terminal, in: transaction)
            // One at a time: whoever forgot to leave has left.
            try transaction.execute(
                "update terminal_visit set ended_at = \(now) where terminal_id = \(terminal.id) and ended_at is null")
            return try transaction.execute(
                """
                insert into terminal_visit (id, terminal_id, child_id, started_at, touched_at)
                select \(session), t.id, \(child), \(now), \(now) from terminal t join pin n on n.child_id = \(child)
                where t.id = \(terminal.id) and t.ended_at is null and n.hash = \(hash)
                """) == 1
        }
        return isOpen ? .entered(KioskGuest(pupil: child, session: session, code: code, language: language)) : .wrong
    }
}

/// A key of the cabinet is touched: the minute and a half begin anew, but not for ever.
struct TouchVisit: Sendable {
    /// The longest that anybody stands before a terminal.
    static let most: TimeInterval = 600

    let session: UUID
    let now: Date

    /// Forgets visits that are long over.
    static func sweep(now: Date, in transaction: borrowing Transaction) throws {
        try transaction.execute("delete from terminal_visit where touched_at < \(now.addingTimeInterval(-35 * 86_400))")
    }

    /// - Returns: whether the visit goes on.
    func run(in transaction: borrowing Transaction) throws -> Bool {
        try transaction.execute(
            """
            update terminal_visit v set touched_at = \(now)
            from terminal t, pupil u
            where v.id = \(session) and v.ended_at is null and t.id = v.terminal_id and t.ended_at is null
                and u.person_id = v.child_id and not u.ended
                and v.touched_at > \(now.addingTimeInterval(-KioskToken.seconds - 1))
                and v.started_at > \(now.addingTimeInterval(-Self.most))
            """) == 1
    }
}

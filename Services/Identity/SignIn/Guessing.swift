import Foundation
import Postgres

/// How often one may guess, and how a stranger's guessing does not become the owner's lock-out.
///
/// Wrong attempts are counted in windows: per account and address together, per address, per account, and overall. The
/// first is narrow, the others wide: one stranger's wrong passwords close the account to *his* address only. Somebody
/// who guesses from many addresses makes the account wait for everybody, except for browsers in which its owner has
/// signed in before: those carry a token and are counted by themselves. A flood over all accounts does not
/// stop anybody who has made no mistake; it narrows what an address may still try.
///
/// Every attempt is counted before the password is looked at, so that many at once cannot slip through
/// together, and a right one takes its count back.
enum Guessing {
    enum Scope: String, CaseIterable {
        /// A known browser at its owner's account.
        case device
        /// The own password, asked again inside a session.
        case own
        /// One account from one address.
        case pair
        case address
        case account
        case overall
        /// Invitation codes from one address, and from all.
        case codeAddress = "code-address"
        case codeOverall = "code-overall"
        /// Asking for the way to a new password, from one address; and for one login or e-mail, whether it exists or not.
        case recoveryAddress = "recovery-address"
        case recovery
        /// Letters with a link that one person has asked for.
        case letter
        /// Coming back from Gosuslugi without being let in, from one address.
        case portal
        /// PINs at terminals (ID-31): of an account in a quarter of an hour and in a day, at one terminal, and at all.
        case pinAccount = "pin-account"
        case pinDay = "pin-day"
        case pinTerminal = "pin-terminal"
        case pinOverall = "pin-overall"
        /// The second step of one person: in a browser of his, from one address, and from everywhere.
        case factorDevice = "factor-device"
        case factorPair = "factor-pair"
        case factor

        /// Attempts in a window, and its length in seconds.
        var limit: (attempts: Int, window: TimeInterval) {
            switch self {
            case .device, .own: (10, 15 * 60)
            case .pair: (5, 15 * 60)
            case .address: (60, 15 * 60)
            case .account: (40, 15 * 60)
            case .overall: (600, 60)
            case .codeAddress: (20, 15 * 60)
            case .codeOverall: (200, 60)
            case .recoveryAddress: (60, 3600)
            case .recovery, .letter: (3, 3600)
            case .portal: (40, 15 * 60)
            case .pinAccount: (5, 15 * 60)
            // Ten thousand PINs at twenty a day: more than a year of standing in a school's hall.
            case .pinDay: (20, 86_400)
            case .pinTerminal: (60, 15 * 60)
            case .pinOverall: (600, 60)
            case .factorDevice: (10, 15 * 60)
            case .factorPair: (5, 15 * 60)
            // A guess hits once in 333,000: with thirty a day from outside it takes a man's life.
            case .factor: (30, 86_400)
            }
        }

        /// What is left of an address's limit while everything is being flooded.
        static let addressInFlood = 5
    }

    enum Verdict: Equatable, Sendable {
        /// May be tried; so many wrong ones are left after this.
        case allowed(left: Int)
        case wait(until: Date)
    }

    /// Counts an attempt to sign in.
    ///
    /// - Parameter account: the login as compared, whether or not there is such an account.
    /// - Parameter device: the hash of the browser's token, if it belongs to this account.
    static func countSignIn(
        account: String, address: String, device: Data?, now: Date, in transaction: borrowing Transaction
    ) throws -> Verdict {
        if let device {
            return try count(.device, device, limit: Scope.device.limit.attempts, now: now, in: transaction)
        }
        let pair = try count(
            .pair, pairKey(account, address), of: key(account), limit: Scope.pair.limit.attempts, now: now, in: transaction)
        guard case .allowed = pair else { return pair }
        let flood = try count(.overall, Data(), limit: Scope.overall.limit.attempts, now: now, in: transaction)
        var limit = Scope.address.limit.attempts
        if case .wait = flood { limit = Scope.addressInFlood }
        let whole = try count(.address, key(address), limit: limit, now: now, in: transaction)
        guard case .allowed = whole else { return whole }
        let all = try count(.account, key(account), limit: Scope.account.limit.attempts, now: now, in: transaction)
        guard case .allowed = all else { return all }
        return pair
    }

    /// Takes a right attempt's count back.
    static func forgiveSignIn(
        account: String, address: String, device: Data?, in transaction: borrowing Transaction
    ) throws {
        if let device { return try forget(.device, device, in: transaction) }
        try forget(.pair, pairKey(account, address), in: transaction)
        try takeBack(.overall, Data(), in: transaction)
        try takeBack(.address, key(address), in: transaction)
        try takeBack(.account, key(account), in: transaction)
    }

    /// Counts an attempt to use an invitation code.
    static func countCode(address: String, now: Date, in transaction: borrowing Transaction) throws -> Verdict {
        let flood = try count(.codeOverall, Data(), limit: Scope.codeOverall.limit.attempts, now: now, in: transaction)
        var limit = Scope.codeAddress.limit.attempts
        if case .wait = flood { limit = Scope.addressInFlood }
        return try count(.codeAddress, key(address), limit: limit, now: now, in: transaction)
    }

    static func forgiveCode(address: String, in transaction: borrowing Transaction) throws {
        try takeBack(.codeOverall, Data(), in: transaction)
        try takeBack(.codeAddress, key(address), in: transaction)
    }

    /// Counts a proof of the own password inside a session.
    static func countOwn(_ person: String, now: Date, in transaction: borrowing Transaction) throws -> Verdict {
        try count(.own, key(person), limit: Scope.own.limit.attempts, now: now, in: transaction)
    }

    static func forgiveOwn(_ person: String, in transaction: borrowing Transaction) throws {
        try forget(.own, key(person), in: transaction)
    }

    /// Counts an attempt at the second step. Only who knows the password gets here, from wherever he is; the owner's own browsers are
    /// counted apart from him.
    static func countFactor(
        _ person: String, address: String, device: Data?, now: Date, in transaction: borrowing Transaction
    ) throws -> Verdict {
        if let device {
            return try count(.factorDevice, device, limit: Scope.factorDevice.limit.attempts, now: now, in: transaction)
        }
        let pair = try count(
            .factorPair, pairKey(person, address), of: key(person), limit: Scope.factorPair.limit.attempts, now: now, in: transaction)
        guard case .allowed = pair else { return pair }
        let all = try count(.factor, key(person), limit: Scope.factor.limit.attempts, now: now, in: transaction)
        guard case .allowed = all else { return all }
        return pair
    }

    static func forgiveFactor(
        _ person: String, address: String, device: Data?, in transaction: borrowing Transaction
    ) throws {
        if let device { return try forget(.factorDevice, device, in: transaction) }
        try forget(.factorPair, pairKey(person, address), in: transaction)
        try takeBack(.factor, key(person), in: transaction)
    }

    /// Forgets what was counted against an account from everywhere, when its curator says that its owner stands before him.
    static func forgetAll(of account: String, person: String, in transaction: borrowing Transaction) throws {
        try forget(.account, key(account), in: transaction)
        try forget(.factor, key(person), in: transaction)
        try transaction.execute(
            """
            delete from guess where account = any(\([key(account), key(person)]))
              and scope in (\(Scope.pair.rawValue), \(Scope.factorPair.rawValue))
            """)
    }

    /// Counts a question for the way to a new password; an address that asks for everybody has to wait.
    static func countRecovery(address: String, now: Date, in transaction: borrowing Transaction) throws -> Verdict {
        try count(.recoveryAddress, key(address), limit: Scope.recoveryAddress.limit.attempts, now: now, in: transaction)
    }

    /// Counts questions about one login or e-mail: after a few no more letters go out, and nobody is told.
    static func countRecovery(of account: String, now: Date, in transaction: borrowing Transaction) throws -> Verdict {
        try count(.recovery, key(account), limit: Scope.recovery.limit.attempts, now: now, in: transaction)
    }

    /// Counts letters that somebody asks for himself.
    static func countLetter(of person: String, now: Date, in transaction: borrowing Transaction) throws -> Verdict {
        try count(.letter, key(person), limit: Scope.letter.limit.attempts, now: now, in: transaction)
    }

    /// Counts a way back from Gosuslugi, each of which makes us ask the portal; one that succeeds is taken back.
    static func countPortal(address: String, now: Date, in transaction: borrowing Transaction) throws -> Verdict {
        try count(.portal, key(address), limit: Scope.portal.limit.attempts, now: now, in: transaction)
    }

    static func forgivePortal(address: String, in transaction: borrowing Transaction) throws {
        try takeBack(.portal, key(address), in: transaction)
    }

    /// Counts an attempt with a PIN at a terminal.
    static func countPin(
        account: String, terminal: String, now: Date, in transaction: borrowing Transaction
    ) throws -> Verdict {
        // From the widest to the narrowest: what is shut out there does not use up the owner's attempts.
        for (scope, subject) in pinScopes(account, terminal) {
            let verdict = try count(scope, subject, limit: scope.limit.attempts, now: now, in: transaction)
            guard case .allowed = verdict else { return verdict }
        }
        return .allowed(left: 0)
    }

    /// Takes a right PIN's count back.
    static func forgivePin(account: String, terminal: String, in transaction: borrowing Transaction) throws {
        for (scope, subject) in pinScopes(account, terminal) { try takeBack(scope, subject, in: transaction) }
    }

    private static func pinScopes(_ account: String, _ terminal: String) -> [(Scope, Data)] {
        [(.pinOverall, Data()), (.pinTerminal, key(terminal)), (.pinAccount, key(account)), (.pinDay, key(account))]
    }

    /// Removes windows that are over.
    static func sweep(now: Date, in transaction: borrowing Transaction) throws {
        try transaction.execute("delete from guess where window_ends_at < \(now)")
    }

    /// What attempts in a window mean: pure, so that the boundary can be tested.
    static func verdict(attempts: Int, limit: Int, windowEnds: Date) -> Verdict {
        attempts <= limit ? .allowed(left: limit - attempts) : .wait(until: windowEnds)
    }

    /// - Parameter account: whose counter of one address it is, so that it can be forgotten with the others of his.
    private static func count(
        _ scope: Scope, _ subject: Data, of account: Data? = nil, limit: Int, now: Date, in transaction: borrowing Transaction
    ) throws -> Verdict {
        let ends = now.addingTimeInterval(scope.limit.window)
        let counted = try transaction.first(
            """
            insert into guess as g (scope, subject, account, attempts, window_ends_at)
            values (\(scope.rawValue), \(subject), \(account), 1, \(ends))
            on conflict (scope, subject) do update set
                attempts = case when g.window_ends_at <= \(now) then 1 else g.attempts + 1 end,
                window_ends_at = case when g.window_ends_at <= \(now) then excluded.window_ends_at else g.window_ends_at end
            returning g.attempts, g.window_ends_at
            """,
            as: Int.self, Date.self)
        guard let (attempts, windowEnds) = counted else { return .allowed(left: 0) }
        return verdict(attempts: attempts, limit: limit, windowEnds: windowEnds)
    }

    private static func takeBack(_ scope: Scope, _ subject: Data, in transaction: borrowing Transaction) throws {
        try transaction.execute(
            """
            update guess set attempts = greatest(attempts - 1, 0)
            where scope = \(scope.rawValue) and subject = \(subject)
            """)
    }

    private static func forget(_ scope: Scope, _ subject: Data, in transaction: borrowing Transaction) throws {
        try transaction.execute("delete from guess where scope = \(scope.rawValue) and subject = \(subject)")
    }

    /// Addresses and logins are not kept readable in the counters.
    private static func key(_ text: String) -> Data { RandomToken.hash(text) }

    private static func pairKey(_ account: String, _ address: String) -> Data { key(account + "\u{0}" + address) }
}

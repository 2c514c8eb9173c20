import Foundation
import Kernel
import Postgres

/// The code of the second step, or a recovery code instead of it, at the sign-in.
///
/// Guesses are counted before the code is looked at, like those at passwords: by the person and the address together, by the person,
/// and apart from both for a browser in which he has signed in before. Here only somebody guesses who knows the password already.
struct ProveSecondStep: Sendable {
    let ticket: String
    let code: String
    let address: String
    let agent: String
    /// The token by which a browser shows that its person has signed in here before.
    let device: String?
    let now: Date

    enum Outcome: Sendable {
        /// - Parameter codesLeft: recovery codes that are left after one was used.
        case signedIn(OpenedSession, device: RandomToken, codesLeft: Int?)
        case wrong(attemptsLeft: Int)
        case wait(until: Date)
        /// The ticket's ten minutes are over, or it has been used.
        case over
    }

    func run(_ database: Database, _ box: SecretBox) async throws -> Outcome {
        try await database.transaction { try run(in: $0, box) }
    }

    private func run(in transaction: borrowing Transaction, _ box: SecretBox) throws -> Outcome {
        guard let personID = try FactorTicket.holder(ticket, now: now, in: transaction) else { return .over }
        let known = try KnownBrowser.hash(device, of: personID, in: transaction)
        let verdict = try Guessing.countFactor(personID.text, address: address, device: known, now: now, in: transaction)
        guard case .allowed(let left) = verdict else {
            if case .wait(let until) = verdict { return .wait(until: until) }
            return .over
        }
        guard let found = try SecondFactor.timeCode(of: personID, confirmed: true, box, in: transaction) else { return .over }
        var codesLeft: Int?
        if let step = found.code.step(of: code, at: now, after: found.lastStep) {
            try transaction.execute("update second_factor set last_step = \(step) where person_id = \(personID)")
        } else if let recovery = RecoveryCode(code), try RecoveryCodes.use(recovery, of: personID, box, now: now, in: transaction) {
            codesLeft = try RecoveryCodes.left(of: personID, in: transaction)
            try Audit.note(
                .recoveryCodeUsed, by: personID, about: personID, detail: ["left": "\(codesLeft ?? 0)"], at: now, in: transaction)
        } else {
            return .wrong(attemptsLeft: left)
        }
        guard try FactorTicket.use(ticket, in: transaction) else { return .over }
        try Guessing.forgiveFactor(personID.text, address: address, device: known, in: transaction)
        let (session, token) = try SignIn.enter(
            personID, device: known == nil ? nil : device, address: address, agent: agent, now: now, in: transaction)
        return .signedIn(session, device: token, codesLeft: codesLeft)
    }
}

/// A browser in which somebody has signed in before.
enum KnownBrowser {
    /// The hash of the browser's token when it is this person's.
    static func hash(_ token: String?, of personID: UUID, in transaction: borrowing Transaction) throws -> Data? {
        guard let token else { return nil }
        let hash = RandomToken.hash(token)
        let isKnown = try transaction.first(
            "select exists (select from device where token_hash = \(hash) and person_id = \(personID))", as: Bool.self)
        return isKnown == true ? hash : nil
    }
}

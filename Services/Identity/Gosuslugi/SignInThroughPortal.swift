import Foundation
import Kernel
import Postgres

/// Somebody whom the portal has named comes in (ID-19): found by the СНИЛС that staff have entered, admitted by ID-20 and
/// ID-21, with a session like any other.
struct SignInThroughPortal: Sendable {
    let person: PortalPerson
    let book: SnilsBook
    let address: String
    let agent: String
    /// The token by which a browser shows that its person has signed in here before.
    let device: String?
    let today: Day
    let now: Date

    /// - Throws: ``PortalRefusal``.
    func run(in transaction: borrowing Transaction) throws -> SignIn.Outcome {
        let snils = try PortalAdmission.snils(of: person)
        guard let found = try book.find(snils, in: transaction) else { throw PortalRefusal.unknown }
        try PortalAdmission.check(person, isPupil: found.isPupil, knownBirth: found.birthDate, today: today)
        var known: String?
        if let device {
            let hash = RandomToken.hash(device)
            let isKnown = try transaction.first(
                "select exists (select from device where token_hash = \(hash) and person_id = \(found.personID))", as: Bool.self)
            if isKnown == true { known = device }
        }
        return try SignIn.open(found.personID, device: known, address: address, agent: agent, now: now, in: transaction)
    }
}

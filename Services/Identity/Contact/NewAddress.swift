import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// An address that its owner enters: it waits, and his letter asks him to confirm it (ID-14). What counted before counts on.
struct NewAddress: Sendable {
    let personID: UUID
    let email: EmailAddress
    let now: Date

    /// Writes it down and sends the letter; the caller publishes the contact.
    ///
    /// - Returns: whether the contact is another now.
    @discardableResult
    func enter(in transaction: borrowing Transaction, _ letters: AccessLetters) throws -> Bool {
        let found = try transaction.first(
            "select email, email_confirmed, new_email from contact where person_id = \(personID) for update",
            as: String?.self, Bool.self, String?.self)
        guard let (present, isConfirmed, waiting) = found else { return false }
        if present?.lowercased() == email.text.lowercased() {
            // Back to what counts: whatever waited is withdrawn.
            let isChanged = try transaction.execute(
                "update contact set new_email = null, version = version + 1 where person_id = \(personID) and new_email is not null") > 0
            if isChanged { try LetterToken.withdraw(.confirm, of: personID, in: transaction) }
            if !isConfirmed { try letters.askToConfirm(email.text, of: personID, now: now, in: transaction) }
            return isChanged
        }
        guard waiting != email.text else { return false }
        try transaction.execute(
            "update contact set new_email = \(email.text), version = version + 1 where person_id = \(personID)")
        try letters.askToConfirm(email.text, of: personID, now: now, in: transaction)
        if let present { try letters.tellOld(present, of: personID, new: email.text, now: now, in: transaction) }
        return true
    }
}

/// Another phone or e-mail address (ID-23, ID-24).
///
/// Whoever has the mailbox can get a new password, so an open browser is not enough to change the address: the password is
/// asked for, the new address has to be confirmed, and the old one is told.
struct ChangeContact: Sendable {
    let personID: UUID
    let phone: String
    let email: String
    /// Needed only when the address changes.
    let password: String
    let now: Date

    /// - Throws: ``ProfileRefused`` by field.
    func run(_ database: Database, _ letters: AccessLetters, _ bench: HashingBench) async throws {
        let (kind, shown) = try await database.read { transaction -> (String?, String?) in
            let kind = try transaction.first("select kind from person where id = \(personID)", as: String.self)
            let shown = try transaction.rows(
                "select coalesce(new_email, email) from contact where person_id = \(personID)", as: String?.self)
            return (kind, shown.first ?? nil)
        }
        let (number, address) = try check(isGuardian: kind == "guardian")
        if address?.text.lowercased() != shown?.lowercased() {
            try await OwnPassword(personID: personID, password: password, now: now)
                .prove(database, bench, field: "contact-password")
        }
        try await database.transaction { transaction in
            var isChanged = try transaction.execute(
                """
                insert into contact as c (person_id, phone) values (\(personID), \(number?.text))
                on conflict (person_id) do update set phone = excluded.phone, version = c.version + 1
                where c.phone is distinct from excluded.phone
                """) > 0
            if let address {
                isChanged = try NewAddress(personID: personID, email: address, now: now).enter(in: transaction, letters) || isChanged
            } else {
                isChanged = try remove(in: transaction, letters) || isChanged
            }
            if isChanged { try TouchedPeople(contacts: [personID]).publish(to: letters.outbox, in: transaction) }
        }
    }

    /// ID-10: a guardian cannot do without; pupils and staff may leave them empty.
    private func check(isGuardian: Bool) throws -> (PhoneNumber?, EmailAddress?) {
        var wrong: [String: FieldMessage] = [:]
        let number = PhoneNumber(phone)
        let address = EmailAddress(email)
        if phone.trimmed.isEmpty {
            if isGuardian { wrong["phone"] = "Parents give a mobile phone: the school reaches them by it." }
        } else if number == nil {
            wrong["phone"] = "This is no phone number. Write it like +7 916 123-45-67."
        }
        if email.trimmed.isEmpty {
            if isGuardian { wrong["email"] = "Parents give an e-mail address: letters about the child come to it." }
        } else if address == nil {
            wrong["email"] = "This is no e-mail address."
        }
        guard wrong.isEmpty else { throw ProfileRefused(fields: wrong) }
        return (number, address)
    }

    private func remove(in transaction: borrowing Transaction, _ letters: AccessLetters) throws -> Bool {
        let found = try transaction.first(
            "select email, new_email from contact where person_id = \(personID) for update", as: String?.self, String?.self)
        guard let (present, waiting) = found, present != nil || waiting != nil else { return false }
        try transaction.execute(
            """
            update contact set email = null, new_email = null, email_confirmed = false, email_from_school = false,
                version = version + 1
            where person_id = \(personID)
            """)
        try LetterToken.withdraw(.confirm, of: personID, in: transaction)
        try LetterToken.withdraw(.recover, of: personID, in: transaction)
        if let present { try letters.tellOld(present, of: personID, new: nil, now: now, in: transaction) }
        return true
    }
}

/// The owner of an address answers its letter: from now on it counts, and the way back by letter is open (ID-15).
struct ConfirmAddress: Sendable {
    let token: String
    let now: Date

    /// - Returns: the address; nil when the link is used up, too old, or about an address that was replaced since.
    func run(in transaction: borrowing Transaction, _ outbox: Outbox) throws -> String? {
        guard let found = try LetterToken.use(token, .confirm, now: now, in: transaction) else { return nil }
        let changed = try transaction.execute(
            """
            update contact set email_from_school = email_from_school and email is not distinct from \(found.email),
                email = \(found.email), email_confirmed = true, new_email = nullif(new_email, \(found.email)),
                version = version + 1
            where person_id = \(found.personID) and \(found.email) in (email, new_email)
            """)
        guard changed > 0 else { return nil }
        // A way in that was sent to the address of before is good no more.
        try transaction.execute(
            """
            delete from letter_token where person_id = \(found.personID) and purpose = 'recover' and email <> \(found.email)
            """)
        try TouchedPeople(contacts: [found.personID]).publish(to: outbox, in: transaction)
        return found.email
    }
}

/// The letter did not come: another one, a few times an hour.
struct AskToConfirmAgain: Sendable {
    let personID: UUID
    let now: Date

    enum Outcome: Sendable, Equatable {
        case sent(String)
        case nothingToConfirm
        case wait(until: Date)
    }

    func run(in transaction: borrowing Transaction, _ letters: AccessLetters) throws -> Outcome {
        let found = try transaction.first(
            "select email, email_confirmed, new_email from contact where person_id = \(personID) for update",
            as: String?.self, Bool.self, String?.self)
        guard let (present, isConfirmed, waiting) = found, let email = waiting ?? (isConfirmed ? nil : present) else {
            return .nothingToConfirm
        }
        if case .wait(let until) = try Guessing.countLetter(of: personID.text, now: now, in: transaction) { return .wait(until: until) }
        try letters.askToConfirm(email, of: personID, now: now, in: transaction)
        return .sent(email)
    }
}

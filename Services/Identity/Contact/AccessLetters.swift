import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// Letters about somebody's own access. Identity says what they are for, Notifier writes and sends them: the command leaves
/// in the transaction of the change, so that no link is sent that is not good, and none is good that was not sent.
struct AccessLetters: Sendable {
    let outbox: Outbox
    let publicAddress: String

    /// Asks the owner of an address to confirm it (ID-14).
    func askToConfirm(_ email: String, of personID: UUID, now: Date, in transaction: borrowing Transaction) throws {
        let token = try LetterToken.issue(.confirm, for: personID, at: email, now: now, in: transaction)
        try send(
            .confirmAddress, to: email, personID, link: "/identity/confirmation/\(token.text)",
            until: now.addingTimeInterval(LetterToken.Purpose.confirm.goodFor), now: now, in: transaction)
    }

    /// Tells the address that counted so far that another one was entered.
    func tellOld(_ email: String, of personID: UUID, new: String?, now: Date, in transaction: borrowing Transaction) throws {
        try send(
            .addressChanged, to: email, personID, about: new.map(EmailAddress.masked), link: "/identity/profile",
            until: now.addingTimeInterval(3 * 86_400), now: now, in: transaction)
    }

    /// The way to a new password (ID-17), with the login in case that was forgotten.
    func recover(_ email: String, of personID: UUID, now: Date, in transaction: borrowing Transaction) throws {
        let token = try LetterToken.issue(.recover, for: personID, at: email, now: now, in: transaction)
        let login = try transaction.first("select name from login where person_id = \(personID)", as: String.self)
        try send(
            .recoverAccess, to: email, personID, about: login, link: "/identity/recovery/\(token.text)",
            until: now.addingTimeInterval(LetterToken.Purpose.recover.goodFor), now: now, in: transaction)
    }

    /// Tells the confirmed address of a person, if there is one, that the ways in have changed.
    func tellChanged(_ personID: UUID, now: Date, in transaction: borrowing Transaction) throws {
        let email = try transaction.first(
            "select email from contact where person_id = \(personID) and email_confirmed and email is not null", as: String.self)
        guard let email else { return }
        try send(
            .accessChanged, to: email, personID, link: "/identity/profile", until: now.addingTimeInterval(3 * 86_400), now: now,
            in: transaction)
    }

    private func send(
        _ kind: AccessLetterKind, to email: String, _ personID: UUID, about: String? = nil, link: String, until: Date, now: Date,
        in transaction: borrowing Transaction
    ) throws {
        let found = try transaction.first(
            """
            select p.given_name, p.patronymic, coalesce(c.language, 'ru')
            from person p left join contact c on c.person_id = p.id where p.id = \(personID)
            """,
            as: String.self, String?.self, String.self)
        guard let (given, patronymic, language) = found else { return }
        try outbox.publish(
            SendAccessLetter(
                letterID: UUID.v7(at: now), personID: personID, kind: kind, email: email, language: language,
                greeting: [given, patronymic].compactMap(\.self).joined(separator: " "), about: about,
                link: publicAddress + link, expiresAt: until),
            in: transaction)
    }
}

extension EmailAddress {
    /// Enough for its owner to know it again: «o…a@example.org».
    static func masked(_ text: String) -> String {
        guard let at = text.lastIndex(of: "@") else { return "…" }
        let local = text[..<at]
        guard let first = local.first, let last = local.last, local.count > 2 else { return "…" + text[at...] }
        return "\(first)…\(last)" + text[at...]
    }
}

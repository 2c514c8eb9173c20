import Events
import Foundation
import Kernel
import Mail
import Postgres
import Web

/// A letter about somebody's own access that waits to be sent.
struct AccessLetter: Sendable, Equatable, Identifiable {
    let id: UUID
    let personID: UUID
    let kind: AccessLetterKind
    let email: String
    let language: Language
    let greeting: String
    let about: String?
    let link: String?
    let expiresAt: Date?
    let attempts: Int
}

/// Letters about access from the command to the end: each identifier is one letter. A letter that was sent keeps no link.
enum AccessLetters {
    /// So long a letter is one worker's; longer than the mail server is waited for.
    static let claim: TimeInterval = 300

    static func take(_ commands: [SendAccessLetter], in tx: borrowing Transaction) throws {
        try tx.execute(
            """
            insert into access_letter (id, person_id, kind, email, language, greeting, about, link, expires_at)
            select * from unnest(\(commands.map(\.letterID)), \(commands.map(\.personID)), \(commands.map(\.kind.rawValue)),
                \(commands.map(\.email)), \(commands.map(\.language)), \(commands.map(\.greeting)), \(commands.map(\.about)),
                \(commands.map(\.link)), \(commands.map(\.expiresAt)))
            on conflict (id) do nothing
            """)
    }

    /// Takes letters to send; what has come too late is not sent any more.
    static func claim(at now: Date, by worker: UUID, limit: Int = 20, in tx: borrowing Transaction) throws -> [AccessLetter] {
        try tx.execute(
            """
            update access_letter set state = 'late', link = null, about = null, ended_at = \(now), claimed_until = null
            where state in ('waiting', 'sending') and expires_at <= \(now)
                and (claimed_until is null or claimed_until <= \(now))
            """)
        return try tx.rows(
            """
            update access_letter set state = 'sending', attempts = attempts + 1, claimed_by = \(worker),
                claimed_until = \(now.addingTimeInterval(claim))
            where id in (
                select id from access_letter where state in ('waiting', 'sending') and try_after <= \(now)
                    and (claimed_until is null or claimed_until <= \(now))
                order by try_after, id limit \(limit) for update skip locked)
            returning id, person_id, kind, email, language, greeting, about, link, expires_at, attempts
            """, as: UUID.self, UUID.self, String.self, String.self, String.self, String.self, String?.self, String?.self,
            Date?.self, Int.self
        ).compactMap { row in
            AccessLetterKind(rawValue: row.2).map {
                AccessLetter(
                    id: row.0, personID: row.1, kind: $0, email: row.3, language: Language(rawValue: row.4) ?? .russian,
                    greeting: row.5, about: row.6, link: row.7, expiresAt: row.8, attempts: row.9)
            }
        }
    }

    static func renew(_ ids: [UUID], at now: Date, by worker: UUID, in tx: borrowing Transaction) throws -> Set<UUID> {
        Set(
            try tx.rows(
                """
                update access_letter set claimed_until = \(now.addingTimeInterval(claim))
                where id = any(\(ids)) and claimed_by = \(worker) and state = 'sending' returning id
                """, as: UUID.self))
    }

    static func release(_ ids: [UUID], by worker: UUID, in tx: borrowing Transaction) throws {
        try tx.execute(
            """
            update access_letter set state = 'waiting', claimed_until = null, claimed_by = null, attempts = attempts - 1
            where id = any(\(ids)) and claimed_by = \(worker) and state = 'sending'
            """)
    }

    static func settle(
        _ ended: [(item: AccessLetter, outcome: LetterOutcome)], at now: Date, in tx: borrowing Transaction
    ) throws {
        for (letter, outcome) in ended {
            switch outcome {
            case .sent, .refused:
                let reason: String? = if case .refused(let reason) = outcome { reason } else { nil }
                try tx.execute(
                    """
                    update access_letter set state = \(reason == nil ? "sent" : "refused"), last_error = \(reason),
                        link = null, about = null, claimed_until = null, ended_at = \(now)
                    where id = \(letter.id) and state = 'sending'
                    """)
            case .later(let reason):
                // Somebody waits before his screen: half a minute, then twice as long, up to ten minutes.
                let pause = min(600, 30 * Double(1 << min(5, letter.attempts - 1)))
                try tx.execute(
                    """
                    update access_letter set state = 'waiting', last_error = \(reason), claimed_until = null,
                        try_after = \(now.addingTimeInterval(pause))
                    where id = \(letter.id) and state = 'sending'
                    """)
            }
        }
    }

    static func sweep(at now: Date, in tx: borrowing Transaction) throws {
        try tx.execute("delete from access_letter where ended_at < \(now.addingTimeInterval(-35 * 86_400))")
    }
}

/// What a letter about access says, for both of its forms.
struct AccessLetterContent: Sendable {
    let subject: String
    let greeting: String
    let paragraphs: [String]
    let fact: String?
    let button: String?
    let link: String?
    let closing: String
    let brand: String

    init(_ letter: AccessLetter, _ words: Words) {
        greeting = letter.greeting
        link = letter.link
        brand = words.tr("Zvonok")
        let until = letter.expiresAt.map { words.format.moment($0, now: .distantPast) }
        switch letter.kind {
        case .confirmAddress:
            subject = words.tr("Confirm your e-mail address")
            paragraphs = [words.tr("This address was entered for the school cabinet. Confirm that it is yours: then letters come here, and a forgotten password can be replaced by letter.")]
            (fact, button) = (nil, words.tr("Confirm the address"))
            closing = words.tr("If you did not enter it, do nothing: no more letters will come.")
        case .addressChanged:
            subject = words.tr("Another address was entered for your cabinet")
            let new = letter.about.map { words.tr("The new address is %@. It counts as soon as it is confirmed there; until then letters come here.", $0) }
            paragraphs = [new ?? words.tr("Your address was removed from the school cabinet. Letters will not come here any more.")]
            (fact, button) = (nil, words.tr("Look at the profile"))
            closing = words.tr("If it was not you, change your password and tell the curator of the school.")
        case .recoverAccess:
            subject = words.tr("A new password for the school cabinet")
            paragraphs = [
                words.tr("Somebody, probably you, has asked for the way to a new password."),
                until.map { words.tr("The link is good once, until %@.", $0) },
            ].compactMap(\.self)
            (fact, button) = (letter.about.map { words.tr("Your login: %@", $0) }, words.tr("Choose a new password"))
            closing = words.tr("If it was not you, do nothing: your password stays as it is.")
        case .accessChanged:
            subject = words.tr("The way into your cabinet was changed")
            paragraphs = [words.tr("Your password or the second step of signing in was changed, and other sessions were ended.")]
            (fact, button) = (nil, words.tr("Look at the profile"))
            closing = words.tr("If it was not you, tell the curator of the school at once.")
        }
    }
}

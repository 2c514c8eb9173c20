import Directory
import Events
import Foundation
import Kernel
import Messaging
import Postgres
import Web

/// A letter that waits to be sent: frozen, so that every repeat is the same.
struct Digest: Sendable, Equatable, Identifiable {
    let id: UUID
    let personID: UUID
    let rhythm: Rhythm
    let day: Day
    let email: String
    let subject: String
    let text: String
    let html: String
    let notices: Int
    let attempts: Int
    let token: UUID
}

/// The steps of a letter, each a transaction of its own: build and claim, settle. Between them it is sent; a worker that dies there
/// leaves it to the next one, under the same Message-ID.
struct Digests: Sendable {
    let pages: Pages
    let publicAddress: String
    /// What changed in the last moments may not be committed yet; the next letter tells it.
    var lag: TimeInterval = 35
    /// After so long a claimed letter is taken to be abandoned.
    var claim: TimeInterval = 300

    // MARK: - Claim

    /// Takes letters that were not sent at the first time and marks them as being sent; other copies pass them by.
    func claim(at now: Date, by worker: UUID = UUID(), limit: Int = 100, in tx: borrowing Transaction) throws -> [Digest] {
        try tx.rows(
            """
            update digest d set state = 'sending', attempts = attempts + 1, claimed_by = \(worker),
                claimed_until = \(now.addingTimeInterval(claim))
            from letter_choice l
            where l.person_id = d.person_id and d.id in (
                select id from digest where state in ('frozen', 'sending') and try_after <= \(now)
                    and (claimed_until is null or claimed_until <= \(now))
                order by try_after, id limit \(limit) for update skip locked)
            returning d.id, d.person_id, d.rhythm, d.day, d.email, d.subject, d.body_text, d.body_html, d.notices, d.attempts,
                l.unsubscribe_token
            """, as: UUID.self, UUID.self, String.self, Day.self, String.self, String.self, String.self, String.self, Int.self,
            Int.self, UUID.self
        ).map {
            Digest(
                id: $0.0, personID: $0.1, rhythm: Rhythm(rawValue: $0.2) ?? .daily, day: $0.3, email: $0.4, subject: $0.5,
                text: $0.6, html: $0.7, notices: $0.8, attempts: $0.9, token: $0.10)
        }
    }

    /// Holds letters for another term; gives those that are still the worker's.
    func renew(_ ids: [UUID], at now: Date, by worker: UUID, in tx: borrowing Transaction) throws -> Set<UUID> {
        Set(
            try tx.rows(
                """
                update digest set claimed_until = \(now.addingTimeInterval(claim))
                where id = any(\(ids)) and claimed_by = \(worker) and state = 'sending' returning id
                """, as: UUID.self))
    }

    /// Gives letters back unsent: another copy, or the next start, takes them at once.
    func release(_ ids: [UUID], by worker: UUID, in tx: borrowing Transaction) throws {
        try tx.execute(
            """
            update digest set state = 'frozen', claimed_until = null, claimed_by = null, attempts = attempts - 1
            where id = any(\(ids)) and claimed_by = \(worker) and state = 'sending'
            """)
    }

    // MARK: - Settle

    /// Writes down how letters ended, all of them with one statement for each way to end.
    func settle(
        _ ended: [(item: Digest, outcome: LetterOutcome)], at now: Date, _ outbox: Outbox, in tx: borrowing Transaction
    ) throws {
        let sent = ended.filter { $0.outcome == .sent }.map(\.item)
        if !sent.isEmpty {
            let settled: [UUID] = try tx.rows(
                """
                update digest set state = 'sent', sent_at = \(now), claimed_until = null, last_error = null
                where id = any(\(sent.map(\.id))) and state = 'sending' returning id
                """, as: UUID.self)
            let known = Set<UUID>(settled)
            try outbox.publish(
                sent.filter { known.contains($0.id) }.map { digest in
                    DigestSent(
                        digestID: digest.id, guardianID: digest.personID, day: digest.day,
                        kind: digest.rhythm == .weekly ? .weekly : .daily, notices: digest.notices, sentAt: now)
                }, in: tx)
        }
        for (digest, outcome) in ended {
            switch outcome {
            case .sent: break
            case .refused(let reason):
                try tx.execute(
                    """
                    update digest set state = 'refused', claimed_until = null, last_error = \(reason)
                    where id = \(digest.id) and state = 'sending'
                    """)
            case .later(let reason): try later(digest, reason, at: now, in: tx)
            }
        }
    }

    /// Later again: after a minute, then twice as long each time up to an hour; given up after a day.
    private func later(_ digest: Digest, _ reason: String, at now: Date, in tx: borrowing Transaction) throws {
        let pause = min(3600, 60 * Double(1 << min(6, digest.attempts - 1)))
        let isHopeless = digest.attempts > 30
        try tx.execute(
            """
            update digest set state = \(isHopeless ? "refused" : "frozen"), claimed_until = null, last_error = \(reason),
                try_after = \(now.addingTimeInterval(pause))
            where id = \(digest.id) and state = 'sending'
            """)
    }

    /// Forgets the words of letters that nobody will send again.
    static func sweep(at now: Date, in tx: borrowing Transaction) throws {
        try tx.execute(
            """
            update digest set body_html = '', body_text = ''
            where body_html <> '' and day < \(SchoolZone.moscow.day(of: now) + -7) and state not in ('frozen', 'sending')
            """)
    }
}

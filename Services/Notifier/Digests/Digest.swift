import Directory
import Events
import Foundation
import Kernel
import Messaging
import Postgres
import Web

/// A letter that waits to be sent: frozen, so that every repeat is the same.
struct Digest: Sendable, Equatable {
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

/// The steps of a letter, each a transaction of its own: freeze, claim, settle. Between claim and settle it is sent; a
/// worker that dies there leaves it to the next one, under the same Message-ID.
struct Digests: Sendable {
    let pages: Pages
    let publicAddress: String
    /// What changed in the last moments may not be committed yet; the next letter tells it.
    var lag: TimeInterval = 35
    /// After so long a claimed letter is taken to be abandoned.
    var claim: TimeInterval = 300

    // MARK: - Freeze

    /// Writes the letters that are due and have none yet.
    ///
    /// An address that the school gave counts as well as one that its owner confirmed: it comes from the school's own list
    /// of guardians, and every letter can be ended by one press.
    /// - Returns: how many guardians were looked at; fewer than the limit: all.
    func freezeDue(at now: Date, limit: Int = 50, in tx: borrowing Transaction) throws -> Int {
        let zones = try tx.rows("select distinct time_zone from directory_school where not ended order by 1", as: String.self)
        var looked = 0
        for identifier in zones {
            guard let zone = SchoolZone(identifier) else { continue }
            let (day, time) = (zone.day(of: now), zone.timeOfDay(of: now))
            let unchosen = LetterChoice.unchosen
            let due = try tx.rows(
                """
                select c.person_id, c.email, c.language, l.rhythm, l.send_at::text, l.weekday
                from contact c left join letter_choice l using (person_id)
                where c.email <> '' and coalesce(l.rhythm, 'daily') <> 'never'
                    and coalesce(l.send_at, \(unchosen.sendAt.iso)::time) <= \(time.iso)::time
                    and (coalesce(l.rhythm, 'daily') = 'daily' or l.weekday = \(day.weekday))
                    and not exists (select from digest d where d.person_id = c.person_id and d.day = \(day))
                    and (
                        select s.time_zone from directory_guardianship g join directory_pupil p on p.id = g.child_id
                        join directory_school s on s.id = p.school_id
                        where g.guardian_id = c.person_id and not p.ended and (g.until_on is null or g.until_on >= \(day))
                        order by p.id limit 1) = \(identifier)
                order by c.person_id limit \(limit)
                """, as: UUID.self, String.self, String.self, String?.self, String?.self, Int?.self)
            for (person, email, language, rhythm, sendAt, weekday) in due {
                looked += 1
                let choice = LetterChoice(
                    rhythm: rhythm.flatMap(Rhythm.init) ?? unchosen.rhythm,
                    sendAt: sendAt.flatMap { TimeOfDay(String($0.prefix(5))) } ?? unchosen.sendAt,
                    weekday: weekday ?? unchosen.weekday)
                guard let day = choice.dueDay(now: now, zone: zone) else { continue }
                try freeze(
                    person, email, choice, day, Words(catalogue: pages.catalogue, language: Language(rawValue: language) ?? .russian, zone: zone),
                    at: now, in: tx)
            }
        }
        return looked
    }

    private func freeze(
        _ person: UUID, _ email: String, _ choice: LetterChoice, _ day: Day, _ words: Words, at now: Date,
        in tx: borrowing Transaction
    ) throws {
        let until = now.addingTimeInterval(-lag)
        let told = try tx.first(
            "select max(until) from digest where person_id = \(person) and state <> 'refused'", as: Date?.self)
        let since = max(told.flatMap { $0 } ?? choice.horizon(now: now), now.addingTimeInterval(-14 * 86_400))
        let id = UUID.derived(from: person, "digest \(choice.rhythm.rawValue) \(day.iso)")
        // Another copy that is at the same letter makes this wait and then do nothing.
        guard
            try tx.execute(
                """
                insert into digest (id, person_id, rhythm, day, state, since, until, email, try_after)
                values (\(id), \(person), \(choice.rhythm.rawValue), \(day), 'frozen', \(since), \(until), \(email), \(now))
                on conflict do nothing
                """) == 1
        else { return }
        try tx.execute(
            """
            insert into letter_choice (person_id, rhythm, send_at, weekday, unsubscribe_token)
            values (\(person), \(choice.rhythm.rawValue), \(choice.sendAt.iso)::time, \(choice.weekday), \(UUID()))
            on conflict do nothing
            """)
        let token = try tx.first("select unsubscribe_token from letter_choice where person_id = \(person)", as: UUID.self) ?? UUID()
        let content = try LetterContent(
            for: person, choice, on: day, since: since, until: until, now: now, words,
            settings: publicAddress + "/notifier/letters", unsubscribe: publicAddress + "/notifier/unsubscribe/\(token.text)", in: tx)
        guard let content, let html = pages.render(content, template: "letter/html", language: words.language),
            let text = pages.render(content, template: "letter/text", language: words.language)
        else {
            try tx.execute("update digest set state = 'empty' where id = \(id)")
            return
        }
        try tx.execute(
            """
            update digest set subject = \(content.subject), body_html = \(html), body_text = \(text), notices = \(content.count)
            where id = \(id)
            """)
    }

    // MARK: - Claim

    /// Takes letters to send and marks them as being sent; other copies pass them by.
    func claim(at now: Date, limit: Int = 20, in tx: borrowing Transaction) throws -> [Digest] {
        try tx.rows(
            """
            update digest d set state = 'sending', attempts = attempts + 1, claimed_until = \(now.addingTimeInterval(claim))
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

    // MARK: - Settle

    /// The server took it.
    func sent(_ digest: Digest, at now: Date, _ outbox: Outbox, in tx: borrowing Transaction) throws {
        guard
            try tx.execute(
                """
                update digest set state = 'sent', sent_at = \(now), claimed_until = null, last_error = null
                where id = \(digest.id) and state = 'sending'
                """) == 1
        else { return }
        try outbox.publish(
            DigestSent(
                digestID: digest.id, guardianID: digest.personID, day: digest.day, kind: digest.rhythm == .weekly ? .weekly : .daily,
                notices: digest.notices, sentAt: now), in: tx)
    }

    /// The server will never take it.
    func refused(_ digest: Digest, _ reason: String, in tx: borrowing Transaction) throws {
        try tx.execute(
            """
            update digest set state = 'refused', claimed_until = null, last_error = \(reason)
            where id = \(digest.id) and state = 'sending'
            """)
    }

    /// Later again: after a minute, then twice as long each time up to an hour; given up after a day.
    func later(_ digest: Digest, _ reason: String, at now: Date, in tx: borrowing Transaction) throws {
        let pause = min(3600, 60 * Double(1 << min(6, digest.attempts - 1)))
        let isHopeless = digest.attempts > 30
        try tx.execute(
            """
            update digest set state = \(isHopeless ? "refused" : "frozen"), claimed_until = null, last_error = \(reason),
                try_after = \(now.addingTimeInterval(pause))
            where id = \(digest.id) and state = 'sending'
            """)
    }
}

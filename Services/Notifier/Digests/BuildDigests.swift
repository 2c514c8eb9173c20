import Directory
import Events
import Foundation
import Kernel
import Postgres
import Web

/// A guardian whose letter is due.
struct DueGuardian: Sendable {
    let personID: UUID
    let email: String
    let language: Language
    let choice: LetterChoice
    let day: Day
    let zone: SchoolZone
    /// What changed after this moment is told.
    let since: Date
    let token: UUID?
}

extension Digests {
    /// What one building of letters came to.
    struct Built: Sendable {
        /// Those that have something to tell.
        let letters: [Digest]
        /// Guardians looked at; fewer than the limit: there are no more.
        let looked: Int
        /// The last of them: where the next building goes on.
        let last: UUID?
    }

    /// Writes the letters that are due and have none yet: a set of guardians with a statement for each kind of thing, however
    /// many they are. Guardians that another copy is at are passed by.
    ///
    /// - Parameters:
    ///   - after: only guardians behind this one, by identifier.
    ///   - worker: who sends them at once; nil leaves them to whoever claims them.
    func build(at now: Date, after: UUID? = nil, limit: Int = 100, by worker: UUID? = nil, in tx: borrowing Transaction) throws -> Built {
        let zones = try tx.rows("select distinct time_zone from directory_school where not ended order by 1", as: String.self)
        var due: [DueGuardian] = []
        for zone in zones.compactMap({ SchoolZone($0) }) {
            guard due.count < limit else { break }
            due += try self.due(in: zone, at: now, after: after, limit: limit - due.count, in: tx)
        }
        guard !due.isEmpty else { return Built(letters: [], looked: 0, last: nil) }
        let tokens = try tokens(of: due, in: tx)
        let until = now.addingTimeInterval(-lag)
        var letters: [Digest] = []
        var empty: [DueGuardian] = []
        // Nearly always one day; at midnight between two zones, two.
        for (day, guardians) in Dictionary(grouping: due, by: \.day) {
            let material = try LetterMaterial(of: guardians, on: day, until: until, in: tx)
            for guardian in guardians {
                let token = tokens[guardian.personID] ?? UUID()
                if let letter = write(guardian, token, material, at: now) { letters.append(letter) } else { empty.append(guardian) }
            }
        }
        let written = try insert(letters, empty, due, until: until, at: now, by: worker, in: tx)
        return Built(
            letters: letters.filter { written.contains($0.id) }, looked: due.count,
            last: due.map(\.personID).max { $0.uuidString < $1.uuidString })
    }

    /// Who is due in a zone and has no letter of the day.
    ///
    /// NT-01: at the hour of his own choice. Letters go to an address that its owner has confirmed, or that the school has
    /// from the family's application (AX-07); never to one that somebody has only typed (ID-14). Staff without children of their
    /// own are due when somebody has come or gone in their class or school.
    private func due(
        in zone: SchoolZone, at now: Date, after: UUID?, limit: Int, in tx: borrowing Transaction
    ) throws -> [DueGuardian] {
        let (day, time, unchosen) = (zone.day(of: now), zone.timeOfDay(of: now), LetterChoice.unchosen)
        return try tx.rows(
            """
            select c.person_id, c.email, c.language, l.rhythm, l.send_at::text, l.weekday, l.unsubscribe_token,
                (select max(d.until) from digest d where d.person_id = c.person_id and d.state <> 'refused')
            from contact c left join letter_choice l using (person_id)
            where c.person_id > \(after ?? Self.least) and c.email <> '' and (c.email_confirmed or c.email_from_school)
                and coalesce(l.rhythm, 'daily') <> 'never'
                and coalesce(l.send_at, \(unchosen.sendAt.iso)::time) <= \(time.iso)::time
                and (coalesce(l.rhythm, 'daily') = 'daily' or l.weekday = \(day.weekday))
                and not exists (select from consent k where k.person_id = c.person_id and k.kind = 'personalData' and not k.holds)
                and not exists (select from digest d where d.person_id = c.person_id and d.day = \(day))
                and coalesce((
                    select s.time_zone from directory_guardianship g join directory_pupil p on p.id = g.child_id
                    join directory_school s on s.id = p.school_id
                    where g.guardian_id = c.person_id and not p.ended and (g.until_on is null or g.until_on >= \(day))
                    order by p.id limit 1), (
                    select s.time_zone from directory_rights r
                    cross join lateral jsonb_to_recordset(r.roles) as held ("schoolID" uuid, role text, "classID" uuid)
                    join staff_notice n on n.school_id = held."schoolID" and held.role = any(n.roles)
                        and n.class_id is not distinct from held."classID"
                    join directory_school s on s.id = n.school_id
                    where r.id = c.person_id and not r.ended and n.changed_at > \(now.addingTimeInterval(-Self.remembered))
                    order by s.id limit 1)) = \(zone.identifier)
            order by c.person_id limit \(limit) for update of c skip locked
            """, as: UUID.self, String.self, String.self, String?.self, String?.self, Int?.self, UUID?.self, Date?.self
        ).compactMap { person, email, language, rhythm, sendAt, weekday, token, told in
            let choice = LetterChoice(
                rhythm: rhythm.flatMap(Rhythm.init) ?? unchosen.rhythm,
                sendAt: sendAt.flatMap { TimeOfDay(String($0.prefix(5))) } ?? unchosen.sendAt, weekday: weekday ?? unchosen.weekday)
            return choice.dueDay(now: now, zone: zone).map { day in
                DueGuardian(
                    personID: person, email: email, language: Language(rawValue: language) ?? .russian, choice: choice, day: day,
                    zone: zone, since: max(told ?? choice.horizon(now: now), now.addingTimeInterval(-Self.remembered)), token: token)
            }
        }
    }

    /// What is older than this is told in no letter.
    private static let remembered: TimeInterval = 14 * 86_400

    /// Smaller than every identifier.
    private static let least = UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))

    /// Everybody's one-click address; who has chosen nothing gets his row here.
    private func tokens(of due: [DueGuardian], in tx: borrowing Transaction) throws -> [UUID: UUID] {
        var tokens = Dictionary(due.compactMap { one in one.token.map { (one.personID, $0) } }, uniquingKeysWith: { first, _ in first })
        let fresh = due.filter { $0.token == nil }
        guard !fresh.isEmpty else { return tokens }
        try tx.execute(
            """
            insert into letter_choice (person_id, rhythm, send_at, weekday, unsubscribe_token)
            select person, rhythm, send_at::time, weekday, token from unnest(\(fresh.map(\.personID)),
                \(fresh.map(\.choice.rhythm.rawValue)), \(fresh.map(\.choice.sendAt.iso)), \(fresh.map(\.choice.weekday)),
                \(fresh.map { _ in UUID() })) as t (person, rhythm, send_at, weekday, token)
            on conflict do nothing
            """)
        for (person, token) in try tx.rows(
            "select person_id, unsubscribe_token from letter_choice where person_id = any(\(fresh.map(\.personID)))", as: UUID.self,
            UUID.self)
        {
            tokens[person] = token
        }
        return tokens
    }

    /// Nil when there is nothing to tell.
    private func write(_ guardian: DueGuardian, _ token: UUID, _ material: LetterMaterial, at now: Date) -> Digest? {
        let words = Words(catalogue: pages.catalogue, language: guardian.language, zone: guardian.zone)
        guard
            let content = LetterContent(
                for: guardian, from: material, now: now, words, settings: publicAddress + "/notifier/letters",
                unsubscribe: publicAddress + "/notifier/unsubscribe/\(token.text)"),
            let html = pages.render(content, template: "letter/html", language: words.language),
            let text = pages.render(content, template: "letter/text", language: words.language)
        else { return nil }
        return Digest(
            id: Self.id(guardian), personID: guardian.personID, rhythm: guardian.choice.rhythm, day: guardian.day, email: guardian.email,
            subject: content.subject, text: text, html: html, notices: content.count, attempts: 1, token: token)
    }

    private static func id(_ guardian: DueGuardian) -> UUID {
        UUID.derived(from: guardian.personID, "digest \(guardian.choice.rhythm.rawValue) \(guardian.day.iso)")
    }

    /// - Returns: the letters that are new; another copy may have written one in between.
    private func insert(
        _ letters: [Digest], _ empty: [DueGuardian], _ due: [DueGuardian], until: Date, at now: Date, by worker: UUID?,
        in tx: borrowing Transaction
    ) throws -> Set<UUID> {
        let since = Dictionary(due.map { ($0.personID, $0.since) }, uniquingKeysWith: { first, _ in first })
        let claimedUntil = worker == nil ? nil : now.addingTimeInterval(claim)
        let state = worker == nil ? "frozen" : "sending"
        var written: Set<UUID> = []
        if !letters.isEmpty {
            written = Set(
                try tx.rows(
                    """
                    insert into digest (id, person_id, rhythm, day, since, email, subject, body_text, body_html, notices, state,
                        until, try_after, attempts, claimed_until, claimed_by)
                    select t.*, \(state), \(until), \(now), \(worker == nil ? 0 : 1)::integer, \(claimedUntil), \(worker)
                    from unnest(\(letters.map(\.id)), \(letters.map(\.personID)), \(letters.map(\.rhythm.rawValue)),
                        \(letters.map(\.day)), \(letters.map { since[$0.personID] ?? now }), \(letters.map(\.email)),
                        \(letters.map(\.subject)), \(letters.map(\.text)), \(letters.map(\.html)), \(letters.map(\.notices))) as t
                    on conflict do nothing returning id
                    """, as: UUID.self))
        }
        if !empty.isEmpty {
            try tx.execute(
                """
                insert into digest (id, person_id, rhythm, day, since, email, state, until, try_after)
                select t.*, 'empty', \(until), \(now) from unnest(\(empty.map(Self.id)), \(empty.map(\.personID)),
                    \(empty.map(\.choice.rhythm.rawValue)), \(empty.map(\.day)), \(empty.map(\.since)), \(empty.map(\.email))) as t
                on conflict do nothing
                """)
        }
        return written
    }
}

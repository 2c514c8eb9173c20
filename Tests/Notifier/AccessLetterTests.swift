import Directory
import Events
import Foundation
import Kernel
import Logging
import Mail
import Messaging
import Postgres
import Service
import Support
import Synchronization
import Testing
import Web

@testable import Notifier

/// A clock that a test moves.
private final class TestClock: Sendable {
    private let time: Mutex<Date>
    init(_ date: Date) { time = Mutex(date) }
    var now: Date { time.withLock { $0 } }
    func advance(_ seconds: TimeInterval) { time.withLock { $0 += seconds } }
}

@Suite("Addresses, letters about access, claims", .database(NotifierService.migrations)) struct AccessLetterTests {
    let school = SchoolOfTests()

    private func contact(_ email: String?, confirmed: Bool, fromSchool: Bool = false, new: String? = nil, version: Int64 = 2) async throws {
        let mother = school.mother
        try await school.database.transaction { tx in
            try NotifierHearings.remember(
                contacts: [Received(ContactChanged(personID: mother, version: version, email: email, emailConfirmed: confirmed, emailFromSchool: fromSchool, newEmail: new, language: "ru"))], in: tx)
        }
    }

    private var evening: Date { SchoolZone.moscow.date(SchoolZone.moscow.day(of: Date()), TimeOfDay(hour: 23, minute: 59) ?? .midnight) }

    @Test("ID-14, AX-07: letters go to a confirmed address or the school's, never to one that was only typed", arguments: [
        (true, false, 1), (false, true, 1), (false, false, 0),
    ])
    func addresses(confirmed: Bool, fromSchool: Bool, letters: Int) async throws {
        try await school.open()
        try await school.tell(school.mark("5"))
        try await contact("olga@example.org", confirmed: confirmed, fromSchool: fromSchool, new: "typed@example.org")
        let digests = Digests(pages: try await school.parts.pages, publicAddress: "https://school.test", lag: -5)
        let now = evening
        let built = try await school.database.transaction { try digests.build(at: now, in: $0) }
        #expect(built.letters.map(\.email) == Array(repeating: "olga@example.org", count: letters))
        let school = school
        try await school.withClient { client in
            let page = try await school.get(client, "/notifier/letters", school.mother).1
            #expect(page.contains("typed@example.org") && page.contains("не подтверждён"))
            #expect(page.contains("Письма приходят на") == (letters == 1))
        }
    }

    private func command(_ id: UUID = .v7(), _ kind: AccessLetterKind = .recoverAccess, until: Date? = nil) -> SendAccessLetter {
        SendAccessLetter(
            letterID: id, personID: school.mother, kind: kind, email: "olga@example.org", language: "ru", greeting: "Ольга Сергеевна",
            about: "o.vetrova", link: "https://school.test/identity/recovery/secret", expiresAt: until ?? Date(timeIntervalSinceNow: 3600))
    }

    private func take(_ commands: [SendAccessLetter]) async throws {
        try await school.database.transaction { try AccessLetters.take(commands, in: $0) }
    }

    private func worker(_ server: MailServer) async throws -> AccessLetterWorker {
        AccessLetterWorker(
            database: school.database, pages: try await school.parts.pages,
            mailer: Mailer(MailRelay(url: "smtp://127.0.0.1:\(server.port)", requiresTLS: false, connections: 1), logger: Logger(label: "mail")),
            from: MailAddress("zvonok@school.test", name: "Звонок"), logger: Logger(label: "test"))
    }

    @Test("ID-17: a letter asked for twice is sent once, says login and link, and its secret is forgotten") func once() async throws {
        let letter = command()
        try await take([letter])
        try await take([letter, letter].prefix(1).map { $0 })
        let server = try await MailServer("plain")
        let worker = try await worker(server)
        #expect(try await worker.sendWaiting { Date() } == 1)
        #expect(try await worker.sendWaiting { Date() } == 0)
        try await take([letter])
        #expect(try await worker.sendWaiting { Date() } == 0)
        try await eventually { try server.taken.count == 1 }
        let taken = try #require(try server.taken.first)
        #expect(taken.id == "<access.\(letter.letterID.text)@school.test>" && taken.unsubscribe == nil)
        for part in ["text/plain", "text/html"] {
            let text = taken.parts[part] ?? ""
            #expect(text.contains("Ольга Сергеевна") && text.contains("o.vetrova") && text.contains("/identity/recovery/secret") && !text.contains("[["), "\(part)")
        }
        #expect(taken.parts["text/html"]?.contains("prefers-color-scheme") == true)
        let kept = try await school.database.rows("select state, coalesce(link, about) from access_letter", as: String.self, String?.self)
        #expect(kept.count == 1 && kept[0].0 == "sent" && kept[0].1 == nil)
    }

    @Test("every kind of letter is written in both languages", arguments: AccessLetterKind.allCases) func kinds(kind: AccessLetterKind) async throws {
        let server = try await MailServer("plain")
        let worker = try await worker(server)
        let command = command(.v7(), kind)
        for language in [Language.russian, .english] {
            let letter = worker.letter(
                AccessLetter(id: command.letterID, personID: command.personID, kind: kind, email: command.email, language: language, greeting: "Ольга", about: command.about, link: command.link, expiresAt: command.expiresAt, attempts: 1), at: Date())
            #expect(!letter.subject.isEmpty && letter.text.contains("https://school.test/identity") && !letter.text.contains("%@"))
            #expect(letter.text.contains("куратор") || letter.text.contains("curator") || kind == .confirmAddress || kind == .recoverAccess)
        }
    }

    @Test("what has come too late is not sent, and a server that is away is tried again") func late() async throws {
        try await take([command(until: Date(timeIntervalSinceNow: -1))])
        let server = try await MailServer("later")
        let worker = try await worker(server)
        #expect(try await worker.sendWaiting { Date() } == 0)
        #expect(try await school.database.rows("select state from access_letter", as: String.self) == ["late"])
        try await take([command()])
        #expect(try await worker.sendWaiting { Date() } == 0)
        #expect(try await school.database.rows("select state from access_letter where attempts = 1 and try_after > now() + interval '20 seconds'", as: String.self) == ["waiting"])
    }

    @Test("NT-01: a slow mail server outlasts no claim: another copy finds nothing to take, and each letter goes once") func slow() async throws {
        let clock = TestClock(Date())
        let (database, outbox) = (school.database, Outbox(service: "notifier"))
        let digests = Digests(pages: try await school.parts.pages, publicAddress: "https://school.test")
        let start = clock.now
        for _ in 0..<12 {
            let person = UUID.v7()
            try await database.transaction { tx in
                _ = try tx.execute("insert into letter_choice (person_id, rhythm, send_at, unsubscribe_token) values (\(person), 'daily', '19:00', \(UUID()))")
                _ = try tx.execute(
                    """
                    insert into digest (id, person_id, rhythm, day, state, since, until, email, try_after)
                    values (\(UUID.v7()), \(person), 'daily', '2026-11-20', 'frozen', \(start), \(start), 'a@example.org', \(start))
                    """)
            }
        }
        let (mine, other) = (UUID(), UUID())
        let claimed = try await database.transaction { try digests.claim(at: start, by: mine, in: $0) }
        #expect(claimed.count == 12)
        let sent = Mutex<[UUID]>([])
        let round = LetterRound<Digest>(
            width: 1, margin: 120, clock: { clock.now }, logger: Logger(label: "test"),
            send: { digest in
                // What has ended is written down at once by a clock that nobody turns; this one waits for it.
                let ended = sent.withLock { $0.count }
                try? await eventually { try await database.rows("select count(*) from digest where state = 'sent'", as: Int.self) == [ended] }
                // A minute and a half for every letter: twelve take far longer than one claim.
                clock.advance(90)
                let taken = try? await database.transaction { try digests.claim(at: clock.now, by: other, in: $0) }
                #expect(taken?.contains { $0.id == digest.id } == false)
                #expect(taken?.isEmpty == true)
                sent.withLock { $0.append(digest.id) }
                return .sent
            },
            renew: { ids in
                let now = clock.now
                return (now.addingTimeInterval(digests.claim), try await database.transaction { try digests.renew(ids, at: now, by: mine, in: $0) })
            },
            settle: { ended in try await database.transaction { try digests.settle(ended, at: clock.now, outbox, in: $0) } },
            release: { ids in try await database.transaction { try digests.release(ids, by: mine, in: $0) } })
        #expect(await round.run(claimed, claimedUntil: start.addingTimeInterval(digests.claim)) == 12)
        #expect(Set(sent.withLock { $0 }).count == 12)
        #expect(try await database.rows("select count(*) from digest where state = 'sent'", as: Int.self) == [12])
        #expect(try await database.rows("select count(*) from outbox where type = 'notifier.digest.sent.v1'", as: Int.self) == [12])
    }

    @Test("what another copy has taken is left to it, and what was not sent is given back") func taken() async throws {
        let ids = (0..<3).map { _ in UUID.v7() }
        struct Item: Identifiable, Sendable { let id: UUID }
        let now = Date()
        let sent = Mutex<[UUID]>([])
        let released = Mutex<[UUID]>([])
        let round = LetterRound<Item>(
            width: 1, margin: 120, clock: { now }, logger: Logger(label: "test"),
            send: { item in
                sent.withLock { $0.append(item.id) }
                // The process is told to end while the first letter is under way.
                withUnsafeCurrentTask { $0?.cancel() }
                return .sent
            },
            renew: { _ in (now.addingTimeInterval(300), [ids[1], ids[2]]) }, settle: { _ in },
            release: { left in released.withLock { $0 += left } })
        let task = Task { await round.run(ids.map(Item.init), claimedUntil: now.addingTimeInterval(10)) }
        #expect(await task.value == 2)
        #expect(sent.withLock { $0 } == [ids[1], ids[2]] && released.withLock { $0 }.isEmpty)
        let ending = Task { () -> Int in
            withUnsafeCurrentTask { $0?.cancel() }
            return await round.run(ids.map(Item.init), claimedUntil: now.addingTimeInterval(300))
        }
        #expect(await ending.value == 0)
        #expect(released.withLock { $0 } == ids)
    }

    @Test("a lesson that is entered or moved wakes the open pages of its class", .timeLimit(.minutes(1))) func wakes() async throws {
        try await school.open()
        await LiveFeed.afterBatch(school.database)
        let (database, schoolClass, today) = (school.database, school.schoolClass, SchoolZone.moscow.day(of: Date()))
        var heard = database.listen(LiveFeed.channel).makeAsyncIterator()
        // The first word says that we listen.
        _ = await heard.next()
        try await database.transaction { tx in
            try NotifierHearings.remember(lessons: [Received(LessonRecorded(lessonID: .v7(), version: 1, classID: schoolClass, day: today, number: 1, subject: "Алгебра", topic: "Дроби", homework: "№ 5", ended: false))], in: tx)
        }
        await LiveFeed.afterBatch(database)
        var payload = await heard.next() ?? ""
        while !payload.contains(school.masha.text) { payload = await heard.next() ?? "" }
        #expect(payload.contains(school.egor.text))
        try await database.transaction { [school] tx in
            try NotifierHearings.remember(days: [Received(ClassDayChanged(classDayID: .v7(), classID: schoolClass, schoolID: school.school, day: today, version: 9, lessons: []))], in: tx)
        }
        await LiveFeed.afterBatch(database)
        payload = await heard.next() ?? ""
        while !payload.contains(school.masha.text) { payload = await heard.next() ?? "" }
    }

    @Test("BY-11: the line of the letter carries doors, marks, meals and lessons, in order where it crowds") func line() throws {
        func label(_ hour: Int, _ minute: Int, _ width: Int) -> LetterLine.Label {
            LetterLine.Label(at: TimeOfDay(hour: hour, minute: minute) ?? .midnight, width: width, html: "\(hour):\(minute)")
        }
        let placed = LetterLine.placed([label(10, 5, 5), label(10, 0, 5), label(8, 0, 5), label(18, 58, 5), label(18, 59, 5)])
        #expect(placed.map(\.label.html) == ["8:0", "10:0", "10:5", "18:58"])
        for (one, next) in zip(placed, placed.dropFirst()) { #expect(one.from + one.label.width <= next.from) }
        #expect((placed.last?.from ?? 99) + 5 <= 50)
    }
}

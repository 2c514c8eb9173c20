import Directory
import Events
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Kernel
import Logging
import Mail
import Messaging
import Postgres
import Service
import Support
import Testing

@testable import Notifier

@Suite("Letters", .database(NotifierService.migrations)) struct DigestTests {
    let school = SchoolOfTests()

    /// Notices are told of by the clock of the database, so these tests live at this moment.
    private var digests: Digests {
        get async throws { Digests(pages: try await school.parts.pages, publicAddress: "https://school.test", lag: -5) }
    }

    private func worker(_ server: MailServer) async throws -> DigestWorker {
        DigestWorker(
            database: school.database, outbox: Outbox(service: "notifier"), digests: try await digests,
            mailer: Mailer(MailRelay(url: "smtp://127.0.0.1:\(server.port)", requiresTLS: false, connections: 1), logger: Logger(label: "mail")),
            from: MailAddress("zvonok@school.test", name: "Звонок"), publicAddress: "https://school.test", logger: Logger(label: "test"))
    }

    /// A minute after seven in the evening of the day it is.
    private var evening: Date {
        let zone = SchoolZone.moscow
        return zone.date(zone.day(of: Date()), TimeOfDay(hour: 23, minute: 59) ?? .midnight)
    }

    private func state() async throws -> [String] {
        try await school.database.rows("select state from digest order by id", as: String.self)
    }

    @Test("NT-01, BY-11, BY-14: one letter for all children, with names, corrections, remarks and one-click end") func letter() async throws {
        try await school.open()
        try await school.tell(school.mark("4", version: 2, previous: "3"))
        try await school.tell(school.mark("5", of: school.egor))
        try await school.remark("Разговаривает")
        let server = try await MailServer("plain")
        let (worker, now) = (try await worker(server), evening)
        #expect(try await worker.sendDue { now } == 1)
        #expect(try await worker.sendDue { now } == 0)
        try await eventually { try server.taken.count == 1 }
        let letter = try #require(try server.taken.first)
        #expect(letter.to == ["olga@example.org"] && letter.subject.contains("Маша") && letter.subject.contains("Егор"))
        for part in ["text/plain", "text/html"] {
            let text = letter.parts[part] ?? ""
            #expect(text.contains("исправлено с 3 на 4") && text.contains("Разговаривает") && text.contains("Егор") && !text.contains("[["), "\(part)")
        }
        #expect(letter.id.hasPrefix("<digest.") && letter.id.contains(".daily.\(school.mother.text)@school.test"))
        #expect(letter.unsubscribe?.hasPrefix("<https://school.test/notifier/unsubscribe/") == true)
        #expect(try await school.database.rows("select count(*) from outbox where type = 'notifier.digest.sent.v1'", as: Int.self) == [1])
    }

    @Test("NT-02: a letter is sent once however often a worker dies between two steps", arguments: 0..<3) func dies(step: Int) async throws {
        try await school.open()
        try await school.tell(school.mark("5"))
        let server = try await MailServer("plain")
        let (worker, now, digests) = (try await worker(server), evening, try await digests)
        // It dies after freezing, after claiming, or after sending and before it wrote that down.
        let claimed = try await school.database.transaction { try digests.build(at: now, by: step == 0 ? nil : UUID(), in: $0) }.letters
        if step > 1 { try await worker.mailer.send(worker.letter(try #require(claimed.first), at: now)) }
        if step > 0 { #expect(try await worker.sendDue { now } == 0) }
        let later = now.addingTimeInterval(step == 0 ? 0 : 301)
        let again = try await school.database.transaction { try digests.claim(at: later, by: worker.id, in: $0) }
        #expect(again.count == 1)
        #expect(await worker.round { later }.run(again, claimedUntil: later.addingTimeInterval(300)) == 1)
        #expect(try await school.database.transaction { try digests.claim(at: later.addingTimeInterval(9999), in: $0) }.isEmpty)
        try await eventually { try server.taken.count == (step == 2 ? 2 : 1) }
        #expect(try Set(server.taken.map(\.id)).count == 1)
        #expect(try await state() == ["sent"])
    }

    @Test("copies that work at once send one letter") func copies() async throws {
        try await school.open()
        try await school.tell(school.mark("5"))
        let server = try await MailServer("plain")
        let (worker, now) = (try await worker(server), evening)
        let counts = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<4 { group.addTask { try await worker.sendDue { now } } }
            return try await group.reduce(0, +)
        }
        #expect(counts == 1)
    }

    @Test("a refusal for good ends it; a refusal for now waits longer each time") func failures() async throws {
        try await school.open()
        try await school.tell(school.mark("5"))
        let now = evening
        let (putting, refuser) = (try await MailServer("later"), try await MailServer("refuse"))
        defer { withExtendedLifetime((putting, refuser)) {} }
        let later = try await worker(putting)
        #expect(try await later.sendDue { now } == 0)
        #expect(try await state() == ["frozen"])
        #expect(try await school.database.rows("select last_error from digest", as: String.self)[0].contains("451"))
        #expect(try await later.sendDue { now.addingTimeInterval(30) } == 0)
        #expect(try await school.database.rows("select attempts from digest", as: Int.self) == [1])
        let refusing = try await worker(refuser)
        #expect(try await refusing.sendDue { now.addingTimeInterval(59) } == 0)
        _ = try await refusing.sendDue { now.addingTimeInterval(61) }
        #expect(try await state().contains("refused"))
    }

    @Test("RFC 8058: a look ends nothing, a press ends the letters at once and again changes nothing") func unsubscribe() async throws {
        try await school.open()
        let token = UUID()
        let mother = school.mother
        try await school.database.transaction { tx in
            _ = try tx.execute("insert into letter_choice (person_id, rhythm, send_at, unsubscribe_token) values (\(mother), 'daily', '19:00', \(token))")
        }
        let database = school.database
        try await school.withClient { client in
            let path = "/notifier/unsubscribe/\(token.text)"
            #expect(try await client.executeRequest(uri: path, method: .get, headers: [:], body: nil).status == .ok)
            #expect(try await database.rows("select rhythm from letter_choice", as: String.self) == ["daily"])
            for _ in 0..<2 {
                let answer = try await client.executeRequest(
                    uri: path, method: .post, headers: [.contentType: "application/x-www-form-urlencoded"], body: ByteBuffer(string: "List-Unsubscribe=One-Click"))
                #expect(answer.status == .ok)
            }
            #expect(try await database.rows("select rhythm from letter_choice", as: String.self) == ["never"])
            let stranger = try await client.executeRequest(uri: "/notifier/unsubscribe/\(UUID().text)", method: .post, headers: [:], body: nil)
            #expect(stranger.status == .notFound)
        }
        let (digests, now) = (try await digests, evening)
        #expect(try await school.database.transaction { try digests.build(at: now, in: $0) }.looked == 0)
    }

    @Test("due once a day at the school's hour, also when the clocks change", arguments: ["Europe/Moscow", "Europe/Berlin", "Asia/Kamchatka"])
    func due(zone: String) throws {
        let zone = try #require(SchoolZone(zone))
        let choice = LetterChoice(rhythm: .daily, sendAt: try #require(TimeOfDay(hour: 2, minute: 30)), weekday: 5)
        let weekly = LetterChoice(rhythm: .weekly, sendAt: choice.sendAt, weekday: 5)
        for offset in 0..<730 {
            let day = Day(daysSince1970: 20_454 + offset)
            let noon = zone.date(day, try #require(TimeOfDay(hour: 12, minute: 0)))
            #expect(choice.dueDay(now: noon, zone: zone) == day)
            #expect(choice.dueDay(now: zone.start(of: day), zone: zone) == nil)
            #expect(weekly.dueDay(now: noon, zone: zone) == (day.weekday == 5 ? day : nil))
        }
    }
}

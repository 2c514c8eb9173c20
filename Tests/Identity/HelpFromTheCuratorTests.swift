import Events
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Kernel
import Logging
import Postgres
import Service
import Support
import Testing
import Web

@testable import Identity

/// What the curator does for somebody, over HTTP; and what a person reads of it.
@Suite("Help from the curator", .database(School.migrations)) struct HelpFromTheCuratorTests {
    let school = School(database: TestDatabase.current.database)
    private let book = SnilsBook(secret: "of the tests")

    private func story(_ tell: @escaping @Sendable (any TestClientProtocol, School) async throws -> Void) async throws {
        try await TwoSchools(school: school).open()
        for (number, login) in [("G1", "olga"), ("G3", "irina"), ("S1", "savina"), ("S2", "orlov"), ("S3", "zueva"), ("X1", "gornaya")] {
            try await school.give(number, login: login)
        }
        let school = school
        try await school.withPages { client in try await tell(client, school) }
    }

    private func browser(_ client: any TestClientProtocol, _ login: String, _ password: String = "gz7mtk4q") async throws -> Browser {
        let browser = Browser(client)
        _ = try await browser.post("/identity/sign-in", ["login": login, "password": password])
        return browser
    }

    @Test("ID-18, D-04: the curator's one-time password opens once and has to be changed; nobody else sets one")
    func oneTimePassword() async throws {
        try await story { client, school in
            let olga = try await school.id("G1")
            let path = "/identity/people/\(olga.text)/password"
            for stranger in ["irina", "orlov", "zueva", "gornaya", "olga"] {
                #expect(try await browser(client, stranger).post(path).status == .notFound, "\(stranger)")
            }
            let own = try await browser(client, "olga")
            #expect(try await own.get("/identity/profile").status == .ok)
            let curator = try await browser(client, "savina")
            let given = try await curator.post(path)
            #expect(given.status == .ok && given.body.contains("olga"))
            let password = String(try #require(given.body.firstMatch(of: /[2-9a-z]{10}(?=<)/)).output)
            // Her sessions are over, her old password too; nobody reads the new one a second time.
            #expect(try await own.post("/identity/session/renewal").status == .unauthorized)
            #expect(try await browser(client, "olga").get("/identity/profile", accept: "application/json").status == .unauthorized)
            #expect(try await !curator.get("/identity/people/\(olga.text)").body.contains(password))
            let first = Browser(client)
            let led = try await first.post("/identity/sign-in", ["login": "olga", "password": password])
            let cookies = await first.cookies
            #expect(led.body.contains("name=\"ticket\"") && cookies["__Host-session"] == nil)
        }
    }

    @Test("The curator forgets wrong attempts, and the owner comes in at once; strangers forget nothing")
    func forgottenGuesses() async throws {
        try await story { client, school in
            let olga = try await school.id("G1")
            for _ in 0..<12 { _ = try await browser(client, "olga", "wrong-guess-9") }
            let kept = Browser(client)
            let waits = try await kept.post("/identity/sign-in", ["login": "olga", "password": "gz7mtk4q"])
            #expect(waits.status == .tooManyRequests)
            let path = "/identity/people/\(olga.text)/guesses/end"
            for stranger in ["irina", "orlov", "gornaya"] {
                #expect(try await browser(client, stranger).post(path).status == .notFound, "\(stranger)")
            }
            #expect(try await kept.post("/identity/sign-in", ["login": "olga", "password": "gz7mtk4q"]).status == .tooManyRequests)
            #expect(try await browser(client, "savina").post(path).status == .seeOther)
            #expect(try await kept.post("/identity/sign-in", ["login": "olga", "password": "gz7mtk4q"]).status == .seeOther)
        }
    }

    @Test("ID-19: a person reads that a SNILS was entered for him, when and by whom, and never which")
    func snils() async throws {
        try await story { client, school in
            let (olga, curator, now) = (try await school.id("G1"), try await school.id("S1"), Date())
            let number = try #require(Snils("112-233-445 95"))
            let mother = try await browser(client, "olga")
            #expect(try await !mother.get("/identity/profile").body.contains("СНИЛС для Госуслуг"))
            let book = book
            try await school.database.transaction { try book.enter(number, for: olga, by: curator, now: now, in: $0) }
            let profile = try await mother.get("/identity/profile")
            #expect(profile.body.contains("СНИЛС для Госуслуг введён") && profile.body.contains("Савина"))
            #expect(!profile.body.contains("45 95") && !profile.body.contains("11223344595"))
        }
    }

    @Test("ID-29: a number goes with the account that stays, and back when the merging is taken back; a number of its own stays")
    func merged() async throws {
        try await school.open()
        try await school.give("G1", login: "olga")
        let (kept, extra, curator) = (try await school.id("G1"), try await school.id("G2"), try await school.id("S1"))
        let (book, outbox, now) = (book, school.outbox, school.now)
        let (one, other) = (try #require(Snils("112-233-445 95")), try #require(Snils("087-654-303 00")))
        func owner(_ number: Snils) async throws -> UUID? { try await school.database.read { try book.find(number, in: $0)?.personID } }
        try await school.database.transaction { try book.enter(one, for: extra, by: curator, now: now, in: $0) }
        let merge = MergeAccounts(keptID: kept, extraID: extra, by: curator, now: now)
        let merging = try await school.database.transaction { try merge.run(in: $0, outbox) }
        #expect(try await owner(one) == kept)
        try await school.database.transaction { try UndoMerging(id: merging, by: curator, now: now.addingTimeInterval(60)).run(in: $0, outbox) }
        #expect(try await owner(one) == extra)
        try await school.database.transaction { try book.enter(other, for: kept, by: curator, now: now, in: $0) }
        _ = try await school.database.transaction { try merge.run(in: $0, outbox) }
        #expect(try await owner(other) == kept)
    }

    @Test("A guardian who was forgotten is said to everybody, and the lists that name him still make nobody of him")
    func forgotten() async throws {
        try await school.open()
        let (irina, outbox, now) = (try await school.id("G3"), school.outbox, school.now)
        try await school.forget()
        try await school.database.transaction { try ErasePerson(personID: irina, now: now).run(in: $0, outbox) }
        #expect(try await school.said(PersonErased.name) == 1)
        for complete in [false, true] {
            let report = try await school.open(complete: complete)
            #expect(report.badLines.contains { $0.reason.contains("forgotten") })
            let known = try await school.database.rows("select count(*) from person where surname = 'Ёлкина' or roster_number = 'G3'", as: Int.self)
            #expect(known == [0])
        }
        #expect(try await school.database.rows("select count(*) from guardianship where guardian_id = \(irina) and not ended", as: Int.self) == [0])
        // Everybody else is as before.
        #expect(try await school.rights("G1")?.children.count == 2)
    }
}

import Foundation
import Kernel
import Postgres
import Support
import Testing

@testable import Identity

@Suite("СНИЛС and admission") struct SnilsTests {
    @Test("The last two digits check the first nine", arguments: ["112-233-445 95", "11223344595", " 112 233 445 95 ", "087-654-303 00", "123-456-789 64", "000-000-600 06"])
    func right(_ text: String) { #expect(Snils(text)?.digits.count == 11) }

    @Test(
        "What is no number is refused",
        arguments: ["", "112-233-445 96", "112-233-445", "112-233-445 955", "000-000-000 00", "112-233-445 9a", "١١٢٢٣٣٤٤٥٩٥", "212-233-445 95"])
    func wrong(_ text: String) { #expect(Snils(text) == nil) }

    @Test("Of every ten thousand numbers each is right with one check only")
    func oneCheck() {
        for number in stride(from: 100_000_000, to: 999_999_999, by: 89_999_993) {
            let right = (0...99).filter { Snils("\(number)\($0 < 10 ? "0" : "")\($0)") != nil }
            #expect(right.count == 1, "\(number): \(right)")
        }
    }

    private func person(
        snils: String? = "112-233-445 95", birth: Day? = Day("2013-03-07"), isConfirmed: Bool? = true, email: Bool = false, phone: Bool = false
    ) -> PortalPerson {
        PortalPerson(
            subject: "1", snils: snils, birthDate: birth, isConfirmed: isConfirmed, hasConfirmedEmail: email, hasConfirmedPhone: phone)
    }

    @Test("ID-20: without СНИЛС nobody is let in, with a wrong one neither")
    func needsSnils() throws {
        for nothing in [nil, "", "  "] { #expect(throws: PortalRefusal.noSnils) { try PortalAdmission.snils(of: person(snils: nothing)) } }
        #expect(throws: PortalRefusal.wrongSnils) { try PortalAdmission.snils(of: person(snils: "112-233-445 96")) }
        #expect(try PortalAdmission.snils(of: person()).digits == "11223344595")
    }

    @Test("ID-21: under 14 the e-mail or the phone must be confirmed; on the birthday the rule ends")
    func children() throws {
        let (before, birthday) = (try #require(Day("2027-03-06")), try #require(Day("2027-03-07")))
        func check(_ person: PortalPerson, on day: Day, isPupil: Bool = true, known: Day? = nil) throws {
            try PortalAdmission.check(person, isPupil: isPupil, knownBirth: known, today: day)
        }
        #expect(throws: PortalRefusal.childNeedsContact) { try check(person(), on: before) }
        try check(person(email: true), on: before)
        try check(person(phone: true), on: before)
        // A child's account hangs on a parent's.
        try check(person(isConfirmed: false, phone: true), on: before)
        try check(person(), on: birthday)
        #expect(throws: PortalRefusal.notConfirmed) { try check(person(isConfirmed: false), on: birthday) }
        // What the portal does not tell is in the lists; what nobody knows is taken for young.
        #expect(throws: PortalRefusal.childNeedsContact) { try check(person(birth: nil), on: before, known: Day("2013-03-07")) }
        #expect(throws: PortalRefusal.childNeedsContact) { try check(person(birth: nil), on: birthday) }
        try check(person(birth: nil), on: birthday, known: Day("2013-03-07"))
        // Grown-ups need a confirmed account, where the provider knows of such a thing.
        #expect(throws: PortalRefusal.notConfirmed) { try check(person(isConfirmed: false, email: true), on: before, isPupil: false) }
        try check(person(isConfirmed: nil), on: before, isPupil: false)
        try check(person(), on: before, isPupil: false)
    }

    @Test("A signature of two numbers is known in whatever order it is written")
    func notations() {
        #expect(SignatureCheck.notations(of: [1, 2, 3, 4], "RS256") == [[1, 2, 3, 4]])
        #expect(SignatureCheck.notations(of: [1, 2, 3, 4], "GOST3410_2012_256") == [[1, 2, 3, 4], [3, 4, 1, 2], [4, 3, 2, 1], [2, 1, 4, 3]])
    }

    @Test("What the portal says instead of a code is understood")
    func errors() {
        #expect(GosuslugiRoutes.said("access_denied", "") is GosuslugiRoutes.Cancelled)
        #expect(GosuslugiRoutes.said("invalid_request", "ESIA-007004: x") is GosuslugiRoutes.Cancelled)
        #expect(GosuslugiRoutes.said("invalid_request", "ESIA-007055: x") as? PortalRefusal == .notConfirmed)
        if case .away? = GosuslugiRoutes.said("server_error", "") as? PortalFailure {} else { Issue.record("not away") }
        if case .wrongAnswer? = GosuslugiRoutes.said("invalid_scope", "") as? PortalFailure {} else { Issue.record("not wrong") }
    }

    @Test("State, nonce and verifier follow from the browser's secret and from nothing else")
    func visit() throws {
        let (one, other) = (PortalVisit(to: "/journal/diary"), PortalVisit(to: nil))
        let again = try #require(PortalVisit(cookie: one.cookieValue))
        #expect(again == one)
        #expect(again.to == "/journal/diary")
        #expect(UUID(uuidString: one.state) != nil)
        #expect(Set([one.state, other.state, one.nonce, other.nonce, one.verifier, other.verifier]).count == 6)
        #expect(one.isMine(state: again.state))
        #expect(!one.isMine(state: other.state) && !one.isMine(state: nil) && !one.isMine(state: ""))
        for nothing in [nil, "", ".", "a.b", "a.b.c", String(repeating: "A", count: 43)] { #expect(PortalVisit(cookie: nothing) == nil) }
        // A path that somebody wrote into a cookie is looked at once more.
        let evil = one.cookieValue.split(separator: ".")[0] + "." + Data("//evil.example".utf8).base64URL
        #expect(try #require(PortalVisit(cookie: String(evil))).to == nil)
    }
}

@Suite("СНИЛС in the database", .database(School.migrations)) struct SnilsBookTests {
    let school = School(database: TestDatabase.current.database)
    let book = SnilsBook(secret: Esia.key)

    private func enter(_ text: String, _ number: String) async throws {
        let (snils, id, book, now) = (try #require(Snils(text)), try await school.id(number), book, school.now)
        try await school.database.transaction { try book.enter(snils, for: id, by: nil, now: now, in: $0) }
    }

    private func find(_ text: String, _ book: SnilsBook? = nil) async throws -> UUID? {
        let (snils, book) = (try #require(Snils(text)), book ?? self.book)
        return try await school.database.read { try book.find(snils, in: $0)?.personID }
    }

    @Test("A number finds its person and can be read nowhere; another key finds nobody")
    func unreadable() async throws {
        try await school.open()
        try await enter("112-233-445 95", "G1")
        #expect(try await find("11223344595") == (try await school.id("G1")))
        #expect(try await find("123-456-789 64") == nil)
        #expect(try await find("112-233-445 95", SnilsBook(secret: "another-secret-of-the-tests")) == nil)
        let rows = try await school.database.read { try $0.rows("select s::text from snils s", as: String.self) }
        #expect(rows.count == 1)
        #expect(rows.allSatisfy { !$0.contains("112") || !$0.contains("33445") })
        #expect(rows[0].contains("45 95"))
    }

    @Test("One number is one person's; a new one replaces the old; who has left holds none")
    func unique() async throws {
        try await school.open()
        try await enter("112-233-445 95", "G1")
        await #expect(throws: SnilsBook.Refused.isTaken) { try await enter("112-233-445 95", "G2") }
        try await enter("123-456-789 64", "G1")
        #expect(try await find("112-233-445 95") == nil)
        try await enter("112-233-445 95", "G2")
        try await school.database.transaction { _ = try $0.execute("update person set ended = true where roster_number = 'G2'") }
        #expect(try await find("112-233-445 95") == nil)
        try await enter("112-233-445 95", "G3")
        #expect(try await find("112-233-445 95") == (try await school.id("G3")))
    }

    @Test("A file of numbers is taken line by line")
    func file() async throws {
        try await school.open()
        let table = CSVTable("person_number,snils\nG1,112-233-445 95\nG9,123-456-789 64\nG2,1\nG3,112-233-445 95\n")
        let report = try await ImportSnils(table: table, book: book, now: school.now).run(school.database)
        #expect(report.taken == 1)
        #expect(report.badLines.map(\.line) == [3, 4, 5])
    }
}

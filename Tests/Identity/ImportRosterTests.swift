import Events
import Foundation
import Kernel
import Postgres
import Support
import Testing

@testable import Identity

@Suite("ImportRoster", .database(School.migrations)) struct ImportRosterTests {
    let school = School(database: TestDatabase.current.database)

    @Test("The lists become people, and everybody is told once")
    func firstImport() async throws {
        let report = try await school.open()
        #expect(report.badLines == [])
        #expect(report.pupils == .init(added: 3))
        #expect(report.guardians == .init(added: 3))
        #expect(report.staff == .init(added: 4))
        #expect(try await school.said(SchoolChanged.name) == 1)
        #expect(try await school.said(ClassChanged.name) == 2)
        #expect(try await school.said(PupilChanged.name) == 3)
        #expect(try await school.said(ContactChanged.name) == 3)
        let people = try await school.said(PersonChanged.name)
        // Ten people; a brother may have been painted a second time.
        #expect((10...11).contains(people))
        let olga = try #require(try await school.rights("G1"))
        #expect(olga.children.count == 2)
        #expect(olga.children.allSatisfy { $0.isPrimary && $0.topics == Topic.allCases })
        let misha = try #require(try await school.rights("G2"))
        #expect(misha.children.map(\.isPrimary) == [false])
        let orlov = try #require(try await school.rights("S2"))
        #expect(Set(orlov.roles.map(\.role)) == [.classTeacher, .subjectTeacher])
    }

    @Test("The same lists a second time change nothing and say nothing")
    func repeated() async throws {
        try await school.open()
        let before = try await everything()
        try await school.forget()
        let report = try await school.open()
        #expect(report.pupils == .init(unchanged: 3))
        #expect(report.guardians == .init(unchanged: 3))
        #expect(report.staff == .init(unchanged: 4))
        #expect(try await everything() == before)
        let said = try await school.database.read { try $0.first("select count(*) from outbox", as: Int64.self) }
        #expect(said == 0)
    }

    @Test("A changed line changes its person alone, under the same identity")
    func changed() async throws {
        try await school.open()
        let anna = try await school.id("P1")
        try await school.forget()
        var files = School.files
        files[2].text = files[2].text.replacing("demo,7Б,P1,Ветрова,Анна", with: "demo,3А,P1,Ветрова,Аня")
        files[3].text = files[3].text.replacing("+79160000003", with: "+79160000033")
        let report = try await school.open(files)
        #expect(report.pupils == .init(changed: 1, unchanged: 2))
        #expect(report.guardians == .init(changed: 1, unchanged: 2))
        #expect(try await school.id("P1") == anna)
        let facts = try await school.database.read { transaction in
            (try PeopleFacts.people(.ids([anna]), in: transaction), try PeopleFacts.pupils(.ids([anna]), in: transaction))
        }
        #expect(facts.0.first?.name.given == "Аня")
        #expect(facts.1.first?.classID == (try await school.classID("3А")))
        #expect(facts.1.first?.version == 2)
        #expect(try await school.said(PersonChanged.name) == 1)
        #expect(try await school.said(PupilChanged.name) == 1)
        #expect(try await school.said(ContactChanged.name) == 1)
    }

    @Test("ID-22, ID-24: what a guardian changed himself is not undone by the next import")
    func ownChangesStay() async throws {
        try await school.open()
        let olga = try await school.id("G1")
        let outbox = school.outbox
        try await school.database.transaction { transaction in
            try ChangeOwnName(personID: olga, surname: "Ветрова-Лис", givenName: "Ольга", patronymic: "Игоревна").run(in: transaction, outbox)
        }
        try await school.give("G1", login: "olga")
        let change = ChangeContact(personID: olga, phone: "+79169999999", email: "new@example.org", password: "gz7mtk4q", now: school.now)
        try await change.run(school.database, school.letters, school.bench)
        let token = String(try await school.link(.confirmAddress).split(separator: "/").last ?? "")
        let now = school.now
        #expect(try await school.database.transaction { try ConfirmAddress(token: token, now: now).run(in: $0, outbox) } == "new@example.org")
        try await school.open()
        let profile = try await school.database.read { try OwnProfile.read(olga, now: Date(), in: $0) }
        #expect(profile?.name.surname == "Ветрова-Лис")
        #expect(profile?.phone == "+79169999999")
        #expect(profile?.email == "new@example.org")
    }

    @Test("Lines that fit nothing here are reported, the rest is imported")
    func badLines() async throws {
        var files = School.files
        files[2].text += "demo,9Я,P8,Котов,Илья,,m,2011-01-01\nother,7Б,P9,Котов,Лев,,m,2011-01-01\n"
        files[3].text += "P77,G7,мать,Котова,Зоя,,f,+79160000007,zoya@example.org\nP1,S1,мать,Савина,Инна,,f,,\n"
        files[3].text += "P3,P1,сестра,Ветрова,Анна,,f,,\n"
        files[4].text += "demo,S9,Котов,Пётр,,m,classTeacher,9Я,,,\n"
        let report = try await school.open(files)
        #expect(report.pupils.added == 3)
        #expect(report.guardians.added == 4)
        #expect(report.staff.added == 3)
        #expect(report.badLines.map { "\($0.file):\($0.line)" } == [
            "guardians.csv:6", "guardians.csv:8", "pupils.csv:5", "pupils.csv:6", "staff.csv:2", "staff.csv:7",
        ])
        #expect(report.badLines.first?.reason == "there is no pupil P77")
    }

    @Test("Who is missing stays, unless the lists are called complete")
    func missing() async throws {
        try await school.open()
        let semyon = try await school.id("P3")
        var files = School.files
        files[2].text = files[2].text.replacing("demo,7Б,P3,Ёлкин,Семён,,m,2013-06-15\n", with: "")
        files[3].text = files[3].text.split(separator: "\n").filter { !$0.hasPrefix("P3") && !$0.hasPrefix("P1,G2") }.joined(separator: "\n")
        files[4].text = files[4].text.replacing("demo,S2,Орлов,Глеб,Ильич,m,classTeacher,7Б,,,\n", with: "")
        try await school.open(files)
        #expect(try await school.rights("G2")?.children.count == 1)
        try await school.give("P3", login: "s.elkin")
        _ = try await school.signIn("s.elkin")

        let report = try await school.open(files, complete: true)
        #expect(report.pupils.ended == 1)
        #expect(report.guardians.ended == 1)
        #expect(report.staff.ended == 1)
        #expect(try await school.rights("G2")?.children == [])
        #expect(try await school.rights("S2")?.roles.map(\.role) == [.subjectTeacher])
        let facts = try await school.database.read { try PeopleFacts.pupils(.ids([semyon]), in: $0) }
        #expect(facts.first?.ended == true)
        #expect(try await school.said(SessionEnded.name) == 1)
        guard case .wrong = try await school.signIn("s.elkin") else { Issue.record("he who has left signs in"); return }

        // Back in the lists, back in the school, with the same account number.
        let number = facts.first?.accountNumber
        try await school.open(complete: true)
        let again = try await school.database.read { try PeopleFacts.pupils(.ids([semyon]), in: $0) }
        #expect(again.first?.ended == false)
        #expect(again.first?.accountNumber == number)
        #expect(try await school.rights("G2")?.children.count == 1)
    }

    @Test("A damaged list ends nobody")
    func damagedEndsNobody() async throws {
        try await school.open()
        var files = School.files
        files[2].text = files[2].text.replacing("demo,7Б,P3,Ёлкин,Семён,,m,2013-06-15", with: "demo,7Б,P3,Ёлкин,Семён,,m,июнь")
        let report = try await school.open(files, complete: true)
        #expect(report.pupils.ended == 0)
    }

    @Test("Brothers and sisters differ in colour")
    func accents() async throws {
        try await school.open()
        let accents = try await school.database.read { transaction in
            try transaction.rows("select accent from person where roster_number in ('P1', 'P2')", as: String.self)
        }
        #expect(Set(accents).count == 2)
    }

    @Test("A thousand pupils with two guardians each come in, and every account number is given once")
    func thousand() async throws {
        var files = School.files
        for number in 100..<1100 {
            files[2].text += "demo,7Б,P\(number),Котов,Илья,,m,2013-01-01\n"
            files[3].text += "P\(number),G\(number),мать,Котова,Зоя,,f,+79160000007,zoya@example.org\n"
            files[3].text += "P\(number),H\(number),отец,Котов,Пётр,,m,+79160000008,petr@example.org\n"
        }
        let roster = try Roster(files: files)
        let (database, outbox) = (school.database, school.outbox)
        let report = try await ImportRoster(roster: roster).run(database, outbox)
        #expect(report.pupils.added == 1003)
        #expect(report.guardians.added == 2003)
        #expect(report.badLines.isEmpty)
        let doubles = try await database.read { transaction in
            try transaction.first("select count(*) - count(distinct account_number) from pupil", as: Int64.self)
        }
        #expect(doubles == 0)
    }

    @Test("D-05: what Ledger hears of a pupil has no name in it")
    func pupilsAreNameless() async throws {
        try await school.open()
        let anna = try await school.id("P1")
        let fact = try await school.database.read { try PeopleFacts.pupils(.ids([anna]), in: $0).first }
        let text = String(decoding: try EventCoding.encoder.encode(try #require(fact)), as: UTF8.self)
        #expect(!text.contains("Ветров") && !text.contains("Анна"))
        #expect(AccountNumber(try #require(fact).accountNumber) != nil)
    }

    @Test("Republishing pages through everybody exactly once")
    func republication() async throws {
        try await school.open()
        let ids = try await school.database.read { transaction -> [UUID] in
            var all: [UUID] = []
            while true {
                let page = try PeopleFacts.people(.page(after: all.last, limit: 3), in: transaction)
                if page.isEmpty { return all }
                all += page.map(\.personID)
            }
        }
        #expect(ids.count == 10)
        #expect(Set(ids).count == 10)
    }

    /// Everything that an import writes, as text.
    private func everything() async throws -> [String] {
        try await school.database.read { transaction in
            try transaction.rows(
                """
                select t::text from (select p::text as t from person p union all select u::text from pupil u
                    union all select g::text from guardianship g union all select r::text from role_held r
                    union all select c::text from contact c union all select s::text from school s
                    union all select k::text from class k) x order by 1
                """,
                as: String.self)
        }
    }
}

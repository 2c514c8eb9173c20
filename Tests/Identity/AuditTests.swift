import Events
import Foundation
import Kernel
import Postgres
import Support
import Testing

@testable import Identity

@Suite("The log of changes", .database(School.migrations)) struct AuditTests {
    let school = School(database: TestDatabase.current.database)

    private func log(_ reader: String, _ narrow: @escaping @Sendable (inout AuditLog) -> Void = { _ in }) async throws -> [AuditLog.Entry] {
        let id = try await school.id(reader)
        return try await school.database.read { transaction in
            var log = AuditLog(schools: try SchoolsOf.keeper(id, Role.administering, in: transaction))
            narrow(&log)
            return try log.run(in: transaction)
        }
    }

    @Test("What was written stays: no line can be changed, removed or emptied away")
    func appendOnly() async throws {
        try await school.open()
        try await school.give("G1", login: "olga")
        for statement in ["update audit set action = 'x'", "delete from audit", "truncate audit", "update audit set detail = '{}' where false"] {
            await #expect(throws: PostgresError.self, "\(statement)") {
                _ = try await school.database.transaction { try $0.script(statement) }
            }
        }
        #expect(try await log("S1").contains { $0.action == .loginGiven })
    }

    @Test("A change that does not happen leaves no line")
    func together() async throws {
        try await school.open()
        struct Stop: Error {}
        let (id, now) = (try await school.id("G1"), school.now)
        let before = try await log("S1").count
        await #expect(throws: Stop.self) {
            try await school.database.transaction { transaction in
                try Audit.note(.merged, by: nil, about: id, at: now, in: transaction)
                throw Stop()
            }
        }
        #expect(try await log("S1").count == before)
    }

    @Test("Passwords, resets, invitations and roles stand in it with who, whom and when; found by person, name and period")
    func filter() async throws {
        try await school.open()
        for (number, login) in [("G1", "olga"), ("S1", "curator")] { try await school.give(number, login: login) }
        let (olga, curator, now) = (try await school.id("G1"), try await school.id("S1"), school.now)
        _ = try await SetOneTimePassword(personID: olga, by: curator, now: now.addingTimeInterval(1)).run(school.database, school.outbox, school.bench)
        _ = try await IssueInvitations(circle: .schoolClass(try await school.classID("7Б")), issuedBy: curator, now: now.addingTimeInterval(86_400))
            .run(school.database, school.bench)
        let about = try await log("S1") { $0.person = olga }
        #expect(about.map(\.action) == [.passwordGiven, .loginGiven])
        #expect(about[0].by?.surname == "Савина" && about[0].about?.surname == "Ветрова" && about[1].by == nil)
        let named = try await log("S1") { $0.words = ["савина"] }
        #expect(named.contains { $0.action == .invitationsIssued && $0.detail["count"] != nil && $0.detail["class"] == ClassName("7Б")?.description })
        let (from, until) = (now.addingTimeInterval(3600), now.addingTimeInterval(90_000))
        let later = try await log("S1") {
            $0.from = from
            $0.until = until
        }
        #expect(later.map(\.action) == [.invitationsIssued])
        // Page by page everything comes once.
        let all = try await log("S1").map(\.id)
        var paged: [UUID] = []
        while true {
            let after = paged.last
            let next = try await log("S1") {
                $0.limit = 2
                $0.after = after
            }.map(\.id)
            if next.isEmpty { break }
            paged += next
        }
        #expect(paged == all && all.count >= 4)
    }

    @Test("Another school reads nothing of it, and whoever administers nothing reads nothing at all")
    func strangers() async throws {
        try await school.open()
        try await school.open([
            ("school.csv", "school,name,time_zone,modules\nother,Другая школа,Europe/Moscow,\n"),
            ("staff.csv", "school,staff_number,surname,given_name,patronymic,gender,role,class,subject,phone,email\nother,X1,Чужая,Анна,,f,curator,,,,\n"),
        ])
        try await school.give("G1", login: "olga")
        let olga = try await school.id("G1")
        #expect(try await log("X1") { $0.person = olga }.isEmpty)
        #expect(try await log("X1").allSatisfy { $0.action == .rosterImported })
        #expect(try await log("S3").isEmpty)
        #expect(try await log("G1").isEmpty)
    }

    @Test("No line holds a name, a login, a telephone or an address")
    func nameless() async throws {
        try await school.open()
        let code = try await school.code(for: "G1", child: "P1", in: "7Б")
        guard case .registered = try await school.register(school.registration(code: code)) else { Issue.record("refused"); return }
        let olga = try await school.id("G1")
        try await ChangeLogin(personID: olga, login: "olga.v", password: "gz7mtk4q", now: school.now).run(school.database, school.bench)
        let lines = try await school.database.read { try $0.rows("select a::text from audit a", as: String.self) }
        #expect(lines.count > 3)
        for line in lines {
            for secret in ["Ветров", "Савин", "olga", "o.vetrova", "example.org", "7916"] { #expect(!line.contains(secret), "\(line)") }
        }
    }
}

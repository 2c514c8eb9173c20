import Directory
import Events
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Kernel
import Postgres
import Service
import Support
import Testing
import Web

@testable import Identity

/// The pages of families and of merging, as browsers and programs see them.
@Suite("Pages of families", .database(School.migrations)) struct FamilyPagesTests {
    let school = School(database: TestDatabase.current.database)

    private func story(_ tell: @escaping @Sendable (any TestClientProtocol, Parts) async throws -> Void) async throws {
        let parts = try await IdentityService.parts(database: school.database)
        try await school.open()
        try await SigningKeys(school.database, school.outbox).renew(now: Date())
        try await Application(router: try IdentityService.router(parts)).test(.router) { try await tell($0, parts) }
    }

    private func browser(_ client: any TestClientProtocol, _ login: String) async throws -> Browser {
        let browser = Browser(client)
        let seen = try await browser.post("/identity/sign-in", ["login": login, "password": "gz7mtk4q"])
        #expect(seen.status == .seeOther)
        return browser
    }

    @Test("ID-30, BY-10: from the family's sheet to the second adult's page and back to nothing; no contact is told")
    func secondAdult() async throws {
        let school = school
        try await story { client, _ in
            try await school.give("G1", login: "olga")
            let (anna, pyotr) = (try await school.id("P1").text, try await school.id("P2").text)
            let olga = try await browser(client, "olga")
            let empty = try await olga.get("/identity/family")
            #expect(empty.status == .ok && empty.body.contains("Ветрова Анна") && empty.body.contains("Сделать приглашение"))
            #expect(empty.body.contains("Ветров Михаил") && empty.body.contains("по спискам школы"))
            let wrong = try await olga.post("/identity/family/invitations", ["until": "2020-01-01", "label": "Бабушка"])
            #expect(wrong.status == .unprocessableContent)
            for text in ["Выберите хотя бы одного своего ребёнка.", "Выберите, что будет видно взрослому.", "Этот день прошёл.", "value=\"Бабушка\""] {
                #expect(wrong.body.contains(text), "\(text)")
            }
            let sheet = try await olga.post("/identity/family/invitations", ["child": anna, "topic": "diary", "label": "Бабушка"])
            #expect(sheet.status == .ok && sheet.body.contains("второй взрослый") && sheet.body.contains("Бабушка"))
            let code = try #require(sheet.body.firstMatch(of: /sheet-number">([0-9A-Z]{4}-[0-9A-Z]{4})</)).output.1
            #expect(try await olga.get("/identity/family").body.contains("Выданные приглашения"))

            let nina = Browser(client)
            let form = try await nina.get("/identity/registration?code=\(code)")
            #expect(form.body.contains("Регистрация второго взрослого") && !form.body.contains("Ветрова"))
            let done = try await nina.post(
                "/identity/registration",
                [
                    "code": String(code), "login": "nina", "password": "gz7mtk4q", "repeated": "gz7mtk4q", "surname": "Бабушкина", "given": "Нина",
                    "phone": "+79160000077", "email": "nina@example.org",
                    "own-consent": School.words?.text ?? "",
                ])
            #expect(done.status == .seeOther)
            _ = try await nina.post("/identity/sign-in", ["login": "nina", "password": "gz7mtk4q"])
            for accept in ["text/html", "application/json"] {
                for path in ["/identity/family", "/identity/profile"] {
                    let seen = try await nina.get(path, accept: accept)
                    #expect(seen.status == .ok && seen.body.contains("Ветрова Анна"))
                    for secret in ["79160000001", "916 000-00-01", "olga@example.org", "Ветров Михаил", "Ветров Пётр", pyotr] {
                        #expect(!seen.body.contains(secret), "\(path) tells \(secret)")
                    }
                }
            }
            let own = try await nina.get("/identity/family").body
            #expect(own.contains("Кто пригласил: Ветрова Ольга Игоревна") && !own.contains("Сделать приглашение"))
            let ninaID = try await school.database.rows("select person_id from login where name = 'nina'", as: UUID.self)[0].text
            let adult = "/identity/children/\(anna)/adults/\(ninaID)"
            for path in ["/identity/children/\(anna)/looks", adult] { #expect(try await nina.get(path).status == .notFound, "\(path)") }
            for path in ["/identity/family/invitations", adult, adult + "/revocation"] {
                #expect(try await nina.post(path, ["child": anna, "topic": "money"]).status == .notFound, "\(path)")
            }

            #expect(try await olga.get(adult).body.contains("Закрыть доступ?"))
            #expect(try await olga.post(adult, ["topic": "salary"]).body.contains("Выберите, что будет видно взрослому."))
            #expect(try await olga.post(adult, ["topic": "meals", "until": "2030-05-31"]).location == "/identity/family?done=changed")
            let changed = try await olga.visit("/identity/family?done=changed")
            #expect(changed.body.contains("Доступ изменён.") && changed.body.contains("до 31\u{a0}мая 2030"))
            // The father stands in the school's lists: his access is not the family's to change.
            let father = "/identity/children/\(anna)/adults/\(try await school.id("G2").text)"
            #expect(try await olga.get(father).status == .notFound)
            #expect(try await olga.post(father + "/revocation").status == .notFound)
            #expect(try await olga.post(adult + "/revocation").location == "/identity/family?done=revoked")
            #expect(try await olga.post(adult + "/revocation").status == .notFound)
            // Her token is good for minutes more; the decision is not.
            #expect(try await nina.get("/identity/family").status == .notFound)
        }
    }

    @Test("BY-10: each parent reads who looked, by month; staff's look at a pupil's data is among it")
    func looks() async throws {
        let school = school
        try await story { client, parts in
            try await school.give("G1", login: "olga")
            try await school.give("G2", login: "misha")
            try await school.give("S1", login: "savina")
            let anna = try await school.id("P1").text
            let olga = try await browser(client, "olga")
            #expect(try await olga.get("/identity/children/\(anna)/looks").body.contains("В этом месяце никто не смотрел."))
            let curator = try await browser(client, "savina")
            #expect(try await curator.get("/identity/people/\(anna)").status == .ok)
            #expect(parts.looks.count == 1)
            try await parts.looks.carry(into: parts.outbox, school.database)
            struct Envelope: Decodable { let data: RecordLooks }
            let bodies = try await school.database.rows("select body from outbox where routing_key = \(RecordLooks.name)", as: Data.self)
            let reports = try bodies.map { try EventCoding.decoder.decode(Envelope.self, from: $0).data }
            try await school.database.transaction { try WhenChildrenAreLookedAt.record(reports, in: $0) }
            for path in ["/identity/children/\(anna)/looks", "/identity/children/\(anna)/looks?month=x"] {
                let seen = try await olga.get(path)
                #expect(seen.status == .ok)
                for text in ["Савина Инна Петровна", "куратор", "Данные о человеке", "Хранится 400 дней."] { #expect(seen.body.contains(text), "\(text)") }
            }
            #expect(try await olga.get("/identity/children/\(anna)/looks.json").body.contains("\"permission\":\"managePeople\""))
            #expect(try await olga.get("/identity/children/\(anna)/looks?month=2020-01").body.contains("В этом месяце никто не смотрел."))
            // The father answers for her as well; another family's child does not exist.
            let misha = try await browser(client, "misha")
            #expect(try await misha.get("/identity/children/\(anna)/looks").body.contains("Савина Инна Петровна"))
            // Whoever answers for a child is no stranger who looks at it.
            #expect(try await misha.get("/identity/children/\(anna)/export").status == .ok)
            #expect(parts.looks.count == 0)
            #expect(try await olga.get("/identity/children/\(try await school.id("P3").text)/looks").status == .notFound)
        }
    }

    @Test("ID-29: the curator finds the second account, sees what would be, merges and takes it back; contacts stay hidden")
    func merging() async throws {
        let school = school
        try await story { client, _ in
            var files = School.files
            files[3].text += "P3,G9,мать,Ветрова,Ольга,,f,+79160000001,olga@example.org\n"
            try await school.open(files)
            try await school.give("G1", login: "olga")
            try await school.give("G9", login: "olga.second")
            try await school.give("S1", login: "savina")
            try await school.give("S2", login: "orlov")
            let (kept, extra) = (try await school.id("G1").text, try await school.id("G9").text)
            let curator = try await browser(client, "savina")
            #expect(try await curator.get("/identity/people/\(kept)").body.contains("/identity/people/\(kept)/merging"))
            let found = try await curator.get("/identity/people/\(kept)/merging")
            #expect(found.status == .ok && found.body.contains("/identity/people/\(kept)/merging/\(extra)"))
            let pair = "/identity/people/\(kept)/merging/\(extra)"
            for accept in ["text/html", "application/json"] {
                let preview = try await curator.get(pair, accept: accept)
                #expect(preview.status == .ok)
                for text in ["Ёлкин Семён", "Ветров Пётр", "olga.second", "один телефон"] { #expect(preview.body.contains(text), "\(text)") }
                for secret in ["79160000001", "916 000-00-01", "olga@example.org"] { #expect(!preview.body.contains(secret)) }
            }
            let teacher = try await browser(client, "orlov")
            #expect(try await teacher.get(pair).status == .notFound)
            #expect(try await teacher.post(pair).status == .notFound)
            #expect(try await teacher.get("/identity/mergings").status == .notFound)
            #expect(try await curator.post("/identity/people/\(kept)/merging/\(kept)").status == .conflict)
            #expect(try await curator.post("/identity/people/\(kept)/merging/\(try await school.id("S2").text)").status == .notFound)
            #expect(try await curator.post(pair).location == "/identity/mergings?done=merged")
            let list = try await curator.visit("/identity/mergings?done=merged")
            #expect(list.body.contains("Теперь это одна запись.") && list.body.contains("Отменить"))
            #expect(try await curator.get(pair).status == .notFound)
            let id = try await school.database.rows("select id from merging", as: UUID.self)[0].text
            #expect(try await teacher.post("/identity/mergings/\(id)/undo").status == .notFound)
            #expect(try await curator.post("/identity/mergings/\(id)/undo").location == "/identity/mergings?done=undone")
            #expect(try await curator.post("/identity/mergings/\(id)/undo").body.contains("Это уже отменено."))
            #expect(try await curator.get(pair).status == .ok)
        }
    }
}

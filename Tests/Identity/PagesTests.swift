import Directory
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

@Suite("Pages", .database(School.migrations)) struct PagesTests {
    let school = School(database: TestDatabase.current.database)

    @Test("The sign-in page stands open, in Russian, with the way to register")
    func signInPage() async throws {
        try await school.story { browser, _ in
            let seen = try await browser.get("/identity/sign-in")
            #expect(seen.status == .ok)
            for text in ["Войти", "Логин", "Пароль", "Код приглашения", "Зарегистрироваться", "правом верхнем углу", "И.\u{a0}П.\u{a0}Савина"] {
                #expect(seen.body.contains(text), "\(text)")
            }
            #expect(!seen.body.contains("style="))
            #expect(!seen.body.contains("[["))
        }
    }

    @Test("A wrong password says how many attempts are left, and a stranger's address is not followed")
    func wrongPassword() async throws {
        try await school.story { browser, story in
            try await story.school.give("G1", login: "olga")
            let wrong = try await browser.post("/identity/sign-in", ["login": "olga", "password": "nonono", "to": "//evil.example"])
            #expect(wrong.status == .unprocessableContent)
            #expect(wrong.body.contains("Логин и пароль не подошли."))
            #expect(!wrong.body.contains("evil.example"))
            #expect(!wrong.body.contains("nonono"))
            let right = try await browser.post("/identity/sign-in", ["login": "olga", "password": "gz7mtk4q", "to": "https://evil.example"])
            #expect(right.status == .seeOther)
            #expect(right.location == "/")
            #expect(await browser.cookies.keys.sorted() == ["__Host-device", "__Host-renewal", "__Host-session"])
        }
    }

    @Test("ID-07 to ID-13: from the code on the sheet to the own profile")
    func registration() async throws {
        try await school.story { browser, story in
            let code = try await story.school.codesNow("7Б").first { $0.personNumber == "G1" }?.code.text ?? ""
            let form = try await browser.get("/identity/registration?code=\(code)")
            #expect(form.status == .ok)
            #expect(form.body.contains("Регистрация родителя"))
            // ID-11: a sheet that lies around tells no phone and no address.
            #expect(!form.body.contains("olga@example.org") && !form.body.contains("79160000001"))
            let missing = try await browser.post("/identity/registration", ["code": code, "login": "olga", "password": "gz7mtk4q"])
            #expect(missing.status == .unprocessableContent)
            #expect(missing.body.contains("Родители указывают мобильный телефон"))
            // ID-38: the words stand there, and both boxes say what is missing beside themselves.
            #expect(form.body.contains("152-ФЗ") && form.body.contains("name=\"child-consent\""))
            for field in ["own-consent-wrong", "child-consent-wrong"] { #expect(missing.body.contains("id=\"\(field)\"")) }
            let words = School.words?.text ?? ""
            #expect(!missing.body.contains("gz7mtk4q"))
            let done = try await browser.post(
                "/identity/registration",
                [
                    "code": code, "login": "olga", "password": "gz7mtk4q", "repeated": "gz7mtk4q", "surname": "Ветрова", "given": "Ольга",
                    "phone": "+79161234567", "email": "olga@example.org", "own-consent": words, "child-consent": words,
                ])
            #expect(done.status == .seeOther)
            let success = try await browser.get(done.location ?? "")
            #expect(success.body.contains("Регистрация успешно завершена"))
            // ID-14, ID-16: first what is to be confirmed, with every section open.
            let first = try await story.signIn(browser, "olga")
            #expect(first.location == "/identity/profile/confirmation?to=/")
            let own = try await browser.get(first.location ?? "")
            for text in ["olga@example.org", "получаса", "Спам", "Дальше"] { #expect(own.body.contains(text), "\(text)") }
            #expect(try await story.signIn(browser, "olga").location == "/")
            let profile = try await browser.get("/identity/profile")
            #expect(profile.status == .ok)
            for text in ["Мои данные", "ещё не подтверждён", "Ветрова", "Анна", "Пётр", "+7 916 123-45-67"] { #expect(profile.body.contains(text), "\(text)") }
        }
    }

    @Test("ID-14 to ID-17: a look at a link changes nothing, a press confirms; then a forgotten password comes back by letter")
    func letters() async throws {
        try await school.story { browser, story in
            try await story.school.give("G1", login: "olga")
            _ = try await story.signIn(browser, "olga")
            let asked = try await browser.post("/identity/profile/confirmation")
            #expect(asked.body.contains("Письмо отправлено"))
            let letter = Browser(await browser.sameClient)
            let link = try await story.school.link(.confirmAddress, from: "https://localhost")
            for _ in 0..<2 {
                let seen = try await letter.get(link)
                #expect(seen.status == .ok && seen.body.contains("o…a@example.org") && !seen.body.contains("olga@example.org"))
            }
            #expect(try await letter.post(link).body.contains("Адрес подтверждён"))
            #expect(try await letter.get(link).status == .gone)
            #expect(try await browser.get("/identity/profile").body.contains("Этот адрес подтверждён."))

            #expect(try await letter.get("/identity/sign-in").body.contains("Забыли пароль?"))
            let known = try await letter.post("/identity/recovery", ["text": "olga@example.org"])
            let unknown = try await letter.post("/identity/recovery", ["text": "nobody@example.org"])
            #expect(known == unknown && known.body.contains("Спам"))
            let way = try await story.school.link(.recoverAccess, from: "https://localhost")
            #expect(try await letter.get(way).body.contains("olga"))
            #expect(try await letter.post(way, ["password": "kurz", "repeated": "kurz"]).status == .unprocessableContent)
            let saved = try await letter.post(way, ["password": "w8kz3hpf", "repeated": "w8kz3hpf"])
            #expect(saved.location == "/identity/sign-in?why=recovered&login=olga")
            #expect(try await letter.get(way).status == .gone)
            #expect(try await story.signIn(letter, "olga", "w8kz3hpf").status == .seeOther)
            // The session that was open is over at its next renewal.
            #expect(try await browser.post("/identity/session/renewal").status == .unauthorized)
        }
    }

    @Test("ID-22: a pupil reads his name and cannot write it")
    func pupilProfile() async throws {
        try await school.story { browser, story in
            try await story.school.give("P1", login: "anna")
            _ = try await story.signIn(browser, "anna")
            let profile = try await browser.get("/identity/profile")
            #expect(profile.body.contains("Ветрова Анна Михайловна"))
            #expect(!profile.body.contains("name=\"surname\""))
            #expect(!profile.body.contains("Код для другого ребёнка"))
            let renamed = try await browser.post("/identity/profile/name", ["surname": "Иная", "given": "Ада"])
            #expect(renamed.status == .unprocessableContent)
            let child = try await browser.post("/identity/profile/children", ["code": "AAAA-AAAA"])
            #expect(child.status == .unprocessableContent)
        }
    }

    @Test("ID-25: another child is added in the profile, and the token knows him after the renewal")
    func addChild() async throws {
        try await school.story { browser, story in
            try await story.school.give("G1", login: "olga")
            let code = try await story.school.codesNow("7Б").first { $0.personNumber == "G3" }?.code.text ?? ""
            _ = try await story.signIn(browser, "olga")
            let added = try await browser.post("/identity/profile/children", ["code": code])
            #expect(added.status == .seeOther)
            let profile = try await browser.visit(added.location ?? "")
            #expect(profile.status == .ok)
            #expect(profile.body.contains("Ребёнок добавлен."))
            #expect(profile.body.contains("Ёлкин Семён"))
        }
    }

    @Test("ID-34: a session lives in cookies of the protected protocol alone; a page after sleep goes by the renewal and comes back, and the old token is dead")
    func renewal() async throws {
        try await school.story { browser, story in
            try await story.school.give("G1", login: "olga")
            _ = try await story.signIn(browser, "olga")
            let old = await browser.cookies["__Host-renewal"]
            await browser.forget("__Host-session")
            let away = try await browser.get("/identity/profile")
            #expect(away.location?.hasPrefix("/identity/session/renewal?to=") == true)
            let back = try await browser.visit("/identity/profile")
            #expect(back.status == .ok)
            #expect(await browser.cookies["__Host-renewal"] != old)
            let fetched = try await browser.post("/identity/session/renewal")
            #expect(fetched.status == .noContent)
        }
    }

    @Test("Signed out is signed out, for pages and for programs")
    func signOut() async throws {
        try await school.story { browser, story in
            try await story.school.give("G1", login: "olga")
            _ = try await story.signIn(browser, "olga")
            let (session, renewal) = (await browser.cookies["__Host-session"] ?? "", await browser.cookies["__Host-renewal"] ?? "")
            let out = try await browser.post("/identity/sign-out")
            #expect(out.location == "/identity/sign-in?why=out")
            #expect(await browser.cookies["__Host-session"] == nil)
            // Somebody who kept the cookies has nothing of them.
            await browser.keep("__Host-session", session)
            await browser.keep("__Host-renewal", renewal)
            let program = try await browser.get("/identity/profile", accept: "application/json")
            #expect(program.status == .unauthorized)
            let page = try await browser.visit("/identity/profile")
            #expect(page.body.contains("Войти"))
        }
    }

    @Test("ID-18, D-04: the curator finds a person, sees the login and gives a one-time password")
    func curator() async throws {
        try await school.story { browser, story in
            try await story.school.give("S1", login: "i.savina")
            try await story.school.give("G3", login: "irina")
            let work = try await story.signIn(browser, "i.savina")
            #expect(work.location == "/identity/people")
            let found = try await browser.get("/identity/people?q=%D0%B5%D0%BB%D0%BA%D0%B8%D0%BD%D0%B0")
            #expect(found.body.contains("Ёлкина Ирина") && found.body.contains("irina"))
            // ID-11
            #expect(!found.body.contains("irina@example.org"))
            let id = try await story.school.id("G3")
            let card = try await browser.get("/identity/people/\(id.text)")
            #expect(card.body.contains("Дать одноразовый пароль"))
            #expect(!card.body.contains("irina@example.org") && !card.body.contains("79160000003"))
            let json = try await browser.get("/identity/people/\(id.text)", accept: "application/json")
            #expect(json.body.contains("\"login\":\"irina\"") && !json.body.contains("example.org"))
            let given = try await browser.post("/identity/people/\(id.text)/password")
            let password = try #require(given.body.firstMatch(of: /code-shown">([a-z0-9]{10})</)).output.1
            let other = Browser(await browser.sameClient)
            let once = try await story.signIn(other, "irina", String(password))
            #expect(once.body.contains("Свой пароль"))
            let ticket = try #require(once.body.firstMatch(of: /name="ticket" value="([^"]+)"/)).output.1
            let refused = try await other.post("/identity/sign-in/password", ["ticket": String(ticket), "login": "irina", "password": "irina"])
            #expect(refused.status == .unprocessableContent)
            let own = try await other.post("/identity/sign-in/password", ["ticket": String(ticket), "login": "irina", "password": "kw3xtp9r"])
            #expect(own.location == "/")
        }
    }

    @Test("Strangers find nothing: a guardian, a pupil, a cashier, nobody at all, and a curator of another school")
    func strangers() async throws {
        try await school.story { browser, story in
            let school = story.school
            try await school.open([
                ("school.csv", "school,name,time_zone,modules\nother,Другая школа,Europe/Moscow,\n"),
                ("staff.csv", "school,staff_number,surname,given_name,patronymic,gender,role,class,subject,phone,email\nother,X1,Чужая,Анна,,f,curator,,,,\n"),
            ])
            for (number, login) in [("G3", "irina"), ("P1", "anna"), ("S3", "cashier"), ("X1", "foreign")] {
                try await school.give(number, login: login)
            }
            let (anna, seventh) = (try await school.id("P1"), try await school.classID("7Б"))
            let client = await browser.sameClient
            var bodies: Set<String> = []
            for login in ["irina", "anna", "cashier", "foreign"] {
                let stranger = Browser(client)
                _ = try await story.signIn(stranger, login)
                for id in [anna, UUID()] {
                    for path in ["/identity/people/\(id.text)", "/identity/classes/\(id == anna ? seventh.text : id.text)/invitations"] {
                        let seen = try await stranger.get(path, accept: "application/json")
                        #expect(seen.status == .notFound, "\(login) \(path)")
                        bodies.insert(seen.body)
                    }
                    #expect(try await stranger.post("/identity/people/\(id.text)/password").status == .notFound)
                }
                if login != "foreign" { #expect(try await stranger.get("/identity/people?q=a").status == .notFound) }
            }
            // What exists and what does not answer alike.
            #expect(bodies.count == 1)
            let nobody = Browser(client)
            #expect(try await nobody.get("/identity/people/\(anna.text)", accept: "application/json").status == .unauthorized)
            let foreign = Browser(client)
            _ = try await story.signIn(foreign, "foreign")
            let search = try await foreign.get("/identity/people?q=%D0%B2%D0%B5%D1%82%D1%80%D0%BE%D0%B2%D0%B0")
            #expect(search.body.contains("Таких людей в ваших школах нет."))
        }
    }

    @Test("Whatever route is added: nobody at all is asked to sign in, and a stranger finds only himself")
    func everyRoute() async throws {
        let parts = try await IdentityService.parts(database: school.database)
        let routes = IdentityService.routes(parts).routes
        try await school.story { browser, story in
            let client = await browser.sameClient
            let nobody = Browser(client)
            let pupil = Browser(client)
            try await story.school.give("P3", login: "semyon")
            _ = try await story.signIn(pupil, "semyon")
            let places = [
                "{person}": try await story.school.id("P1").text, "{class}": try await story.school.classID("7Б").text,
                "{school}": UUID().text, "{child}": try await story.school.id("P1").text,
            ]
            var walked = 0
            for route in routes {
                guard case .permitted(let permission, _) = route.door else { continue }
                walked += 1
                // What has no place above does not exist.
                let path = places.reduce(route.path) { $0.replacing($1.key, with: $1.value) }.replacing(/\{\w+\}/, with: UUID().text)
                let (asNobody, asPupil) = route.method == .get
                    ? (try await nobody.get(path, accept: "application/json"), try await pupil.get(path, accept: "application/json"))
                    : (try await nobody.post(path, accept: "application/json"), try await pupil.post(path, accept: "application/json"))
                #expect(asNobody.status == .unauthorized, "\(route.method) \(path)")
                if permission != .seeOneself { #expect(asPupil.status == .notFound, "\(route.method) \(path)") }
                // One of them ends the session that walks.
                if path.hasSuffix("/end-all") { _ = try await story.signIn(pupil, "semyon") }
            }
            #expect(walked > 12)
        }
    }

    @Test("A form of another site changes nothing")
    func foreignForm() async throws {
        try await school.story { browser, story in
            try await story.school.give("G1", login: "olga")
            _ = try await story.signIn(browser, "olga")
            let seen = try await browser.post("/identity/profile/name", ["surname": "Злая", "given": "Ева"], origin: "https://evil.example")
            #expect(seen.status == .forbidden)
            #expect(try await browser.get("/identity/profile").body.contains("value=\"Ветрова\""))
        }
    }

    @Test("The language is the reader's choice")
    func language() async throws {
        try await school.story { browser, story in
            try await story.school.give("G1", login: "olga")
            _ = try await story.signIn(browser, "olga")
            let changed = try await browser.post("/identity/profile/language", ["language": "en"])
            let profile = try await browser.visit(changed.location ?? "")
            #expect(profile.body.contains("Where you are signed in"))
            #expect(profile.body.contains("<html lang=\"en\""))
        }
    }

    @Test("ID-23, MS-08: the signature in messages is everybody's own; it is said to whoever sends them, and shown as it was typed when it is refused")
    func signature() async throws {
        try await school.story { browser, story in
            try await story.school.give("P1", login: "anna")
            _ = try await story.signIn(browser, "anna")
            try await story.school.forget()
            let saved = try await browser.post("/identity/profile/signature", ["signature": "  Анна Ветрова \r\n\r\n7 «Б» <класс>\n"])
            let profile = try await browser.visit(saved.location ?? "")
            #expect(profile.body.contains("Подпись сохранена.") && profile.body.contains("Анна Ветрова\n7 «Б» &lt;класс&gt;</textarea>"))
            #expect(try await story.school.said(ContactChanged.name) == 1)
            let (child, database) = (try await story.school.id("P1"), story.school.database)
            let told = try await database.read { try PeopleFacts.contacts(.ids([child]), in: $0).first }
            #expect(told?.signature == "Анна Ветрова\n7 «Б» <класс>")
            for wrong in [String(repeating: "я", count: 301), "1\n2\n3\n4"] {
                let refused = try await browser.post("/identity/profile/signature", ["signature": wrong])
                #expect(refused.status == .unprocessableContent && refused.body.contains("signature-wrong") && refused.body.contains(wrong))
            }
            _ = try await browser.post("/identity/profile/signature", ["signature": " "])
            #expect(try await database.read { try PeopleFacts.contacts(.ids([child]), in: $0).first }?.signature == nil)
        }
    }

    @Test("Another session is ended from the profile, and only one's own")
    func endSessions() async throws {
        try await school.story { browser, story in
            try await story.school.give("G1", login: "olga")
            _ = try await story.signIn(browser, "olga")
            let phone = Browser(await browser.sameClient)
            _ = try await story.signIn(phone, "olga")
            let ended = try await browser.post("/identity/profile/sessions/end-others")
            #expect(ended.location == "/identity/profile?done=session")
            #expect(try await phone.get("/identity/profile", accept: "application/json").status == .unauthorized)
            #expect(try await browser.get("/identity/profile").status == .ok)
        }
    }
}

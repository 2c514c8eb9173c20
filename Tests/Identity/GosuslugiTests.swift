import Foundation
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

/// What all stories about the portal begin with.
struct PortalStory: Sendable {
    let school: School

    /// Opens the school, enters the numbers, and runs a story against the routes with these settings.
    func tell(_ settings: [String: String], _ tell: @escaping @Sendable (Browser) async throws -> Void) async throws {
        let parts = try await IdentityService.parts(database: school.database, settings: settings)
        let router = Router()
        WebHost(pages: parts.pages, database: parts.database, publicAddress: parts.publicAddress, logger: Logger(label: "test"))
            .register(IdentityService.routes(parts), on: router)
        try await school.open()
        try await SigningKeys(school.database, school.outbox).renew(now: Date())
        for (number, text) in [("G1", "112-233-445 95"), ("P1", "160-722-394 47"), ("P2", "123-456-789 64")] {
            let (id, now) = (try await school.id(number), Date())
            let snils = try #require(Snils(text))
            try await school.database.transaction { try SnilsBook(secret: Esia.key).enter(snils, for: id, by: nil, now: now, in: $0) }
        }
        try await Application(router: router).test(.router) { client in try await tell(Browser(client)) }
    }

    func isSignedIn(_ browser: Browser) async -> Bool { await browser.cookies["__Host-session"] != nil }
}

@Suite("Gosuslugi", .serialized, .database(School.migrations)) struct GosuslugiTests {
    let school = School(database: TestDatabase.current.database)
    private var story: PortalStory { PortalStory(school: school) }

    private func story(_ more: [String: String] = [:], _ tell: @escaping @Sendable (Browser, Esia) async throws -> Void) async throws {
        let esia = try await Esia.shared.value
        try await esia.spoil("")
        try await story.tell(esia.settings(more)) { try await tell($0, esia) }
    }

    /// To the portal, signed in there, and back: what our side answers.
    private func come(_ browser: Browser, _ esia: Esia, as login: String, to: String = "", declines: Bool = false) async throws -> Browser.Seen {
        let left = try await browser.get("/identity/gosuslugi" + (to.isEmpty ? "" : "?to=\(SignInRoutes.encoded(to))"))
        #expect(left.status == .seeOther)
        let answer = try await esia.signIn(login, at: left.location ?? "", declines: declines)
        #expect(answer.location?.hasPrefix(Esia.callback) == true, "\(answer)")
        return try await browser.get(answer.path)
    }

    @Test("ID-19: through the button and the portal into the diary one wanted, with a session like any other")
    func signIn() async throws {
        try await story { browser, esia in
            let page = try await browser.get("/identity/sign-in?to=/journal/diary")
            #expect(page.body.contains("Войти через ГОСУСЛУГИ"))
            #expect(page.body.contains("href=\"/identity/gosuslugi?to=/journal/diary\""))
            // BY-12: beside it, not instead.
            #expect(page.body.contains("name=\"password\""))
            let back = try await come(browser, esia, as: "+79160000001", to: "/journal/diary")
            #expect(back.status == .seeOther, "\(back.body)")
            #expect(back.location == "/journal/diary")
            #expect(await browser.cookies.keys.sorted() == ["__Host-device", "__Host-renewal", "__Host-session"])
            let profile = try await browser.get("/identity/profile")
            #expect(profile.status == .ok && profile.body.contains("Ветрова"))
            // It can be renewed and ended as others can.
            #expect(try await browser.get("/identity/session/renewal?to=/").location == "/")
            #expect(try await browser.post("/identity/sign-out").status == .seeOther)
            #expect(try await browser.get("/identity/profile").status == .seeOther)
        }
    }

    @Test("ID-20: without СНИЛС at the portal nobody comes in, and is told what to do")
    func noSnils() async throws {
        try await story { browser, esia in
            let seen = try await come(browser, esia, as: "nosnils@example.org")
            #expect(seen.status == .forbidden)
            for text in ["не указан СНИЛС", "Мои данные", "Войти по логину и паролю", "/identity/gosuslugi"] { #expect(seen.body.contains(text), "\(text)") }
            #expect(await browser.cookies.isEmpty)
        }
    }

    @Test("ID-21: a child under 14 comes in when the e-mail or the phone is confirmed there, and only then")
    func children() async throws {
        try await story { browser, esia in
            let anna = try await come(browser, esia, as: "anna@example.org")
            #expect(anna.status == .forbidden)
            #expect(anna.body.contains("Детям до 14 лет") && anna.body.contains("подтвердите их кодом"))
            #expect(await browser.cookies.isEmpty)
            let petr = try await come(browser, esia, as: "petr@example.org")
            #expect(petr.status == .seeOther)
            #expect(await browser.cookies["__Host-session"] != nil)
        }
    }

    @Test("An account that the portal has not confirmed opens nothing, and a number the school has not entered neither")
    func notOurs() async throws {
        try await story { browser, esia in
            let misha = try await come(browser, esia, as: "misha@example.org")
            #expect(misha.status == .forbidden && misha.body.contains("не подтверждена"))
            let stranger = try await come(browser, esia, as: "stranger@example.org")
            #expect(stranger.status == .forbidden)
            // Whom to tell, and how to come in until then.
            #expect(stranger.body.contains("куратору школы: И.\u{a0}П.\u{a0}Савина") && stranger.body.contains("Войти по логину и паролю"))
            #expect(await browser.cookies.isEmpty)
        }
    }

    @Test("Who declines at the portal reads that nothing was passed on")
    func declines() async throws {
        try await story { browser, esia in
            let seen = try await come(browser, esia, as: "+79160000001", declines: true)
            #expect(seen.status == .ok && seen.body.contains("Вы отказались"))
            #expect(await browser.cookies.isEmpty)
        }
    }

    @Test("Nobody is signed in by an answer to somebody else's question, nor twice by one")
    func loginForgery() async throws {
        try await story { browser, esia in
            let place = try await browser.get("/identity/gosuslugi").location ?? ""
            let answer = try await esia.signIn("+79160000001", at: place)
            // A victim is sent the attacker's answer: with no way of his own, and with one.
            let victim = await Browser(browser.sameClient)
            #expect(try await victim.get(answer.path).status == .badRequest)
            _ = try await victim.get("/identity/gosuslugi")
            let own = await victim.cookies["__Host-gosuslugi"]
            #expect(try await victim.get(answer.path).body.contains("Этот вход уже закончен"))
            #expect(await victim.cookies["__Host-session"] == nil)
            // His own way is not disturbed by it.
            #expect(await victim.cookies["__Host-gosuslugi"] == own)
            #expect(try await browser.get(answer.path).status == .seeOther)
            #expect(try await browser.get(answer.path).status == .badRequest)
        }
    }

    @Test("After the portal only a path of ours is followed")
    func noOpenRedirect() async throws {
        for to in ["//evil.example", "https://evil.example", "/\\evil.example"] {
            try await story { browser, esia in
                let seen = try await come(browser, esia, as: "+79160000001", to: to)
                #expect(seen.location == "/", "\(to)")
            }
        }
    }

    @Test(
        "A forged or spoilt answer signs nobody in",
        arguments: ["signature", "issuer", "audience", "expired", "otherPerson", "state", "garbage", "noPerson"])
    func forged(_ fault: String) async throws {
        try await story { browser, esia in
            try await esia.spoil(fault)
            let seen = try await come(browser, esia, as: "+79160000001")
            #expect(seen.status == .badGateway, "\(fault)")
            #expect(seen.body.contains("не удалось принять") && seen.body.contains("Войти по логину и паролю"))
            #expect(await browser.cookies.isEmpty)
            try await esia.spoil("")
        }
    }

    @Test("BY-12: the portal is down or slow: a calm page, and the password works", arguments: ["down", "slow"])
    func away(_ fault: String) async throws {
        try await story(["gosuslugi.timeoutSeconds": "2"]) { browser, esia in
            try await esia.spoil(fault)
            let seen = try await come(browser, esia, as: "+79160000001")
            #expect(seen.status == .serviceUnavailable)
            #expect(seen.body.contains("Госуслуги не отвечают"))
            try await school.give("G1", login: "olga")
            #expect(try await browser.post("/identity/sign-in", ["login": "olga", "password": "gz7mtk4q"]).status == .seeOther)
            try await esia.spoil("")
        }
    }

    @Test("BY-12: without a portal there is no button and no way, and the password works")
    func notConnected() async throws {
        try await story.tell([:]) { browser in
            #expect(try await !browser.get("/identity/sign-in").body.contains("ГОСУСЛУГИ"))
            #expect(try await browser.get("/identity/gosuslugi").status == .notFound)
            #expect(try await browser.get("/identity/gosuslugi/callback?code=1&state=2").status == .notFound)
            try await school.give("G1", login: "olga")
            #expect(try await browser.post("/identity/sign-in", ["login": "olga", "password": "gz7mtk4q"]).status == .seeOther)
        }
    }

    @Test("BY-12: a key that cannot be used closes Gosuslugi and nothing else; check says what to mend")
    func misconfigured() async throws {
        let esia = try await Esia.shared.value
        let broken = esia.settings(["gosuslugi.key": esia.folder.appending(path: "stranger.key").path])
        try await story.tell(broken) { browser in
            let page = try await browser.get("/identity/sign-in")
            #expect(page.status == .ok && !page.body.contains("ГОСУСЛУГИ"))
        }
        func complaint(_ more: [String: String]) async throws -> String {
            let parts = try await IdentityService.parts(database: school.database, settings: esia.settings(more))
            do {
                _ = try await ConfiguredPortal.open(parts)?.examine(now: Date())
                return ""
            } catch {
                return "\(error)"
            }
        }
        #expect(try await complaint([:]) == "")
        #expect(try await complaint(["gosuslugi.key": esia.folder.appending(path: "stranger.key").path]).contains("is not the key of"))
        #expect(try await complaint(["gosuslugi.engine": "no-such-engine"]).contains("OpenSSL has no engine «no-such-engine»"))
        #expect(try await complaint(["gosuslugi.certificate": "/nowhere.crt"]).contains("/nowhere.crt cannot be read"))
        #expect(try await complaint(["gosuslugi.portalCertificate": ""]).contains("gosuslugi.portalCertificate is needed"))
        #expect(try await complaint(["gosuslugi.snilsKey": "short"]).contains("gosuslugi.snilsKey is needed"))
        #expect(try await complaint(["gosuslugi.protocol": "eisa"]).contains("none of none, esia, oidc"))
        #expect(try await complaint(["gosuslugi.address": "http://portal.example"]).contains("must begin with https://"))
    }

    @Test("The portal takes no request that is not signed by us, of now, and no code twice")
    func strictness() async throws {
        let esia = try await Esia.shared.value
        try await esia.spoil("")
        func portal(_ more: [String: String] = [:]) async throws -> any Portal {
            let parts = try await IdentityService.parts(database: school.database, settings: esia.settings(more))
            return try #require(try ConfiguredPortal.open(parts))
        }
        let (visit, now) = (PortalVisit(to: nil), Date())
        let right = try await portal()
        let late = try await Abroad.get(try await right.authorisation(for: visit, now: now.addingTimeInterval(-3600)))
        #expect(late.query["error_description"]?.hasPrefix("ESIA-007015") == true)
        #expect(late.query["state"] == visit.state)
        let stranger = try await portal([
            "gosuslugi.key": esia.folder.appending(path: "stranger.key").path, "gosuslugi.certificate": esia.folder.appending(path: "stranger.crt").path,
        ])
        let forged = try await Abroad.get(try await stranger.authorisation(for: visit, now: now))
        #expect(forged.query["error_description"]?.hasPrefix("ESIA-007053") == true)
        let place = try await right.authorisation(for: visit, now: now)
        let changed = try await Abroad.get(place.replacing("state=\(visit.state)", with: "state=\(UUID().uuidString.lowercased())"))
        #expect(changed.query["error_description"]?.hasPrefix("ESIA-007053") == true)
        let elsewhere = try await Abroad.get(place.replacing("localhost", with: "evil.example"))
        #expect(elsewhere.status == 400 && elsewhere.location == nil)

        let code = try #require(try await esia.signIn("+79160000001", at: place).query["code"])
        await #expect(throws: PortalFailure.self) { try await stranger.person(code: code, visit: visit, now: now) }
        let person = try await right.person(code: code, visit: visit, now: now)
        #expect(person.snils == "112-233-445 95" && person.birthDate == Day("1985-05-26") && person.isConfirmed == true)
        #expect(person.hasConfirmedEmail && person.hasConfirmedPhone)
        await #expect(throws: PortalFailure.self) { try await right.person(code: code, visit: visit, now: now) }
    }

    @Test("Where the key is GOST, requests are signed and tokens checked by GOST R 34.10-2012; without the engine check says so")
    func gost() async throws {
        let esia = try await Esia(engine: "gost")
        try await story.tell(esia.settings()) { browser in
            let back = try await come(browser, esia, as: "+79160000001")
            #expect(back.status == .seeOther, "\(back.body)")
            #expect(await browser.cookies["__Host-session"] != nil)
            try await esia.spoil("signature")
            let forged = await Browser(browser.sameClient)
            #expect(try await come(forged, esia, as: "+79160000001").status == .badGateway)
        }
        let parts = try await IdentityService.parts(database: school.database, settings: esia.settings())
        let found = try await ConfiguredPortal.open(parts)?.examine(now: Date())
        #expect(found?.contains("GOST3410_2012_256") == true)
    }

    @Test("Whoever makes us ask the portal over and over has to wait, and others do not")
    func throttled() async throws {
        try await story { browser, esia in
            let limit = Guessing.Scope.portal.limit.attempts
            var last = Browser.Seen(status: .ok, body: "", location: nil)
            for _ in 0...limit {
                let state = URLComponents(string: try await browser.get("/identity/gosuslugi").location ?? "")?.queryItems?.first { $0.name == "state" }?.value ?? ""
                last = try await browser.get("/identity/gosuslugi/callback?code=invented&state=\(state)")
                if last.status == .tooManyRequests { break }
                #expect(last.status == .badGateway)
            }
            #expect(last.status == .tooManyRequests && last.body.contains("Слишком много попыток"))
        }
    }
}

@Suite("Any OpenID provider", .serialized, .database(School.migrations)) struct OpenIDTests {
    let school = School(database: TestDatabase.current.database)

    @Test("ID-19: through a real OpenID provider, found by its discovery document")
    func signIn() async throws {
        let provider = try await OpenIDProvider()
        try await provider.know("olga", #"{"snils":"112-233-445 95","birthdate":"1985-05-26","email":"o@example.org","email_verified":true}"#)
        try await provider.know("petr", #"{"snils":"123-456-789 64","birthdate":"2017-09-01","email":"p@example.org","email_verified":false}"#)
        try await provider.know("nobody", #"{"birthdate":"1985-05-26"}"#)
        try await PortalStory(school: school).tell(provider.settings()) { browser in
            func come(_ sub: String, declines: Bool = false) async throws -> Browser.Seen {
                let left = try await browser.get("/identity/gosuslugi?to=/journal/diary")
                #expect(left.status == .seeOther)
                let answer = try await provider.signIn(sub, at: left.location ?? "", declines: declines)
                return try await browser.get(answer.path)
            }
            // ID-20 and ID-21 hold whoever the provider is.
            #expect(try await come("nobody").body.contains("не указан СНИЛС"))
            #expect(try await come("petr").body.contains("Детям до 14 лет"))
            #expect(await browser.cookies.isEmpty)
            // This provider says that somebody declined without saying to which question: that counts for nothing.
            #expect(try await come("olga", declines: true).status == .badRequest)
            #expect(await browser.cookies["__Host-session"] == nil)
            let back = try await come("olga")
            #expect(back.status == .seeOther && back.location == "/journal/diary", "\(back.body)")
            #expect(try await browser.get("/identity/profile").status == .ok)
        }
    }

    @Test("An ID token that answers another question, and a code used twice, are refused by both sides")
    func replay() async throws {
        let provider = try await OpenIDProvider()
        try await provider.know("olga", #"{"snils":"112-233-445 95"}"#)
        let parts = try await IdentityService.parts(database: school.database, settings: provider.settings())
        let portal = try #require(try ConfiguredPortal.open(parts))
        let visit = PortalVisit(to: nil)
        func code() async throws -> String {
            let answer = try await provider.signIn("olga", at: try await portal.authorisation(for: visit, now: Date()))
            #expect(answer.query["state"] == visit.state)
            return try #require(answer.query["code"])
        }
        let first = try await code()
        await #expect(throws: PortalFailure.wrongAnswer("the ID token answers another question")) {
            try await portal.person(code: first, visit: PortalVisit(to: nil), now: Date())
        }
        let second = try await code()
        let person = try await portal.person(code: second, visit: visit, now: Date())
        #expect(person.subject == "olga" && person.snils == "112-233-445 95")
        await #expect(throws: PortalFailure.self) { try await portal.person(code: second, visit: visit, now: Date()) }
        // Two hours later a token of an hour is over.
        let third = try await code()
        await #expect(throws: PortalFailure.wrongAnswer("a token that is over")) {
            try await portal.person(code: third, visit: visit, now: Date().addingTimeInterval(7200))
        }
        #expect(try await portal.examine(now: Date()).contains("shows 1 keys"))
    }

    @Test("BY-12: a provider that is not there gives a calm page before anybody leaves")
    func away() async throws {
        let settings = [
            "gosuslugi.protocol": "oidc", "gosuslugi.address": "http://127.0.0.1:9", "gosuslugi.clientID": "x", "gosuslugi.clientSecret": "y",
            "gosuslugi.snilsKey": Esia.key,
        ]
        try await PortalStory(school: school).tell(settings) { browser in
            let seen = try await browser.get("/identity/gosuslugi")
            #expect(seen.status == .serviceUnavailable && seen.body.contains("Госуслуги не отвечают"))
        }
    }
}

@Suite("The curator enters numbers", .database(School.migrations)) struct SnilsPageTests {
    let school = School(database: TestDatabase.current.database)

    @Test("ID-19: the curator enters a person's СНИЛС, and mistakes stand beside the field")
    func enter() async throws {
        try await PortalStory(school: school).tell(["gosuslugi.snilsKey": Esia.key]) { browser in
            try await school.give("S1", login: "savina")
            _ = try await browser.post("/identity/sign-in", ["login": "savina", "password": "gz7mtk4q"])
            let (misha, operatorID) = (try await school.id("G2").text, try await school.id("S4").text)
            #expect(try await browser.get("/identity/people/\(misha)").body.contains("/identity/people/\(misha)/snils"))
            let page = try await browser.get("/identity/people/\(misha)/snils")
            #expect(page.status == .ok && page.body.contains("СНИЛС для Госуслуг"))
            let wrong = try await browser.post("/identity/people/\(misha)/snils", ["snils": "112-233-445 96"])
            #expect(wrong.status == .unprocessableContent)
            #expect(wrong.body.contains("Это не СНИЛС") && wrong.body.contains("112-233-445 96") && wrong.body.contains("aria-invalid"))
            let taken = try await browser.post("/identity/people/\(misha)/snils", ["snils": "112-233-445 95"])
            #expect(taken.status == .unprocessableContent && taken.body.contains("уже внесён другому"))
            let saved = try await browser.post("/identity/people/\(misha)/snils", ["snils": "087-654-303 00"])
            #expect(saved.status == .seeOther)
            let after = try await browser.visit(saved.location ?? "")
            #expect(after.body.contains("Номер сохранён") && after.body.contains("03 00"))
            // It is shown whole nowhere, to programs neither.
            let json = try await browser.get("/identity/people/\(misha)/snils", accept: "application/json")
            #expect(!after.body.contains("087") && !json.body.contains("654") && json.body.contains("03 00"))
            _ = try await browser.post("/identity/people/\(misha)/snils/removal")
            #expect(try await !browser.get("/identity/people/\(misha)/snils").body.contains("03 00"))
            // Nobody opens himself a way into the operator's account.
            let above = try await browser.post("/identity/people/\(operatorID)/snils", ["snils": "087-654-303 00"])
            #expect(above.status == .forbidden)
            let kept = try await school.database.read { try $0.first("select count(*)::int from snils", as: Int.self) ?? 0 }
            #expect(kept == 3)
        }
    }

    @Test("A parent, a cashier and an installation without a key have no such page")
    func others() async throws {
        try await PortalStory(school: school).tell(["gosuslugi.snilsKey": Esia.key]) { browser in
            let misha = try await school.id("G2").text
            for (number, login) in [("G3", "irina"), ("S3", "zueva")] {
                try await school.give(number, login: login)
                let other = await Browser(browser.sameClient)
                _ = try await other.post("/identity/sign-in", ["login": login, "password": "gz7mtk4q"])
                #expect(try await other.get("/identity/people/\(misha)/snils").status == .notFound)
                #expect(try await other.post("/identity/people/\(misha)/snils", ["snils": "087-654-303 00"]).status == .notFound)
            }
        }
    }
}

import Directory
import Events
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import JWTKit
import Kernel
import Logging
import Messaging
import Postgres
import Support
import Synchronization
import Testing

@testable import Web

private struct Hello: Page {
    static let template = "state-page"
    let title = "Hello"
    let section = ""
    let heading: String
    let sentence = "<script>"
    let detail: String? = nil
    let link: String? = nil
    let linkTitle: String? = nil
    let icon = "icons/information"
}

/// A value that a route fills and a test reads.
private final class Kept<Value: Sendable>: Sendable {
    private let value: Mutex<Value>
    init(_ value: Value) { self.value = Mutex(value) }
    func withLock<Result>(_ body: (inout sending Value) -> sending Result) -> sending Result { value.withLock(body) }
}

/// What stands at every door: who comes in, who is sent where, and that nothing else is told.
@Suite(.database(.messaging, DirectoryParts.migrations)) struct DoorTests {
    let database = TestDatabase.current.database
    let key = ES256PrivateKey()
    let keyID = UUID.v7()
    /// Sees the diary, and does not answer for the child.
    let mother = UUID.v7()
    let father = UUID.v7()
    let director = UUID.v7()
    let child = UUID.v7()
    let school = UUID.v7()
    let strangerSchool = UUID.v7()
    let stranger = UUID.v7()
    private let looked = Kept<[WebHost.Look]>([])

    private func withClient(clock: @escaping @Sendable () -> Date = { Date() }, _ body: @escaping @Sendable (any TestClientProtocol) async throws -> Void) async throws {
        let (key, keyID, mother, child, school, father, director) = (key, keyID, mother, child, school, father, director)
        let (stranger, strangerSchool) = (stranger, strangerSchool)
        try await database.transaction { tx in
            try Directory.apply([Told(SchoolChanged(schoolID: school, version: 1, name: "Школа", timeZone: "Asia/Kamchatka", modules: [], contacts: [], ended: false))], in: tx)
            try Directory.apply([Told(PupilChanged(personID: child, version: 1, schoolID: school, classID: nil, accountNumber: "0000000001", pupilCode: "I1", rosterNumber: nil, ended: false))], in: tx)
            try Directory.apply([Told(SchoolChanged(schoolID: strangerSchool, version: 1, name: "Чужая", timeZone: "Europe/Kaliningrad", modules: [], contacts: [], ended: false))], in: tx)
            try Directory.apply([Told(PupilChanged(personID: stranger, version: 1, schoolID: strangerSchool, classID: nil, accountNumber: "0000000002", pupilCode: "I2", rosterNumber: nil, ended: false))], in: tx)
            try Directory.apply([Told(RightsChanged(personID: mother, version: 3, roles: [], children: [Guardianship(childID: child, topics: [.diary], isPrimary: false, until: nil)]))], in: tx)
            try Directory.apply(
                [
                    Told(RightsChanged(personID: father, version: 3, roles: [], children: [Guardianship(childID: child, topics: [.diary], isPrimary: true, until: nil)])),
                    Told(RightsChanged(personID: director, version: 3, roles: [RoleHeld(schoolID: school, role: .director)], children: [])),
                ], in: tx)
            try Directory.apply(
                [Told(SigningKeyChanged(keyID: keyID, version: 1, algorithm: "ES256", publicKey: key.publicKey.pemRepresentation, validFrom: Date(timeIntervalSinceNow: -9), validUntil: Date(timeIntervalSinceNow: 999), ended: false))], in: tx)
        }
        var book = RouteBook(service: "test")
        book.page("/test/children/{child}/diary", .seeDiary, about: .child(parameter: "child")) { Hello(heading: "diary \($0.zone.identifier)") }
        book.page("/test/children/{child}/money", .seeMoney, about: .child(parameter: "child")) { _ in Hello(heading: "money") }
        book.post("/test/children/{child}/diary", .seeDiary, about: .child(parameter: "child")) { .seeOther("/done?\(try await $0.form()["a"] ?? "")") }
        book.page("/test/diary", .seeDiary, about: .oneself) { _ in Hello(heading: "all diaries") }
        book.get("/test/first", .seeDiary, about: .oneself) { _ in .seeOther("/test/diary") }
        book.page("/test/letters", .chooseAlerts, about: .oneself) { _ in Hello(heading: "letters") }
        book.page("/test/desk", .seeDiary, about: .anySchool) { visit in
            visit.looks(at: child)
            return Hello(heading: "found")
        }
        book.device(.post, "/test/device", { key, _ in key == "right" ? UUID() : nil }) { _ in .json(["ok": true]) }
        book.page("/test/children/{child}/note/{note}", .seeDiary, about: .child(parameter: "child")) { visit -> Hello in
            _ = try visit.uuid("note")
            throw Problem.notFound
        }
        book.form(
            "/test/children/{child}/limit", .seeDiary, about: .child(parameter: "child"),
            again: { visit, errors in Hello(heading: "typed \(try await visit.form()["limit"] ?? "") \(errors["limit"] ?? "")") }
        ) { _ in throw FieldErrors(["limit": "too <much>"]) }
        book.live("/test/children/{child}/live", .seeDiary, about: .child(parameter: "child")) { _ in
            AsyncStream { continuation in
                continuation.yield(ServerEvent("change", "<p>1</p>\n<p>2</p>"))
                continuation.finish()
            }
        }
        book.device(.post, "/test/nobody", { _, _ in UUID() }) { _ in throw Problem(.notFound, "Nobody has this card") }
        book.open(.get, "/test/open") { .page(Hello(heading: $0.isSignedIn ? "in" : "out")) }
        let router = Router()
        let looked = looked
        WebHost(
            pages: try Pages(nil, prefix: "/test"), database: database, publicAddress: "https://school.test", logger: Logger(label: "test"),
            clock: clock, looks: { look in looked.withLock { $0.append(look) } }
        ).register(book, on: router)
        try await Application(router: router).test(.router) { try await body($0) }
    }

    private func token(of person: UUID? = nil, rights: Int64 = 3, now: Date = Date(), by other: ES256PrivateKey? = nil, kid: UUID? = nil) async throws -> String {
        let keys = JWTKeyCollection()
        let id = JWKIdentifier(string: (kid ?? keyID).text)
        await keys.add(ecdsa: other ?? key, kid: id)
        let kids = [SessionToken.Kid(id: child, name: "Маша", accent: "sea")]
        return try await keys.sign(SessionToken(person: person ?? mother, session: .v7(), rights: rights, name: "Ольга", kids: kids, now: now), kid: id)
    }

    private func get(_ client: any TestClientProtocol, _ path: String, _ token: String?, accept: String = "text/html") async throws -> TestResponse {
        var headers: HTTPFields = [.accept: accept]
        if let token { headers[.cookie] = "\(SessionToken.cookie)=\(token)" }
        return try await client.executeRequest(uri: path, method: .get, headers: headers, body: nil)
    }

    @Test("a guardian enters; text is escaped; the page and its JSON are one; nothing inline may run") func entersAndReads() async throws {
        let token = try await token()
        let child = child
        try await withClient { client in
            let page = try await get(client, "/test/children/\(child.text)/diary", token)
            let text = String(buffer: page.body)
            #expect(page.status == .ok && text.contains("diary Asia/Kamchatka") && text.contains("&lt;script&gt;") && !text.contains("<script>"))
            #expect(page.headers[.contentSecurityPolicy]?.contains("unsafe") == false)
            #expect(!text.contains("style=") && !text.contains("onclick"))
            for (path, accept) in [("/test/children/\(child.text)/diary.json", "text/html"), ("/test/children/\(child.text)/diary", "application/json")] {
                let json = try await get(client, path, token, accept: accept)
                #expect(json.headers[.contentType] == "application/json; charset=utf-8")
                #expect(String(buffer: json.body).contains("\"heading\":\"diary Asia/Kamchatka\""))
            }
        }
    }

    @Test("no token, a stranger's signature, an unknown key, an expired one: sent to sign in or to renewal, programs get 401") func refusals() async throws {
        let path = "/test/children/\(child.text)/diary"
        let wrong = [try await token(by: ES256PrivateKey()), try await token(kid: .v7()), "rubbish", try await token() + "x"]
        let old = try await token(now: Date(timeIntervalSinceNow: -600))
        // An unsigned token that names itself unsigned.
        let none = "eyJhbGciOiJub25lIn0." + (try await token()).split(separator: ".")[1] + "."
        try await withClient { client in
            for bad in wrong + [none] {
                let sent = try await get(client, path, bad)
                #expect(sent.headers[.location]?.hasPrefix("/identity/sign-in?to=") == true)
            }
            #expect(try await get(client, path, nil).status == .seeOther)
            let renewed = try await get(client, path, old)
            #expect(renewed.headers[.location]?.hasPrefix("/identity/session/renewal?to=") == true)
            let json = try await get(client, path, nil, accept: "application/json")
            #expect(json.status == .unauthorized && json.headers[.contentType] == "application/problem+json")
        }
    }

    @Test("BY-10: a stranger's child, a missing child and a missing page look the same to the byte; a topic not granted looks different") func looks() async throws {
        let token = try await token()
        let (child, stranger) = (child, stranger)
        let now = Date()
        // The stranger lives in another zone: not even the hour below the page may tell of it.
        try await withClient(clock: { now }) { client in
            func answer(_ path: String, _ accept: String = "text/html") async throws -> String {
                let answer = try await get(client, path, token, accept: accept)
                let headers = answer.headers.filter { $0.name != .date }.map { "\($0.name): \($0.value)" }.sorted()
                return "\(answer.status)\n\(headers)\n\(String(buffer: answer.body))"
            }
            for accept in ["text/html", "application/json"] {
                let missing = try await answer("/test/children/\(UUID.v7().text)/diary", accept)
                #expect(missing.hasPrefix("404"))
                for path in [
                    "/test/children/\(stranger.text)/diary", "/test/children/\(stranger.text)/money", "/test/children/abc/diary", "/test/nowhere",
                    "/test/children/\(child.text)/note/\(UUID.v7().text)", "/test/children/\(stranger.text)/note/\(UUID.v7().text)",
                ] {
                    let seen = try await answer(path, accept)
                    #expect(seen == missing, "\(path)")
                }
            }
            #expect(try await answer("/test/children/\(child.text)/money").hasPrefix("403"))
            #expect(try await answer("/test/children/\(child.text)/diary").contains("Asia/Kamchatka"))
        }
    }

    @Test("an address that nobody declared is not found by any method, and says nothing else") func methods() async throws {
        let token = try await token()
        try await withClient { client in
            for method in [HTTPRequest.Method.get, .post, .put, .delete, .patch] {
                let answer = try await client.executeRequest(uri: "/test/open/x", method: method, headers: [.cookie: "\(SessionToken.cookie)=\(token)"], body: nil)
                #expect(answer.status == .notFound && answer.headers[.contentSecurityPolicy] != nil, "\(method)")
            }
        }
    }

    @Test("a form comes back with what was typed and what is wrong with it; a program gets the fields") func formAgain() async throws {
        let token = try await token()
        let child = child
        try await withClient { client in
            func post(_ accept: String) async throws -> TestResponse {
                try await client.executeRequest(
                    uri: "/test/children/\(child.text)/limit", method: .post,
                    headers: [
                        .accept: accept, .contentType: "application/x-www-form-urlencoded", .cookie: "\(SessionToken.cookie)=\(token)", .origin: "https://school.test",
                    ], body: ByteBuffer(string: "limit=9999"))
            }
            let page = try await post("text/html")
            #expect(page.status == .unprocessableContent && String(buffer: page.body).contains("typed 9999 too &lt;much&gt;"))
            let json = try await post("application/json")
            #expect(json.status == .unprocessableContent && json.headers[.contentType] == "application/problem+json")
            #expect(String(buffer: json.body).contains("\"errors\":{\"limit\":\"too <much>\"}"))
        }
    }

    @Test("a request that is too large is told so with the limit, in the reader's words or as problem+json; strangers learn nothing by it")
    func tooLarge() async throws {
        let token = try await token()
        let (child, stranger) = (child, stranger)
        let large = ByteBuffer(repeating: UInt8(ascii: "a"), count: Oversize.most + 1)
        try await withClient { client in
            func post(_ path: String, _ accept: String, _ token: String?, _ body: ByteBuffer? = nil) async throws -> TestResponse {
                var headers: HTTPFields = [.accept: accept, .contentType: "application/x-www-form-urlencoded", .origin: "https://school.test"]
                if let token { headers[.cookie] = "\(SessionToken.cookie)=\(token)" }
                return try await client.executeRequest(uri: path, method: .post, headers: headers, body: body ?? large)
            }
            let path = "/test/children/\(child.text)/limit"
            let page = try await post(path, "text/html", token)
            #expect(page.status == .contentTooLarge && String(buffer: page.body).contains("За один раз можно отправить не больше 1\u{a0}МБ."))
            let json = try await post(path, "application/json", token)
            #expect(json.status == .contentTooLarge && json.headers[.contentType] == "application/problem+json")
            #expect(String(buffer: json.body).contains("\"status\":413"))
            #expect(try await post("/test/children/\(stranger.text)/limit", "text/html", token).status == .notFound)
            #expect(try await post(path, "text/html", nil).status == .seeOther)
            // To the last byte that is read, it is a form as any other.
            let most = ByteBuffer(string: "limit=" + String(repeating: "9", count: Oversize.most - 6))
            #expect(try await post(path, "text/html", token, most).status == .unprocessableContent)
        }
    }

    @Test("a form whose token has run out is sent to renewal with what was typed, and by whoever cannot renew it to sign in") func formRenewal() async throws {
        let old = try await token(now: Date(timeIntervalSinceNow: -600))
        let child = child
        try await withClient { client in
            func post(_ cookie: String?) async throws -> TestResponse {
                var headers: HTTPFields = [.contentType: "application/x-www-form-urlencoded", .origin: "https://school.test"]
                if let cookie { headers[.cookie] = cookie }
                return try await client.executeRequest(uri: "/test/children/\(child.text)/diary?day=1", method: .post, headers: headers, body: ByteBuffer(string: "a=b"))
            }
            let renewed = try await post("\(SessionToken.cookie)=\(old)")
            // 307: the browser repeats the form there, and it is repeated here afterwards.
            #expect(renewed.status == .temporaryRedirect)
            #expect(renewed.headers[.location] == "/identity/session/renewal?again=1&to=%2Ftest%2Fchildren%2F\(child.text.replacing("-", with: "%2D"))%2Fdiary%3Fday%3D1")
            let unknown = try await post(nil)
            #expect(unknown.status == .seeOther && unknown.headers[.location]?.hasPrefix("/identity/sign-in") == true)
        }
    }

    @Test("a live page gets its events as the standard frames them, and a program without a token gets 401") func live() async throws {
        let token = try await token()
        let child = child
        try await withClient { client in
            let answer = try await get(client, "/test/children/\(child.text)/live", token, accept: "text/event-stream")
            #expect(answer.headers[.contentType] == "text/event-stream" && answer.headers[.xAccelBuffering] == "no")
            #expect(String(buffer: answer.body) == "retry: 2000\n\nevent: change\ndata: <p>1</p>\ndata: <p>2</p>\n\n")
            let out = try await get(client, "/test/children/\(child.text)/live", nil, accept: "text/event-stream")
            #expect(out.status == .unauthorized && out.headers[.contentType] == "application/problem+json")
        }
    }

    @Test("BY-10: looks of staff and second adults at a child are told, those of who answers for it and refused ones are not") func looked() async throws {
        let (child, stranger, mother, director, looked) = (child, stranger, mother, director, looked)
        let tokens = [try await token(), try await token(of: father), try await token(of: director)]
        try await withClient { client in
            for token in tokens {
                for path in ["children/\(child.text)/diary", "children/\(child.text)/money", "children/\(stranger.text)/diary", "diary", "first", "letters", "desk", "open"] {
                    _ = try await get(client, "/test/\(path)", token)
                }
            }
        }
        let told = looked.withLock { $0 }
        #expect(told.allSatisfy { $0.child == child && $0.permission == "seeDiary" })
        // One child's page and the page of all his children; the director the child's page and whom he found.
        #expect(told.map(\.viewer) == [mother, mother, director, director])
        #expect(told.map(\.asGuardian) == [true, true, false, false])
    }

    @Test("rights that have changed and not arrived show nothing") func updating() async throws {
        let token = try await token(rights: 4)
        let child = child
        try await withClient { client in
            let answer = try await get(client, "/test/children/\(child.text)/diary", token)
            #expect(answer.status == .serviceUnavailable)
        }
    }

    @Test("a form from another site changes nothing") func origin() async throws {
        let token = try await token()
        let child = child
        try await withClient { client in
            func post(_ extra: HTTPFields) async throws -> TestResponse {
                var headers: HTTPFields = [.contentType: "application/x-www-form-urlencoded", .cookie: "\(SessionToken.cookie)=\(token)"]
                for field in extra { headers.append(field) }
                return try await client.executeRequest(uri: "/test/children/\(child.text)/diary", method: .post, headers: headers, body: ByteBuffer(string: "a=b"))
            }
            let own = try await post([.origin: "https://school.test"])
            #expect(own.headers[.location] == "/done?b")
            let refused: [HTTPFields] = [[.origin: "https://evil.test"], [.secFetchSite: "cross-site"], [:]]
            for fields in refused {
                let answer = try await post(fields)
                #expect(answer.status == .forbidden)
            }
            let same = try await post([.secFetchSite: "same-origin"])
            #expect(same.status == .seeOther)
        }
    }

    @Test("a device enters with its key only") func devices() async throws {
        try await withClient { client in
            for (key, status) in [("right", HTTPResponse.Status.ok), ("wrong", .unauthorized)] {
                let answer = try await client.executeRequest(
                    uri: "/test/device", method: .post, headers: [.authorization: "Bearer \(key)"], body: ByteBuffer(string: "{}"))
                #expect(answer.status == status)
            }
            let unknown = try await client.executeRequest(uri: "/test/device", method: .post, headers: [:], body: nil)
            #expect(unknown.headers[.contentType] == "application/problem+json")
            let nobody = try await client.executeRequest(uri: "/test/nobody", method: .post, headers: [.authorization: "Bearer k"], body: nil)
            #expect(nobody.status == .notFound && String(buffer: nobody.body).contains("Nobody has this card"))
            let open = try await get(client, "/test/open", nil)
            #expect(open.status == .ok && String(buffer: open.body).contains("out"))
        }
    }
}

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
    let isUnavailable = false
    let isWarning = false
    let isInformation = true
}

/// What stands at every door: who comes in, who is sent where, and that nothing else is told.
@Suite(.database(.messaging, DirectoryParts.migrations)) struct DoorTests {
    let database = TestDatabase.current.database
    let key = ES256PrivateKey()
    let keyID = UUID.v7()
    let mother = UUID.v7()
    let child = UUID.v7()
    let school = UUID.v7()

    private func withClient(_ body: @escaping @Sendable (any TestClientProtocol) async throws -> Void) async throws {
        let (key, keyID, mother, child, school) = (key, keyID, mother, child, school)
        try await database.transaction { tx in
            try Directory.apply([Told(SchoolChanged(schoolID: school, version: 1, name: "Школа", timeZone: "Asia/Kamchatka", modules: [], contacts: [], ended: false))], in: tx)
            try Directory.apply([Told(PupilChanged(personID: child, version: 1, schoolID: school, classID: nil, accountNumber: "0000000001", pupilCode: "I1", rosterNumber: nil, ended: false))], in: tx)
            try Directory.apply([Told(RightsChanged(personID: mother, version: 3, roles: [], children: [Guardianship(childID: child, topics: [.diary], isPrimary: false, until: nil)]))], in: tx)
            try Directory.apply(
                [Told(SigningKeyChanged(keyID: keyID, version: 1, algorithm: "ES256", publicKey: key.publicKey.pemRepresentation, validFrom: Date(timeIntervalSinceNow: -9), validUntil: Date(timeIntervalSinceNow: 999), ended: false))], in: tx)
        }
        var book = RouteBook(service: "test")
        book.page("/test/children/{child}/diary", .seeDiary, about: .child(parameter: "child")) { Hello(heading: "diary \($0.zone.identifier)") }
        book.page("/test/children/{child}/money", .seeMoney, about: .child(parameter: "child")) { _ in Hello(heading: "money") }
        book.post("/test/children/{child}/diary", .seeDiary, about: .child(parameter: "child")) { .seeOther("/done?\(try await $0.form()["a"] ?? "")") }
        book.device(.post, "/test/device", { key, _ in key == "right" ? UUID() : nil }) { _ in .json(["ok": true]) }
        book.open(.get, "/test/open") { .page(Hello(heading: $0.isSignedIn ? "in" : "out")) }
        let router = Router()
        WebHost(pages: try Pages(nil, prefix: "/test"), database: database, publicAddress: "https://school.test", logger: Logger(label: "test"))
            .register(book, on: router)
        try await Application(router: router).test(.router) { try await body($0) }
    }

    private func token(rights: Int64 = 3, now: Date = Date(), by other: ES256PrivateKey? = nil, kid: UUID? = nil) async throws -> String {
        let keys = JWTKeyCollection()
        let id = JWKIdentifier(string: (kid ?? keyID).text)
        await keys.add(ecdsa: other ?? key, kid: id)
        return try await keys.sign(SessionToken(person: mother, session: .v7(), rights: rights, name: "Ольга", now: now), kid: id)
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

    @Test("BY-10: a stranger's child, a missing child and a missing page look the same; a topic not granted looks different") func looks() async throws {
        let token = try await token()
        let child = child
        try await withClient { client in
            func body(_ path: String) async throws -> (HTTPResponse.Status, String) {
                let answer = try await get(client, path, token)
                return (answer.status, String(buffer: answer.body).replacing(/\d{1,2}:\d\d/, with: ""))
            }
            let missing = try await body("/test/children/\(UUID.v7().text)/diary")
            let nonsense = try await body("/test/children/abc/diary")
            let nowhere = try await body("/test/nowhere")
            #expect(missing.0 == .notFound && missing == nonsense && missing == nowhere)
            #expect(try await body("/test/children/\(child.text)/money").0 == .forbidden)
        }
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
            let open = try await get(client, "/test/open", nil)
            #expect(open.status == .ok && String(buffer: open.body).contains("out"))
        }
    }
}

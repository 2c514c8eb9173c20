import Directory
import Events
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import JWTKit
import Kernel
import Messaging
import NIOCore
import Postgres
import Service
import Support
import Testing
import Web

@testable import Access
@testable import Canteen
@testable import Identity
@testable import Journal
@testable import Ledger
@testable import Notifier

/// ID-31, ID-33, D-05: what a terminal's token opens, walked over every route of every service; a new route is walked from its
/// first day.
@Suite struct KioskTests {
    @Test("ID-33: a terminal's token at Identity", .database(IdentityService.migrations)) func identity() async throws {
        try await walk(IdentityService.self, opens: ["/identity/kiosk/cabinet"])
    }
    @Test("ID-33: a terminal's token at Ledger", .database(LedgerService.migrations)) func ledger() async throws {
        try await walk(LedgerService.self, opens: ["/ledger/kiosk"]) { database, world in
            let pupil = PupilChanged(
                personID: world.child, version: 1, schoolID: world.school, classID: world.ownClass, accountNumber: "0000000000",
                pupilCode: "I00000000")
            try await database.transaction {
                try WhenPupilAppears(pupil: pupil, version: 1).react(in: $0, .init(service: "ledger"), at: Date())
            }
        }
    }
    @Test("ID-33: a terminal's token at Canteen", .database(CanteenService.migrations)) func canteen() async throws {
        try await walk(CanteenService.self, opens: ["/canteen/kiosk"])
    }
    @Test("ID-33: a terminal's token at Access", .database(AccessService.migrations)) func access() async throws {
        try await walk(AccessService.self, opens: [])
    }
    @Test("ID-33: a terminal's token at Journal", .database(JournalService.migrations)) func journal() async throws {
        try await walk(JournalService.self, opens: ["/journal/kiosk"])
    }
    @Test("ID-33: a terminal's token at Notifier", .database(NotifierService.migrations)) func notifier() async throws {
        try await walk(NotifierService.self, opens: [])
    }

    private func walk<S: SchoolService>(
        _ service: S.Type, opens: Set<String>, prepare: (Database, World) async throws -> Void = { _, _ in }
    ) async throws {
        let database = TestDatabase.current.database
        let world = World()
        try await world.settle(in: database)
        try await prepare(database, world)
        let parts = try await S.parts(database: database)
        let book = S.routes(parts)
        let kiosk = try await world.kioskToken()
        let mother = try await world.token(world.mother, kids: [world.child])
        let app = Application(router: try S.router(parts))
        let opened = try await app.test(.router) { client in
            var opened: Set<String> = []
            for route in book.routes {
                let path = route.path.replacing(/\{child\}/, with: world.child.text).replacing(/\{class\}/, with: world.ownClass.text)
                    .replacing(/\{school\}/, with: world.school.text).replacing(/\{[a-z]*[Dd]ay\}/, with: "2026-11-20")
                    .replacing(/\{number\}/, with: "1").replacing(/\{\w+\}/, with: UUID.v7().text)
                switch route.door {
                case .permitted:
                    // In its own cookie and in that of a person: it is no person's token.
                    for cookie in ["\(KioskToken.cookie)=\(kiosk)", "\(SessionToken.cookie)=\(kiosk)", "\(KioskToken.cookie)=\(kiosk); \(SessionToken.cookie)=\(kiosk)"] {
                        let seen = try await knock(client, route.method, path, cookie)
                        #expect(seen.status == .seeOther || seen.status == .unauthorized || seen.status == .temporaryRedirect, "\(route.method) \(path): \(seen.status)")
                        #expect(!seen.body.contains("Секретина"))
                    }
                case .kiosk:
                    let seen = try await knock(client, route.method, path, "\(KioskToken.cookie)=\(kiosk)")
                    #expect(seen.status == .ok, "\(path): \(seen.status)")
                    #expect(seen.body.contains("I00000000"), "\(path) greets by the code")
                    #expect(!seen.body.contains("Секретина") && !seen.body.contains("Тайнова"), "\(path) tells a name")
                    if seen.status == .ok { opened.insert(route.path) }
                    // Nobody, a person of the family, and a token of the other kind in this cookie: closed.
                    for cookie in ["", "\(SessionToken.cookie)=\(mother)", "\(KioskToken.cookie)=\(mother)"] {
                        let closed = try await knock(client, route.method, path, cookie)
                        #expect(closed.status == .seeOther && closed.location == "/identity/kiosk", "\(path) with \(cookie.prefix(20))")
                    }
                case .open, .device: continue
                }
            }
            return opened
        }
        #expect(opened == opens)
    }

    private func knock(
        _ client: any TestClientProtocol, _ method: HTTPRequest.Method, _ path: String, _ cookie: String
    ) async throws -> (status: HTTPResponse.Status, body: String, location: String?) {
        var headers: HTTPFields = [.accept: "text/html", .contentType: "application/x-www-form-urlencoded", .origin: "https://localhost"]
        if !cookie.isEmpty { headers[.cookie] = cookie }
        let response = try await client.executeRequest(
            uri: path, method: method, headers: headers, body: method == .get ? nil : ByteBuffer(string: "amount=1&text=x"))
        return (response.status, String(buffer: response.body), response.headers[.location])
    }
}

extension World {
    /// A terminal's token as Identity signs it.
    func kioskToken() async throws -> String {
        let keys = JWTKeyCollection()
        await keys.add(ecdsa: key, kid: JWKIdentifier(string: keyID.text))
        return try await keys.sign(KioskToken(pupil: child, session: .v7(), code: "I00000000"), kid: JWKIdentifier(string: keyID.text))
    }
}

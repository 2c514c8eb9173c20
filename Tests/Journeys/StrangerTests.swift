import Directory
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Kernel
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

/// BY-10: every route of every service, knocked at by every kind of stranger. The walk reads the route books, so a new route is
/// walked from its first day.
@Suite struct StrangerTests {
    @Test("BY-10: strangers at Identity", .database(IdentityService.migrations)) func identity() async throws { try await walk(IdentityService.self) }
    @Test("BY-10: strangers at Ledger", .database(LedgerService.migrations)) func ledger() async throws { try await walk(LedgerService.self) }
    @Test("BY-10: strangers at Canteen", .database(CanteenService.migrations)) func canteen() async throws { try await walk(CanteenService.self) }
    @Test("BY-10: strangers at Access", .database(AccessService.migrations)) func access() async throws { try await walk(AccessService.self) }
    @Test("BY-10: strangers at Journal", .database(JournalService.migrations)) func journal() async throws { try await walk(JournalService.self) }
    @Test("BY-10: strangers at Notifier", .database(NotifierService.migrations)) func notifier() async throws { try await walk(NotifierService.self) }

    /// Each is refused, and in the same words as for a child, class or school that does not exist.
    private func walk<S: SchoolService>(_ service: S.Type) async throws {
        let database = TestDatabase.current.database
        let world = World()
        try await world.settle(in: database)
        let parts = try await S.parts(database: database)
        let book = S.routes(parts)
        let app = Application(router: try S.router(parts))
        try await app.test(.router) { client in
            for stranger in world.strangers {
                let token: String? = if let person = stranger.person { try await world.token(person, isPupil: stranger.isPupil) } else { nil }
                for route in book.routes {
                    guard case .permitted(let permission, let about) = route.door else { continue }
                    guard let real = path(route.path, about, world, isReal: true), let imagined = path(route.path, about, world, isReal: false)
                    else { continue }
                    // A permission that everybody at school has (the timetable of any class) tells nothing of a child.
                    if case .child = about {} else if await holds(stranger, permission, about, world) { continue }
                    let seen = try await knock(client, route.method, real, token)
                    let nothing = try await knock(client, route.method, imagined, token)
                    let where_ = "\(stranger.name) at \(route.method) \(real)"
                    if stranger.person == nil {
                        #expect(seen.status == .seeOther || seen.status == .unauthorized, "\(where_): \(seen.status)")
                        #expect(seen.status == nothing.status, "\(where_)")
                    } else {
                        #expect(seen.status == .notFound, "\(where_): \(seen.status)")
                        #expect(seen == nothing, "\(where_) is answered otherwise than for what does not exist")
                    }
                    #expect(!seen.body.contains("Секретина") && !seen.body.contains("Тайнова"), "\(where_) reads the name")
                }
            }
        }
    }

    /// Whether a stranger to the child may all the same use a route about a class or school: a colleague of the same school.
    private func holds(_ stranger: World.Stranger, _ permission: Permission, _ about: RouteSubject, _ world: World) async -> Bool {
        guard let person = stranger.person else { return false }
        let subject: Subject
        switch about {
        case .schoolClass: subject = .schoolClass(world.ownClass)
        case .school: subject = .school(world.school)
        default: return true
        }
        let viewer = Viewer(personID: person, sessionID: .v7(), rightsNumber: stranger.isPupil ? 0 : 1, name: "", isPupil: stranger.isPupil)
        let day = SchoolZone.moscow.day(of: Date())
        let decision = try? await TestDatabase.current.database.read { try Directory.decide(viewer, permission, about: subject, on: day, in: $0) }
        return decision != .notFound
    }

    private func path(_ path: String, _ about: RouteSubject, _ world: World, isReal: Bool) -> String? {
        let target: (String, UUID)
        switch about {
        case .child(let name): target = (name, isReal ? world.child : UUID.v7())
        case .schoolClass(let name): target = (name, isReal ? world.ownClass : UUID.v7())
        case .school(let name): target = (name, isReal ? world.school : UUID.v7())
        case .oneself, .anySchool, .resolved: return nil
        }
        let named = path.replacing("{\(target.0)}", with: target.1.text)
        // Other parts of a path are things that do not exist.
        return named.replacing(/\{[a-z]*[Dd]ay\}/, with: "2026-11-20").replacing(/\{number\}/, with: "1")
            .replacing(/\{\w+\}/, with: "00000000-0000-7000-8000-000000000000")
    }

    private struct Seen: Equatable {
        let status: HTTPResponse.Status
        let body: String
    }

    private func knock(_ client: any TestClientProtocol, _ method: HTTPRequest.Method, _ path: String, _ token: String?) async throws -> Seen {
        var headers: HTTPFields = [.accept: "text/html", .contentType: "application/x-www-form-urlencoded", .origin: "https://localhost"]
        if let token { headers[.cookie] = "\(SessionToken.cookie)=\(token)" }
        let response = try await client.executeRequest(
            uri: path, method: method, headers: headers, body: method == .get ? nil : ByteBuffer(string: "amount=1&text=x"))
        // The clock on the page is the only thing that may differ between two looks.
        return Seen(status: response.status, body: String(buffer: response.body).replacing(/\d{1,2}:\d\d/, with: ""))
    }
}

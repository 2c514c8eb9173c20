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
    @Test("BY-10: strangers at Identity", .database(IdentityService.migrations)) func identity() async throws {
        try await walk(IdentityService.self) { try await World.OfIdentity.settle($0, in: $1).things }
    }
    @Test("BY-10: strangers at Ledger", .database(LedgerService.migrations)) func ledger() async throws { try await walk(LedgerService.self) }
    @Test("BY-10: strangers at Canteen", .database(CanteenService.migrations)) func canteen() async throws { try await walk(CanteenService.self) }
    @Test("BY-10: strangers at Access", .database(AccessService.migrations)) func access() async throws { try await walk(AccessService.self) }
    @Test("BY-10: strangers at Journal", .database(JournalService.migrations)) func journal() async throws { try await walk(JournalService.self) }
    @Test("BY-10: strangers at Notifier", .database(NotifierService.migrations)) func notifier() async throws { try await walk(NotifierService.self) }

    /// What of a service's own lies behind a route that finds its subject itself, by the names in the path; nil for what has no
    /// sample.
    typealias Things = @Sendable (_ path: String) -> [String: UUID]

    /// Each is refused, and in the same words as for a child, class or school that does not exist.
    private func walk<S: SchoolService>(
        _ service: S.Type, _ fill: @Sendable (World, Database) async throws -> Things = { _, _ in { _ in [:] } }
    ) async throws {
        let database = TestDatabase.current.database
        let world = World()
        try await world.settle(in: database)
        let things = try await fill(world, database)
        let parts = try await S.parts(database: database)
        let book = S.routes(parts)
        let app = Application(router: try S.router(parts))
        try await app.test(.router) { client in
            for stranger in world.strangers {
                let token: String? =
                    if let person = stranger.person { try await world.token(person, isPupil: stranger.isPupil, kids: stranger.kids) } else { nil }
                for route in book.routes {
                    guard case .permitted(let permission, let about) = route.door else { continue }
                    guard let real = path(route.path, about, world, things, isReal: true),
                        let imagined = path(route.path, about, world, things, isReal: false)
                    else { continue }
                    // A permission that everybody at school has (the timetable of any class) tells nothing of a child.
                    if case .child = about {} else if case .resolved = about {} else if await holds(stranger, permission, about, world) { continue }
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
            // Whoever was let in to the child, but not to this: told so about this child, and nothing about any other.
            let second = world.withoutTopic
            let token = try await world.token(try #require(second.person), kids: second.kids)
            for route in book.routes {
                guard case .permitted(let permission, let about) = route.door, case .child = about,
                    let real = path(route.path, about, world, things, isReal: true),
                    let imagined = path(route.path, about, world, things, isReal: false)
                else { continue }
                let where_ = "\(second.name) at \(route.method) \(real)"
                let nothing = try await knock(client, route.method, imagined, token)
                #expect(nothing.status == .notFound, "\(where_)")
                // Open to every guardian; what it shows goes by topic.
                if permission.guardians == .granted, permission.topic == nil { continue }
                let seen = try await knock(client, route.method, real, token)
                if permission.guardians == .granted {
                    #expect(seen.status == .forbidden, "\(where_): \(seen.status)")
                    #expect(!seen.body.contains("Секретина") && !seen.body.contains("Тайнова"), "\(where_) reads the name")
                } else {
                    #expect(seen == nothing, "\(where_): \(seen.status)")
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

    private func path(_ path: String, _ about: RouteSubject, _ world: World, _ things: Things, isReal: Bool) -> String? {
        let target: (String, UUID)
        switch about {
        case .child(let name): target = (name, isReal ? world.child : UUID.v7())
        case .schoolClass(let name): target = (name, isReal ? world.ownClass : UUID.v7())
        case .school(let name): target = (name, isReal ? world.school : UUID.v7())
        case .resolved:
            let names = path.matches(of: /\{(\w+)\}/).map { String($0.output.1) }
            let known = things(path)
            guard !names.isEmpty, names.allSatisfy({ known[$0] != nil }) else { return nil }
            return names.reduce(path) { $0.replacing("{\($1)}", with: (isReal ? known[$1] ?? .v7() : .v7()).text) }
        case .oneself, .anySchool: return nil
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

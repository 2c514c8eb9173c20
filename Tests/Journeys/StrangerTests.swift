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
    @Test("BY-10: strangers at Ledger", .database(LedgerService.migrations)) func ledger() async throws {
        try await walk(LedgerService.self) { try await World.OfLedger.settle($0, in: $1) }
    }
    @Test("BY-10: strangers at Canteen", .database(CanteenService.migrations)) func canteen() async throws {
        try await walk(CanteenService.self) { try await World.OfCanteen.settle($0, in: $1) }
    }
    @Test("BY-10: strangers at Access", .database(AccessService.migrations)) func access() async throws {
        try await walk(AccessService.self) { try await World.OfAccess.settle($0, in: $1) }
    }
    @Test("BY-10, ID-04: strangers at Journal", .database(JournalService.migrations)) func journal() async throws { try await walk(JournalService.self) }
    @Test("BY-10: strangers at Notifier", .database(NotifierService.migrations)) func notifier() async throws { try await walk(NotifierService.self) }

    /// What of a service's own a path names beside child, class and school: somebody else's record that exists. A route without
    /// its sample fails.
    typealias Things = @Sendable (_ path: String) -> [String: UUID]

    /// What everybody may read who is signed in.
    private static let ofEverybody: Set = ["/identity/consent-texts/{text}", "/identity/profile/consents/{text}"]

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
        for route in book.routes {
            guard case .permitted(_, let about) = route.door else { continue }
            let missing = names(in: route.path, about).filter { things(route.path)[$0] == nil }
            #expect(missing.isEmpty, "\(route.path): give World a sample of somebody else's \(missing.joined(separator: ", "))")
        }
        let before = try await state(of: database)
        try await app.test(.router) { client in
            for stranger in world.strangers {
                let token: String? =
                    if let person = stranger.person { try await world.token(person, isPupil: stranger.isPupil, kids: stranger.kids) } else { nil }
                for route in book.routes {
                    guard case .permitted(let permission, let about) = route.door else { continue }
                    guard let real = path(route.path, about, world, things, isReal: true),
                        let imagined = path(route.path, about, world, things, isReal: false)
                    else { continue }
                    let where_ = "\(stranger.name) at \(route.method) \(real)"
                    // His own page, or one of his own school, that names a record of somebody else: answered as for no record at all.
                    if isOwn(about) {
                        if Self.ofEverybody.contains(route.path) { continue }
                        let seen = try await knock(client, route.method, real, token)
                        let nothing = try await knock(client, route.method, imagined, token)
                        #expect(seen == nothing, "\(where_) is answered otherwise than for what does not exist: \(seen.status)")
                        #expect(!seen.body.contains("Секретина") && !seen.body.contains("Тайнова"), "\(where_) reads the name")
                        continue
                    }
                    // A permission that everybody at school has (the timetable of any class) tells nothing of a child.
                    if case .child = about {} else if case .resolved = about {} else if await holds(stranger, permission, about, world) { continue }
                    let seen = try await knock(client, route.method, real, token)
                    let nothing = try await knock(client, route.method, imagined, token)
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
            #expect(try await state(of: database) == before, "a stranger's knock changes nothing that is kept")
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
            try await knockAsFamily(client, book, world, things)
        }
    }

    /// ID-30: what is the parents' is not there for an adult whom one of them let in to everything; the second parent finds it as the
    /// first one does.
    private func knockAsFamily(_ client: any TestClientProtocol, _ book: RouteBook, _ world: World, _ things: Things) async throws {
        for (visitor, isLegal) in [(world.letIn, false), (world.secondParent, true)] {
            let token = try await world.token(try #require(visitor.person), kids: visitor.kids)
            for route in book.routes {
                guard case .permitted(let permission, let about) = route.door, case .child = about, permission.guardians != .granted,
                    let real = path(route.path, about, world, things, isReal: true),
                    let imagined = path(route.path, about, world, things, isReal: false)
                else { continue }
                let where_ = "\(visitor.name) at \(route.method) \(real)"
                let seen = try await knock(client, route.method, real, token)
                if isLegal, permission.guardians == .legalOnly {
                    guard names(in: route.path, about).isEmpty else { continue }
                    #expect(![.notFound, .forbidden].contains(seen.status) && seen.status.code < 500, "\(where_): \(seen.status)")
                } else {
                    #expect(seen.status == .notFound, "\(where_): \(seen.status)")
                    #expect(try await seen == knock(client, route.method, imagined, token), "\(where_)")
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

    /// About the asker himself, or about the schools of his role.
    private func isOwn(_ about: RouteSubject) -> Bool {
        switch about {
        case .oneself, .anySchool: true
        default: false
        }
    }

    /// The parts of a path that name a record, beside its subject; days and numbers name nothing.
    private func names(in path: String, _ about: RouteSubject) -> [String] {
        let subject: String? =
            switch about {
            case .child(let name), .schoolClass(let name), .school(let name): name
            default: nil
            }
        return path.matches(of: /\{(\w+)\}/).map { String($0.output.1) }
            .filter { $0 != subject && $0 != "number" && !$0.lowercased().hasSuffix("day") }
    }

    /// A fingerprint of every table of the service's own.
    private func state(of database: Database) async throws -> [String: String] {
        try await database.read { tx in
            let tables = try tx.rows(
                """
                select c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
                where n.nspname = current_schema() and c.relkind in ('r', 'p') and not c.relispartition order by 1
                """, as: String.self)
            var state: [String: String] = [:]
            for table in tables {
                state[table] = try tx.first(
                    "select coalesce(md5(string_agg(t::text, chr(10) order by t::text)), '') from \(unescaped: table) t", as: String.self)
            }
            return state
        }
    }

    private func path(_ path: String, _ about: RouteSubject, _ world: World, _ things: Things, isReal: Bool) -> String? {
        var known = things(path)
        switch about {
        case .child(let name): known[name] = world.child
        case .schoolClass(let name): known[name] = world.ownClass
        case .school(let name): known[name] = world.school
        case .resolved: break
        case .oneself, .anySchool: if names(in: path, about).isEmpty { return nil }
        }
        // Where the subject is imagined, so is everything else.
        return path.replacing(/\{[a-z]*[Dd]ay\}/, with: "2026-11-20").replacing("{number}", with: "1").replacing(/\{(\w+)\}/) { match in
            (isReal ? known[String(match.output.1)] ?? .v7() : UUID.v7()).text
        }
    }

    private struct Seen: Equatable {
        let status: HTTPResponse.Status
        let body: String
    }

    private func knock(_ client: any TestClientProtocol, _ method: HTTPRequest.Method, _ path: String, _ token: String?) async throws -> Seen {
        // The address itself, which a page may give back, is no difference.
        let asked = path.matches(of: /[0-9a-f]{8}-[0-9a-f-]{27}/).map { String($0.output) }
        var headers: HTTPFields = [.accept: "text/html", .contentType: "application/x-www-form-urlencoded", .origin: "https://localhost"]
        if let token { headers[.cookie] = "\(SessionToken.cookie)=\(token)" }
        let response = try await client.executeRequest(
            uri: path, method: method, headers: headers, body: method == .get ? nil : ByteBuffer(string: "amount=1&text=x"))
        // The clock on the page is the only thing that may differ between two looks.
        let body = asked.reduce(String(buffer: response.body)) { $0.replacing($1, with: "-") }
        return Seen(status: response.status, body: body.replacing(/\d{1,2}:\d\d/, with: ""))
    }
}

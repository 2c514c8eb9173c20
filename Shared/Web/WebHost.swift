import Directory
import Events
public import Foundation
import HTTPTypes
public import Hummingbird
import JWTKit
import Kernel
public import Logging
public import Postgres
import ServiceLifecycle
import Synchronization

/// Serves a route book: finds out who asks, asks the one decision, and turns what comes back into a page or JSON.
public struct WebHost: Sendable {
    /// The most that a form or a device's request may weigh.
    static let mostBytes = 1 << 20
    /// How often a live stream says that it is still there, so that nobody on the way hangs up.
    static let heartbeat: Duration = .seconds(15)

    let pages: Pages
    let database: Database
    let keys: TokenKeys
    /// `https://school.example.org`: forms are accepted from here only.
    let publicAddress: String
    let logger: Logger
    /// The time, which tests set.
    let clock: @Sendable () -> Date
    private let zones = ZoneCache()

    public init(
        pages: Pages, database: Database, publicAddress: String, logger: Logger,
        clock: @escaping @Sendable () -> Date = { Date() }
    ) {
        self.pages = pages
        self.database = database
        keys = TokenKeys(database)
        self.publicAddress = publicAddress
        self.logger = logger
        self.clock = clock
    }

    /// Puts every route of a book, its assets and the answer for everything else on a router.
    public func register<Context: RequestContext>(_ book: RouteBook, on router: Router<Context>) {
        for (name, asset) in pages.assets.files {
            router.get(RouterPath("\(book.prefix)/assets/\(name)")) { _, _ in
                var headers: HTTPFields = [.contentType: asset.type, .cacheControl: "public, max-age=31536000, immutable"]
                headers[.xContentTypeOptions] = "nosniff"
                return Response(status: .ok, headers: headers, body: .init(byteBuffer: ByteBuffer(bytes: asset.data)))
            }
        }
        for route in book.routes {
            let serve: @Sendable (Request, Context) async throws -> Response = { request, context in
                await answer(request, parameters: context.parameters, route)
            }
            router.on(RouterPath(route.path), method: .init(rawValue: route.method.rawValue) ?? .get, use: serve)
            if route.method == .get {
                router.on(RouterPath(route.path + ".json"), method: .get, use: serve)
            }
        }
        router.on("\(book.prefix)/**", method: .get) { request, _ in
            await self.notFound(request)
        }
    }

    // MARK: A request

    private func answer(_ request: Request, parameters: Parameters, _ route: RouteBook.Route) async -> Response {
        let now = clock()
        var visit = outline(request, parameters, now)
        do {
            let body = try await Self.body(of: request)
            switch route.door {
            case .open:
                let token = try? await token(of: request)
                visit = outline(request, parameters, now, token: token, body: body)
                if route.method != .get, request.headers[.authorization] == nil { try checkOrigin(request, allowsNone: true) }
            case .device(let find):
                let key = request.headers[.authorization].flatMap { $0.hasPrefix("Bearer ") ? String($0.dropFirst(7)) : nil }
                guard let key, let device = try await database.read({ try find(key, $0) }) else {
                    throw Problem(.unauthorized, "This device is not known")
                }
                visit = outline(request, parameters, now, body: body, device: device)
            case .permitted(let permission, let about):
                let token: SessionToken
                do { token = try await self.token(of: request) } catch { return signIn(request, visit, expired: error == .expired) }
                visit = outline(request, parameters, now, token: token, body: body)
                if route.method != .get { try checkOrigin(request, allowsNone: false) }
                let (decision, subject, zone) = try await decide(permission, about, visit)
                visit = outline(request, parameters, now, token: token, body: body, subject: subject, zone: zone)
                switch decision {
                case .allowed: break
                case .notFound: return try notFound(visit)
                case .signedOut: return signIn(request, visit, expired: false)
                case .updating: return try respond(to: visit, .page(StatePage.updating(visit), .serviceUnavailable).with(.retryAfter, "2"))
                case .notEntitled(let topic):
                    return try respond(to: visit, .page(StatePage.notEntitled(visit, topic), .forbidden))
                }
            }
            switch route.act {
            case .answer(let act): return try respond(to: visit, await act(visit))
            case .live(let events):
                return try await stream(events(visit), until: try? await token(of: request).exp.value, now)
            }
        } catch let problem as Problem {
            if problem.status == .notFound { return (try? notFound(visit)) ?? Response(status: .notFound) }
            return problemResponse(problem, visit)
        } catch {
            logger.error("a request failed", metadata: ["path": "\(request.uri.path)", "error": "\(error)"])
            let isAway = (error as? PostgresError)?.isConnectionLost == true || error is PoolExhausted
            let problem =
                isAway
                ? Problem(.serviceUnavailable, "This part is not available just now")
                : Problem(.internalServerError, "Something went wrong on our side")
            return problemResponse(problem, visit)
        }
    }

    private func outline(
        _ request: Request, _ parameters: Parameters, _ now: Date, token: SessionToken? = nil, body: Data = Data(),
        device: UUID? = nil, subject: Subject = .oneself, zone: SchoolZone = .moscow
    ) -> Visit {
        let path = request.uri.path
        let viewer = token?.viewer
        var named: [String: String] = [:]
        for (name, value) in parameters {
            let text = String(value)
            named[String(name)] = (text.hasSuffix(".json") ? String(text.dropLast(5)) : text).removingPercentEncoding ?? text
        }
        let accepted = request.headers[.accept] ?? ""
        let wantsJSON = path.hasSuffix(".json") || (accepted.contains("application/json") && !accepted.contains("text/html"))
        let chosen = viewer?.language ?? (request.headers[.acceptLanguage]?.lowercased().hasPrefix("en") == true ? "en" : "ru")
        return Visit(
            viewer: viewer ?? Self.nobody, isSignedIn: viewer != nil, sections: token?.sections ?? [],
            language: Language(rawValue: chosen) ?? .russian, now: now, zone: zone, method: request.method, path: path,
            head: request.headers, subject: subject, wantsJSON: wantsJSON,
            address: request.headers[.xForwardedFor]?.split(separator: ",").last.map { $0.trimmingCharacters(in: .whitespaces) } ?? "",
            device: device, parameters: named, queryItems: Form(encoded: request.uri.query ?? ""), body: body,
            catalogue: pages.catalogue)
    }

    private static let nobody = Viewer(
        personID: UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)),
        sessionID: UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)), rightsNumber: 0, name: "")

    private static func body(of request: Request) async throws -> Data {
        guard request.method != .get else { return Data() }
        do {
            return Data(try await request.body.collect(upTo: mostBytes).readableBytesView)
        } catch {
            throw Problem(.contentTooLarge, "That is too much for one request")
        }
    }

    private func token(of request: Request) async throws(TokenKeys.Refused) -> SessionToken {
        guard let text = Visit.cookie(SessionToken.cookie, in: request.headers) else { throw .notOurs }
        return try await keys.verified(text)
    }

    /// A change must come from one of our own pages: nobody else's page may act in the reader's name.
    private func checkOrigin(_ request: Request, allowsNone: Bool) throws {
        if let site = request.headers[.secFetchSite] {
            guard site == "same-origin" || site == "none" else { throw Problem(.forbidden, "This form came from another site") }
            return
        }
        guard let origin = request.headers[.origin] else {
            if allowsNone { return }
            throw Problem(.forbidden, "This form came from another site")
        }
        guard origin == publicAddress else { throw Problem(.forbidden, "This form came from another site") }
    }

    private func decide(
        _ permission: Permission, _ about: RouteSubject, _ visit: Visit
    ) async throws -> (Decision, Subject, SchoolZone) {
        let zones = zones
        return try await database.read { transaction in
            let subject: Subject
            switch about {
            case .child(let parameter): subject = .child(try visit.uuid(parameter))
            case .schoolClass(let parameter): subject = .schoolClass(try visit.uuid(parameter))
            case .school(let parameter): subject = .school(try visit.uuid(parameter))
            case .oneself: subject = .oneself
            case .anySchool: subject = .anySchool
            case .resolved(let find):
                guard let found = try find(visit, transaction) else { return (.notFound, .oneself, .moscow) }
                subject = found
            }
            let zone = try zones.zone(of: subject, for: visit.viewer, at: visit.now, in: transaction)
            let decision = try Directory.decide(
                visit.viewer, permission, about: subject, on: zone.day(of: visit.now), in: transaction)
            return (decision, subject, zone)
        }
    }

    // MARK: Responses

    private func respond(to visit: Visit, _ answer: Answer) throws -> Response {
        var headers = answer.fields
        let body: ResponseBody
        switch answer.body {
        case .none: body = .init()
        case .bytes(let data, let type):
            headers[.contentType] = type
            body = .init(byteBuffer: ByteBuffer(bytes: data))
        case .json(let value):
            headers[.contentType] = "application/json; charset=utf-8"
            body = .init(byteBuffer: ByteBuffer(bytes: try Self.encoder.encode(value)))
        case .page(let page):
            if visit.wantsJSON {
                headers[.contentType] = "application/json; charset=utf-8"
                body = .init(byteBuffer: ByteBuffer(bytes: try Self.encoder.encode(page)))
            } else {
                headers[.contentType] = "text/html; charset=utf-8"
                let frame = Navigation.frame(for: visit, title: page.title, section: page.section)
                body = .init(byteBuffer: ByteBuffer(string: pages.render(page, frame: frame)))
            }
        }
        Self.guardHeaders(&headers)
        return Response(status: answer.status, headers: headers, body: body)
    }

    /// The same page for what does not exist and for what is none of the reader's business.
    private func notFound(_ visit: Visit) throws -> Response {
        if visit.wantsJSON { return problemResponse(.notFound, visit) }
        return try respond(to: visit, .page(StatePage.notFound(visit), .notFound))
    }

    private func notFound(_ request: Request) async -> Response {
        let token = try? await token(of: request)
        let visit = outline(request, Parameters(), clock(), token: token)
        return (try? notFound(visit)) ?? Response(status: .notFound)
    }

    private func signIn(_ request: Request, _ visit: Visit, expired: Bool) -> Response {
        if visit.wantsJSON || visit.head[.accept]?.contains("text/event-stream") == true {
            return problemResponse(Problem(.unauthorized, "You are not signed in"), visit)
        }
        // Back to where he wanted to go; after a form, to the page it stood on.
        let wanted = visit.method == .get ? request.uri.description : Self.pathOnly(visit.head[.referer]) ?? "/"
        let to = wanted.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "%2F"
        let renewable = expired || visit.cookie(SessionToken.renewalCookie) != nil
        let address = renewable ? "/identity/session/renewal?to=\(to)" : "/identity/sign-in?to=\(to)"
        var headers: HTTPFields = [.location: address]
        Self.guardHeaders(&headers)
        return Response(status: .seeOther, headers: headers)
    }

    private static func pathOnly(_ address: String?) -> String? {
        guard let address, let parts = URLComponents(string: address), !parts.path.isEmpty else { return nil }
        return parts.path
    }

    private func problemResponse(_ problem: Problem, _ visit: Visit) -> Response {
        struct Details: Encodable {
            let type = "about:blank"
            let title: String
            let status: Int
            let detail: String?
        }
        let isDevice = visit.device != nil || visit.head[.authorization] != nil
        if !visit.wantsJSON, !isDevice, visit.head[.accept]?.contains("text/event-stream") != true,
            let page = try? respond(to: visit, .page(StatePage.problem(visit, problem), problem.status))
        {
            return page
        }
        let details = Details(title: problem.title, status: problem.status.code, detail: problem.detail)
        var headers: HTTPFields = [.contentType: "application/problem+json"]
        Self.guardHeaders(&headers)
        let body = (try? Self.encoder.encode(details)) ?? Data()
        return Response(status: problem.status, headers: headers, body: .init(byteBuffer: ByteBuffer(bytes: body)))
    }

    private func stream(_ events: AsyncStream<ServerEvent>, until end: Date?, _ now: Date) -> Response {
        let life = max(1, min(SessionToken.seconds, end?.timeIntervalSince(now) ?? SessionToken.seconds))
        var headers: HTTPFields = [.contentType: "text/event-stream", .cacheControl: "no-store"]
        headers[.xAccelBuffering] = "no"
        Self.guardHeaders(&headers)
        return Response(
            status: .ok, headers: headers,
            body: ResponseBody { writer in
                let lines = AsyncStream<String> { continuation in
                    let forward = Task {
                        for await event in events { continuation.yield(event.frame) }
                        continuation.finish()
                    }
                    let beat = Task {
                        while (try? await Task.sleep(for: Self.heartbeat)) != nil { continuation.yield(": still here\n\n") }
                    }
                    let limit = Task {
                        // The browser comes back by itself, with a new token.
                        if (try? await Task.sleep(for: .seconds(life))) != nil { continuation.finish() }
                    }
                    let leave = Task {
                        // A service that is asked to stop does not wait for readers who only look on.
                        if (try? await gracefulShutdown()) != nil { continuation.finish() }
                    }
                    continuation.onTermination = { _ in
                        leave.cancel()
                        forward.cancel()
                        beat.cancel()
                        limit.cancel()
                    }
                    continuation.yield("retry: 2000\n\n")
                }
                for await line in lines { try await writer.write(ByteBuffer(string: line)) }
                try await writer.finish(nil)
            })
    }

    /// What every answer says: nothing runs here but our own files, nobody frames us, nothing is kept on the way.
    private static func guardHeaders(_ headers: inout HTTPFields) {
        headers[.contentSecurityPolicy] =
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
            + "manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        headers[.xContentTypeOptions] = "nosniff"
        headers[.referrerPolicy] = "same-origin"
        if headers[.cacheControl] == nil { headers[.cacheControl] = "private, no-store" }
        headers[.vary] = "Accept, Cookie, Accept-Language"
    }

    private static var encoder: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .custom { date, encoder in
            var container = encoder.singleValueContainer()
            try container.encode(date.iso8601)
        }
        return encoder
    }
}

/// Remembers for a while which zone a child, class or school lives in: zones hardly ever change and every page asks.
private final class ZoneCache: Sendable {
    private struct Entry {
        let zone: SchoolZone
        let readAt: Date
    }

    private let entries = Mutex<[UUID: Entry]>([:])

    func zone(
        of subject: Subject, for viewer: Viewer, at now: Date, in transaction: borrowing Transaction
    ) throws -> SchoolZone {
        let key: UUID
        switch subject {
        case .child(let id), .schoolClass(let id), .school(let id): key = id
        case .oneself, .anySchool: key = viewer.children.first?.id ?? viewer.personID
        }
        if let entry = entries.withLock({ $0[key] }), now.timeIntervalSince(entry.readAt) < 300 { return entry.zone }
        let school: UUID?
        switch subject {
        case .school(let id): school = id
        case .schoolClass(let id): school = try Directory.schoolClass(id, in: transaction)?.schoolID
        case .child(let id): school = try Directory.child(id, in: transaction)?.schoolID
        case .oneself, .anySchool:
            school = try Directory.child(key, in: transaction)?.schoolID
                ?? Directory.roles(of: viewer.personID, in: transaction).first?.schoolID
        }
        guard let school else { return .moscow }
        let zone = try Directory.zone(of: school, in: transaction)
        entries.withLock { entries in
            // A bound, not a policy: a city's schools fit many times over.
            if entries.count > 50_000 { entries.removeAll() }
            entries[key] = Entry(zone: zone, readAt: now)
        }
        return zone
    }
}

extension HTTPField.Name {
    // Names of the standards that HTTPTypes does not list; each is a valid token, so the initialiser cannot fail.
    static let secFetchSite = HTTPField.Name("Sec-Fetch-Site")!
    static let xForwardedFor = HTTPField.Name("X-Forwarded-For")!
    static let xAccelBuffering = HTTPField.Name("X-Accel-Buffering")!
    static let referrerPolicy = HTTPField.Name("Referrer-Policy")!
    static let xContentTypeOptions = HTTPField.Name("X-Content-Type-Options")!
}

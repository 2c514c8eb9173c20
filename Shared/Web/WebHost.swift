import Directory
public import Foundation
import HTTPTypes
public import Hummingbird
import JWTKit
import Kernel
public import Logging
public import Postgres

/// Serves a route book: finds out who asks, asks the one decision, and turns what comes back into a page or JSON.
public struct WebHost: Sendable {
    /// Somebody looked at what concerns a child, who is neither the child nor answers for it (BY-10).
    public struct Look: Sendable {
        public let viewer: UUID
        public let child: UUID
        /// What was looked at, by the name of its permission.
        public let permission: String
        public let at: Date
        /// Whether a guardian looked with whom the first one shares the child; staff otherwise.
        public let asGuardian: Bool

        public init(viewer: UUID, child: UUID, permission: String, at: Date, asGuardian: Bool) {
            self.viewer = viewer
            self.child = child
            self.permission = permission
            self.at = at
            self.asGuardian = asGuardian
        }
    }

    let pages: Pages
    let database: Database
    let keys: TokenKeys
    /// `https://school.example.org`: forms are accepted from here only.
    let publicAddress: String
    let logger: Logger
    /// The time, which tests set.
    let clock: @Sendable () -> Date
    private let heartbeat: Duration
    private let looks: (@Sendable (Look) -> Void)?
    private let schools = SchoolCache()

    /// - Parameters:
    ///   - publicAddress: scheme and host, as browsers see them.
    ///   - heartbeat: how often a live stream says that it is still there.
    ///   - looks: hears of every allowed look of staff and second adults at a child (BY-10). It is called while the answer waits,
    ///     so it only notes.
    public init(
        pages: Pages, database: Database, publicAddress: String, logger: Logger,
        clock: @escaping @Sendable () -> Date = { Date() }, heartbeat: Duration = .seconds(15),
        looks: (@Sendable (Look) -> Void)? = nil
    ) {
        self.pages = pages
        self.database = database
        keys = TokenKeys(database)
        self.publicAddress = publicAddress
        self.logger = logger
        self.clock = clock
        self.heartbeat = heartbeat
        self.looks = looks
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
        let document = OpenAPIDocument(book, pages: pages, publicAddress: publicAddress).json
        router.get(RouterPath("\(book.prefix)/openapi.json")) { _, _ in
            var headers: HTTPFields = [.contentType: "application/json; charset=utf-8", .cacheControl: "no-cache"]
            headers[.xContentTypeOptions] = "nosniff"
            return Response(status: .ok, headers: headers, body: .init(byteBuffer: ByteBuffer(bytes: document)))
        }
        for route in book.routes {
            let files = route.again == nil ? [] : pages.forms.fields(
                method: "post", path: route.path, template: route.shape?.template
            ).filter { $0.type == "file" }.map(\.name)
            let serve: @Sendable (Request, Context) async throws -> Response = { request, context in
                await answer(request, parameters: context.parameters, route, files: files)
            }
            router.on(RouterPath(route.path), method: .init(rawValue: route.method.rawValue) ?? .get, use: serve)
            if route.method == .get {
                router.on(RouterPath(route.path + ".json"), method: .get, use: serve)
            }
        }
        for method in [HTTPRequest.Method.get, .post, .put, .patch, .delete, .head] {
            router.on("\(book.prefix)/**", method: method) { request, _ in
                await notFound(request)
            }
        }
    }

    // MARK: A request

    /// - Parameter files: which fields of the route's form are files.
    private func answer(
        _ request: Request, parameters: Parameters, _ route: RouteBook.Route, files: [String]
    ) async -> Response {
        let now = clock()
        // What is known of the reader alone. Refusals show this one, so that they tell nothing of what was asked about.
        var outside = outline(request, parameters, now)
        var visit = outside
        var looked: (@Sendable () -> Void)?
        do {
            let body = try await Sent.with(request)
            switch route.door {
            case .open:
                let token = try? await token(of: request)
                outside = outline(request, parameters, now, token: token, body: body, schools: await home(of: token, now))
                visit = outside
                if route.method != .get, request.headers[.authorization] == nil { try checkOrigin(request, allowsNone: true) }
            case .device(let find):
                outside = outline(request, parameters, now, isProgram: true)
                visit = outside
                let key = request.headers[.authorization].flatMap { $0.hasPrefix("Bearer ") ? String($0.dropFirst(7)) : nil }
                guard let key, let device = try await database.read({ try find(key, $0) }) else {
                    throw Problem(.unauthorized, "This device is not known")
                }
                visit = outline(request, parameters, now, body: body, device: device, isProgram: true)
                outside = visit
            case .kiosk:
                guard let found = try await guest(of: request) else { return kioskClosed(visit) }
                visit = outline(
                    request, parameters, now, subject: .child(found.guest.pupil), zone: found.zone, guest: found.guest)
                outside = visit
            case .permitted(let permission, let about):
                let token: SessionToken
                do {
                    token = try await self.token(of: request)
                } catch .unavailable {
                    throw Problem.unavailable
                } catch {
                    return signIn(request, visit, expired: error == .expired)
                }
                outside = outline(request, parameters, now, token: token, body: body)
                visit = outside
                if route.method != .get { try checkOrigin(request, allowsNone: false) }
                let found = try await decide(permission, about, outside)
                outside = outline(request, parameters, now, token: token, body: body, schools: found.schools)
                visit = outline(
                    request, parameters, now, token: token, body: body, subject: found.subject, zone: found.zone,
                    schools: found.schools)
                if route.isStart, found.decision == .notFound, !outside.wantsJSON {
                    return try respond(to: outside, .seeOther(Navigation.start(for: outside)))
                }
                if let refusal = try refusal(found.decision, outside, request) { return refusal }
                visit.noted = noting(permission, visit)
                looked = { [visit] in for look in found.looks { note(look, permission, visit) } }
                // Whoever asks about one child has looked, whatever he is answered.
                if case .child = found.subject {
                    looked?()
                    looked = nil
                }
            }
            // After the door: to whoever may not send it, its size is no business.
            if let oversize = body.oversize {
                guard let errors = oversize.errors(for: visit, files: files) else { throw oversize.problem(for: visit) }
                return await again(errors, visit, route, .contentTooLarge)
            }
            switch route.act {
            case .answer(let act):
                let answer = try await act(visit)
                // A family's page shows its children; a redirection shows nobody.
                if answer.status.kind == .successful { looked?() }
                return try respond(to: visit, answer)
            case .live(let events):
                looked?()
                let end = try? await token(of: request).exp.value
                let seconds = max(1, min(SessionToken.seconds, end?.timeIntervalSince(now) ?? SessionToken.seconds))
                return stream(LiveStream(events: try await events(visit), life: .seconds(seconds), heartbeat: heartbeat))
            }
        } catch let errors as FieldErrors {
            return await again(errors, visit, route)
        } catch let problem as Problem {
            if problem.status == .notFound, visit.device == nil { return notFound(outside) }
            return problemResponse(problem, visit)
        } catch {
            logger.error("a request failed", metadata: ["path": "\(request.uri.path)", "error": "\(error)"])
            return problemResponse(Self.isAway(error) ? .unavailable : .failed, visit)
        }
    }

    private static func isAway(_ error: any Error) -> Bool {
        (error as? PostgresError)?.isConnectionLost == true || error is PoolExhausted
    }

    /// The answer to whoever is not let in; nil for whoever is.
    private func refusal(_ decision: Decision, _ visit: Visit, _ request: Request) throws -> Response? {
        switch decision {
        case .allowed: nil
        case .notFound: notFound(visit)
        case .signedOut: signIn(request, visit, expired: false)
        case .updating: try respond(to: visit, .page(StatePage.updating(visit), .serviceUnavailable).with(.retryAfter, "2"))
        case .notEntitled(let topic): try respond(to: visit, .page(StatePage.notEntitled(visit, topic), .forbidden))
        }
    }

    private func note(_ look: Entitlement.Look, _ permission: Permission, _ visit: Visit) {
        looks?(
            Look(
                viewer: visit.viewer.personID, child: look.child, permission: permission.name, at: visit.now,
                asGuardian: look.asGuardian))
    }

    /// For a page about nobody in particular on which a member of staff has found a child.
    private func noting(_ permission: Permission, _ visit: Visit) -> (@Sendable (UUID) -> Void)? {
        guard let looks else { return nil }
        let (viewer, now, name) = (visit.viewer.personID, visit.now, permission.name)
        return { looks(Look(viewer: viewer, child: $0, permission: name, at: now, asGuardian: false)) }
    }

    private func outline(
        _ request: Request, _ parameters: Parameters, _ now: Date, token: SessionToken? = nil, body: Sent = Sent(),
        device: UUID? = nil, isProgram: Bool = false, subject: Subject = .oneself, zone: SchoolZone? = nil,
        schools: [SchoolRecord] = [], guest: KioskGuest? = nil
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
        let chosen = viewer?.language ?? guest?.language ?? (request.headers[.acceptLanguage]?.lowercased().hasPrefix("en") == true ? "en" : "ru")
        var visit = Visit(
            viewer: viewer ?? Self.nobody, isSignedIn: viewer != nil, sections: token?.sections ?? [], schools: schools,
            language: Language(rawValue: chosen) ?? .russian, now: now, zone: zone ?? schools.first?.zone ?? .moscow,
            method: request.method, path: path, head: request.headers, subject: subject, wantsJSON: wantsJSON || isProgram,
            address: request.headers[.xForwardedFor]?.split(separator: ",").last.map { $0.trimmingCharacters(in: .whitespaces) } ?? "",
            device: device, guest: guest, parameters: named, queryItems: Form(encoded: request.uri.query ?? ""), body: body.data,
            catalogue: pages.catalogue)
        visit.oversize = body.oversize
        return visit
    }

    private static let nobody = Viewer(
        personID: UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)),
        sessionID: UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)), rightsNumber: 0, name: "")

    private func token(of request: Request) async throws(TokenKeys.Refused) -> SessionToken {
        guard let text = Visit.cookie(SessionToken.cookie, in: request.headers) else { throw .notOurs }
        return try await keys.verified(text)
    }

    /// The pupil at a terminal with the zone of his school; nil when the minute and a half are over or he has left.
    private func guest(of request: Request) async throws -> (guest: KioskGuest, zone: SchoolZone)? {
        guard let text = Visit.cookie(KioskToken.cookie, in: request.headers) else { return nil }
        let token: KioskToken
        do {
            token = try await keys.verifiedKiosk(text)
        } catch TokenKeys.Refused.unavailable {
            throw Problem.unavailable
        } catch {
            return nil
        }
        guard let guest = token.guest else { return nil }
        return try await database.read { transaction -> (guest: KioskGuest, zone: SchoolZone)? in
            guard let child = try Directory.child(guest.pupil, in: transaction), !child.hasLeft else { return nil }
            return (guest, try Directory.zone(of: child.schoolID, in: transaction))
        }
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

    private struct Found: Sendable {
        let decision: Decision
        let subject: Subject
        let zone: SchoolZone
        /// The reader's own.
        let schools: [SchoolRecord]
        var looks: [Entitlement.Look] = []
    }

    /// The one decision, with what the page's frame needs, in one read; in one statement when the frame is remembered.
    private func decide(_ permission: Permission, _ about: RouteSubject, _ visit: Visit) async throws -> Found {
        if let subject = try? Self.subject(about, visit),
            let (own, zone) = schools.kept(for: visit.viewer, about: subject, at: visit.now)
        {
            let judged = try await Directory.judge(
                visit.viewer, permission, about: subject, on: zone.day(of: visit.now), in: database)
            return Found(decision: judged.decision, subject: subject, zone: zone, schools: own, looks: judged.looks)
        }
        let schools = schools
        return try await database.read { transaction in
            let own = try schools.schools(of: visit.viewer, at: visit.now, in: transaction)
            let subject: Subject
            do {
                if let named = try Self.subject(about, visit) {
                    subject = named
                } else {
                    guard case .resolved(let find) = about, let found = try find(visit, transaction) else { throw Problem.notFound }
                    subject = found
                }
            } catch let problem as Problem where problem.status == .notFound {
                return Found(decision: .notFound, subject: .oneself, zone: .moscow, schools: own)
            }
            let zone = try schools.zone(of: subject, for: visit.viewer, at: visit.now, in: transaction)
            let judged = try Directory.judge(
                visit.viewer, permission, about: subject, on: zone.day(of: visit.now), in: transaction)
            return Found(decision: judged.decision, subject: subject, zone: zone, schools: own, looks: judged.looks)
        }
    }

    /// Whom a route is about, as far as its address says; nil where only the service knows.
    private static func subject(_ about: RouteSubject, _ visit: Visit) throws -> Subject? {
        switch about {
        case .child(let parameter): .child(try visit.uuid(parameter))
        case .schoolClass(let parameter): .schoolClass(try visit.uuid(parameter))
        case .school(let parameter): .school(try visit.uuid(parameter))
        case .oneself: .oneself
        case .anySchool: .anySchool
        case .resolved: nil
        }
    }

    /// The reader's schools, for pages that are not about anybody; none while the database is away.
    private func home(of token: SessionToken?, _ now: Date) async -> [SchoolRecord] {
        guard let viewer = token?.viewer else { return [] }
        let schools = schools
        return (try? await database.read { try schools.schools(of: viewer, at: now, in: $0) }) ?? []
    }

    private func notFound(_ request: Request) async -> Response {
        let (now, token) = (clock(), try? await token(of: request))
        return notFound(outline(request, Parameters(), now, token: token, schools: await home(of: token, now)))
    }
}

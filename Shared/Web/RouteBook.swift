public import Directory
public import Foundation
public import HTTPTypes
public import Postgres

/// Whom a route is about: what the one decision is asked about.
public enum RouteSubject: Sendable {
    /// The child whose identifier stands in the path.
    case child(parameter: String)
    case schoolClass(parameter: String)
    case school(parameter: String)
    /// The reader's own things.
    case oneself
    /// Something of any school where the reader holds the permission by a role.
    case anySchool
    /// Found from other parts of the path, a lesson's class for example; nil when there is no such thing.
    case resolved(@Sendable (Visit, borrowing Transaction) throws -> Subject?)
}

/// Every address of a service, and who may use it. There is no other way to serve one, so whoever walks the book (a test
/// walks it as every kind of stranger) has seen all.
public struct RouteBook: Sendable {
    /// How a route is entered.
    public enum Door: Sendable {
        /// Signed in, and allowed by the one decision.
        case permitted(Permission, RouteSubject)
        /// Anybody: signing in, one-click unsubscribing.
        case open
        /// A till or terminal with a key of its own, which this finds by the key it presents.
        case device(@Sendable (String, borrowing Transaction) throws -> UUID?)
        /// A pupil at a registered terminal, by a ``KioskToken``: these routes and no others.
        case kiosk
    }

    public struct Route: Sendable {
        public let method: HTTPRequest.Method
        /// `/ledger/children/{child}/statement`.
        public let path: String
        public let door: Door
        let act: Act
        var again: (@Sendable (Visit, FieldErrors) async throws -> any Page)? = nil
        /// Whether everybody begins here: who has no use for it is sent to his own first page.
        var isStart = false
        /// What it shows, where that is known: for the document of the interface.
        var shape: (any Page.Type)? = nil
    }

    enum Act: Sendable {
        case answer(@Sendable (Visit) async throws -> Answer)
        case live(@Sendable (Visit) async throws -> AsyncStream<ServerEvent>)
    }

    /// `/ledger`.
    public let prefix: String
    public private(set) var routes: [Route] = []

    /// - Parameter service: the service's name or prefix.
    public init(service: String) {
        prefix = service.hasPrefix("/") ? service : "/\(service)"
    }

    /// A page, and its JSON for programs.
    public mutating func page<P: Page>(
        _ path: String, _ permission: Permission, about subject: RouteSubject,
        _ show: @escaping @Sendable (Visit) async throws -> P
    ) {
        add(.get, path, .permitted(permission, subject)) { .page(try await show($0)) }
        routes[routes.count - 1].shape = P.self
    }

    /// The page that `/` shows: where the decision does not let a reader in, he goes to the first page of his own work instead,
    /// which his token names. A program gets the refusal.
    public mutating func start<P: Page>(
        _ path: String, _ permission: Permission, _ show: @escaping @Sendable (Visit) async throws -> P
    ) {
        page(path, permission, about: .oneself, show)
        routes[routes.count - 1].isStart = true
    }

    /// Something to look at that is not always a page: a redirection, a file.
    public mutating func get(
        _ path: String, _ permission: Permission, about subject: RouteSubject,
        _ act: @escaping @Sendable (Visit) async throws -> Answer
    ) {
        add(.get, path, .permitted(permission, subject), act)
    }

    /// A change.
    public mutating func post(
        _ path: String, _ permission: Permission, about subject: RouteSubject,
        _ act: @escaping @Sendable (Visit) async throws -> Answer
    ) {
        add(.post, path, .permitted(permission, subject), act)
    }

    /// A form: a change whose ``FieldErrors`` show the form once more, with what was typed (`visit.form()`) and the errors
    /// beside the fields.
    public mutating func form<P: Page>(
        _ path: String, _ permission: Permission, about subject: RouteSubject,
        again: @escaping @Sendable (Visit, FieldErrors) async throws -> P,
        _ act: @escaping @Sendable (Visit) async throws -> Answer
    ) {
        add(.post, path, .permitted(permission, subject), act)
        routes[routes.count - 1].again = { try await again($0, $1) }
        routes[routes.count - 1].shape = P.self
    }

    /// A stream of events that ends with the reader's token.
    public mutating func live(
        _ path: String, _ permission: Permission, about subject: RouteSubject,
        events: @escaping @Sendable (Visit) async throws -> AsyncStream<ServerEvent>
    ) {
        routes.append(Route(method: .get, path: path, door: .permitted(permission, subject), act: .live(events)))
    }

    /// A route that needs no sign-in; its visit may be signed in all the same.
    public mutating func open(
        _ method: HTTPRequest.Method = .get, _ path: String, _ act: @escaping @Sendable (Visit) async throws -> Answer
    ) {
        add(method, path, .open, act)
    }

    /// A route for devices that present `Authorization: Bearer <key>`.
    public mutating func device(
        _ method: HTTPRequest.Method = .post, _ path: String,
        _ find: @escaping @Sendable (_ key: String, borrowing Transaction) throws -> UUID?,
        _ act: @escaping @Sendable (Visit) async throws -> Answer
    ) {
        add(method, path, .device(find), act)
    }

    /// A page of the terminal's cabinet (AC-15, AC-19): about the pupil of the token, without names (ID-33).
    public mutating func kiosk<P: Page>(
        _ path: String, _ show: @escaping @Sendable (Visit, KioskGuest) async throws -> P
    ) {
        add(.get, path, .kiosk) { visit in
            guard let guest = visit.guest else { throw Problem.notFound }
            return .page(try await show(visit, guest))
        }
        routes[routes.count - 1].shape = P.self
    }

    private mutating func add(
        _ method: HTTPRequest.Method, _ path: String, _ door: Door, _ act: @escaping @Sendable (Visit) async throws -> Answer
    ) {
        precondition(path.hasPrefix(prefix), "\(path) does not lie under \(prefix)")
        routes.append(Route(method: method, path: path, door: door, act: .answer(act)))
    }
}

/// One event of a live page (server-sent events of the HTML standard).
public struct ServerEvent: Sendable, Equatable {
    /// What the page listens for.
    public let name: String
    /// Any text; usually a fragment of the page.
    public let data: String

    public init(_ name: String, _ data: String) {
        self.name = name
        self.data = data
    }

    /// The event on the wire: a line for each line of the data, an empty one at the end.
    public var frame: String {
        let lines = data.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        return "event: \(name)\n" + lines.map { "data: \($0)\n" }.joined() + "\n"
    }
}

import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import Service
import Testing
import Web

@testable import Identity

/// A browser that keeps cookies, over the service's real routes.
actor Browser {
    private let client: any TestClientProtocol
    private(set) var cookies: [String: String] = [:]

    init(_ client: any TestClientProtocol) { self.client = client }

    /// For another browser at the same service.
    var sameClient: any TestClientProtocol { client }

    struct Seen: Sendable, Equatable {
        let status: HTTPResponse.Status
        let body: String
        let location: String?
    }

    func get(_ path: String, accept: String = "text/html") async throws -> Seen {
        try await send(.get, path, [:], accept: accept, origin: "https://localhost")
    }

    func post(
        _ path: String, _ form: [String: String] = [:], accept: String = "text/html", origin: String? = "https://localhost"
    ) async throws -> Seen {
        try await send(.post, path, form, accept: accept, origin: origin)
    }

    /// Follows redirections as a browser does, a few of them.
    func visit(_ path: String) async throws -> Seen {
        var seen = try await get(path)
        for _ in 0..<5 {
            guard let location = seen.location else { return seen }
            seen = try await get(location)
        }
        return seen
    }

    func forget(_ cookie: String) { cookies[cookie] = nil }
    func keep(_ cookie: String, _ value: String) { cookies[cookie] = value }

    private func send(
        _ method: HTTPRequest.Method, _ path: String, _ form: [String: String], accept: String, origin: String?
    ) async throws -> Seen {
        var headers: HTTPFields = [.accept: accept, .contentType: "application/x-www-form-urlencoded", .userAgent: "Firefox Linux"]
        if let origin { headers[.origin] = origin }
        if !cookies.isEmpty { headers[.cookie] = cookies.map { "\($0)=\($1)" }.joined(separator: "; ") }
        let body = form.map { "\($0)=\($1.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "")" }.joined(separator: "&")
        let response = try await client.executeRequest(uri: path, method: method, headers: headers, body: ByteBuffer(string: body))
        for line in response.headers[values: .setCookie] {
            let pair = line.split(separator: ";")[0].split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let isOver = line.contains("Max-Age=0")
            #expect(line.contains("Secure") && line.contains("HttpOnly") && line.contains("Path=/"))
            cookies[String(pair[0])] = isOver ? nil : String(pair[1])
        }
        return Seen(status: response.status, body: String(buffer: response.body), location: response.headers[.location])
    }
}

/// What a test tells of people at their browsers.
struct Story: Sendable {
    let school: School

    func signIn(_ browser: Browser, _ login: String, _ password: String = "gz7mtk4q") async throws -> Browser.Seen {
        try await browser.post("/identity/sign-in", ["login": login, "password": password])
    }
}

extension School {
    /// Runs something against the service's real routes, over these people's database.
    func withPages(_ tell: @escaping @Sendable (any TestClientProtocol) async throws -> Void) async throws {
        let parts = try await IdentityService.parts(database: database)
        let router = Router()
        WebHost(pages: parts.pages, database: parts.database, publicAddress: parts.publicAddress, logger: Logger(label: "test"))
            .register(IdentityService.routes(parts), on: router)
        try await SigningKeys(database, outbox).renew(now: Date())
        try await Application(router: router).test(.router) { client in try await tell(client) }
    }

    /// Runs a story in the school of the lists.
    func story(_ tell: @escaping @Sendable (Browser, Story) async throws -> Void) async throws {
        try await open()
        let story = Story(school: self)
        try await withPages { try await tell(Browser($0), story) }
    }
}

import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Support
import Testing

/// A browser at somebody else's site: follows nothing by itself.
enum Abroad {
    private static let client = HTTPClient(
        eventLoopGroupProvider: .singleton, configuration: .init(redirectConfiguration: .disallow))

    struct Seen: Sendable {
        let status: UInt
        let location: String?
        let body: String

        /// The query of the address it leads to.
        var query: [String: String] {
            let items = location.flatMap { URLComponents(string: $0) }?.queryItems ?? []
            return Dictionary(items.map { ($0.name, $0.value ?? "") }, uniquingKeysWith: { $1 })
        }

        /// The part of the address it leads to that is ours.
        var path: String { String((location ?? "").dropFirst("https://localhost".count)) }

        /// A hidden field of a form.
        func hidden(_ name: String) -> String {
            body.firstMatch(of: try! Regex("name=\"\(name)\" value=\"([^\"]*)\"", as: (Substring, Substring).self)).map { String($0.1) } ?? ""
        }
    }

    static func get(_ address: String) async throws -> Seen { try await send(HTTPClientRequest(url: address)) }

    static func post(_ address: String, _ form: [(String, String)]) async throws -> Seen {
        var request = HTTPClientRequest(url: address)
        request.method = .POST
        request.headers.add(name: "content-type", value: "application/x-www-form-urlencoded")
        request.body = .bytes(ByteBuffer(string: form.map { "\($0.0)=\($0.1.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "")" }.joined(separator: "&")))
        return try await send(request)
    }

    static func json(_ method: HTTPMethod, _ address: String, _ body: String) async throws -> Seen {
        var request = HTTPClientRequest(url: address)
        request.method = method
        request.headers.add(name: "content-type", value: "application/json")
        request.body = .bytes(ByteBuffer(string: body))
        return try await send(request)
    }

    private static func send(_ request: HTTPClientRequest) async throws -> Seen {
        let response = try await client.execute(request, timeout: .seconds(60))
        let body = try await response.body.collect(upTo: 1 << 20)
        return Seen(status: response.status.code, location: response.headers.first(name: "location"), body: String(buffer: body))
    }
}

/// Gosuslugi as the tests have it: the emulator of ЕСИА with keys of its own.
final class Esia: Sendable {
    static let callback = "https://localhost/identity/gosuslugi/callback"
    static let key = "a-key-for-the-tests-alone"

    let program: ServingProgram
    let folder: URL
    private let engine: String

    var address: String { program.address }

    init(engine: String = "") async throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        folder = FileManager.default.temporaryDirectory.appending(path: "esia-\(UUID().uuidString)")
        self.engine = engine
        program = try await ServingProgram(
            try TestServers.python,
            [
                root.appending(path: "deploy/demo/esia.py").path, folder.path, "--redirect", Self.callback, "--faults", "--with-parent", "--persons",
                root.appending(path: "Tests/Identity/portal_persons.json").path, "--engine", engine,
            ])
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// One for all tests that take turns.
    static let shared = Task { try await Esia() }

    /// What an installation says of it.
    func settings(_ more: [String: String] = [:]) -> [String: String] {
        [
            "gosuslugi.protocol": "esia", "gosuslugi.address": address, "gosuslugi.clientID": "SCHOOL", "gosuslugi.engine": engine,
            "gosuslugi.certificate": folder.appending(path: "school.crt").path, "gosuslugi.key": folder.appending(path: "school.key").path,
            "gosuslugi.portalCertificate": folder.appending(path: "portal.crt").path, "gosuslugi.snilsKey": Self.key,
        ].merging(more) { $1 }
    }

    func spoil(_ fault: String) async throws { #expect(try await Abroad.json(.PUT, "\(address)/emulator/fault", fault).status == 200) }

    /// Signs in at the portal, where the browser was sent; gives what it answers with.
    func signIn(_ login: String, at place: String, declines: Bool = false) async throws -> Abroad.Seen {
        let form = try await Abroad.get(place)
        return try await Abroad.post(
            "\(address)/login",
            [("request", form.hidden("request")), ("login", login), ("password", "portal"), ("answer", declines ? "no" : "yes")])
    }
}

/// A provider of OpenID Connect with one registered client.
struct OpenIDProvider: Sendable {
    let program: ServingProgram
    let clientID: String
    let clientSecret: String

    var address: String { program.address }

    init() async throws {
        struct Client: Decodable { let client_id, client_secret: String }
        let script = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "openid_provider.py").path
        program = try await ServingProgram(try TestServers.python, [script])
        let made = try await Abroad.json(
            .POST, "\(program.address)/oauth2/clients", #"{"redirect_uris":["\#(Esia.callback)"]}"#)
        let client = try JSONDecoder().decode(Client.self, from: Data(made.body.utf8))
        (clientID, clientSecret) = (client.client_id, client.client_secret)
    }

    func settings(_ more: [String: String] = [:]) -> [String: String] {
        [
            "gosuslugi.protocol": "oidc", "gosuslugi.address": address, "gosuslugi.clientID": clientID, "gosuslugi.clientSecret": clientSecret,
            "gosuslugi.snilsKey": Esia.key,
        ].merging(more) { $1 }
    }

    /// A person of the provider's.
    func know(_ sub: String, _ claims: String) async throws {
        #expect(try await Abroad.json(.PUT, "\(address)/users/\(sub)", claims).status == 204)
    }

    func signIn(_ sub: String, at place: String, declines: Bool = false) async throws -> Abroad.Seen {
        try await Abroad.post(place, declines ? [("action", "deny")] : [("sub", sub)])
    }
}

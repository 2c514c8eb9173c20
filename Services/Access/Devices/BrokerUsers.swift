import AsyncHTTPClient
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import Postgres
import Service

/// The devices' users at the broker, kept equal to the table of devices.
///
/// They live in the broker and, hashed, here; never in the definitions file, which would bring deleted ones back at
/// the next import. A user gets its rights in the one safe order: no permission at all, then the topic permission that
/// holds it to its own name, then the permission to write, for a user without a topic permission may say anything.
struct BrokerUsers: RepeatedWork {
    static let name = "device users at the broker"
    /// Marks our users among the broker's; no other part of the system uses it.
    private static let tag = "device"

    let database: Database
    /// Address of the management API with user and password.
    let management: URL
    let virtualHost: String
    let edgeExchange: String
    let logger: Logger
    var pause: Duration { .seconds(3600) }

    /// The broker's answer was not what it should be.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    func round() async throws -> Int { try await reconcile() }

    /// Compares both sides and mends the broker's; gives how many users were changed.
    @discardableResult
    func reconcile() async throws -> Int {
        let devices = try await database.read { try Device.active(in: $0) }
        let wanted = Dictionary(devices.map { ($0.name, $0.passwordHash) }, uniquingKeysWith: { first, _ in first })
        struct User: Decodable {
            let name: String
            let password_hash: String
            let tags: Tags
        }
        let users = try await get("users", as: [User].self).filter { $0.tags.names.contains(Self.tag) }
        struct Right: Decodable {
            let user: String
            let write: String
        }
        let rights = try await get("permissions", as: [Right].self)
        let topics = try await get("topic-permissions", as: [Right].self)
        var changed = 0
        for user in users where wanted[user.name] == nil {
            try await send(.DELETE, "users/\(user.name)")
            changed += 1
        }
        for (name, hash) in wanted {
            let isRight = users.contains { $0.name == name && $0.password_hash == hash }
                && rights.contains { $0.user == name && $0.write == Self.writePattern(edgeExchange) }
                && topics.contains { $0.user == name && $0.write == Self.topicPattern(name) }
            if isRight { continue }
            try await create(name, passwordHash: hash)
            changed += 1
        }
        return changed
    }

    /// Makes or mends one device's user.
    func create(_ name: String, passwordHash: String) async throws {
        let host = virtualHost.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? virtualHost
        try await send(
            .PUT, "users/\(name)",
            [
                "password_hash": passwordHash, "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": Self.tag,
            ])
        try await send(.PUT, "permissions/\(host)/\(name)", ["configure": "^$", "write": "^$", "read": "^$"])
        try await send(
            .PUT, "topic-permissions/\(host)/\(name)",
            ["exchange": edgeExchange, "write": Self.topicPattern(name), "read": "^$"])
        try await send(
            .PUT, "permissions/\(host)/\(name)",
            ["configure": "^$", "write": Self.writePattern(edgeExchange), "read": "^$"])
    }

    /// Takes a device's user away; its open connection dies with it.
    func delete(_ name: String) async throws { try await send(.DELETE, "users/\(name)") }

    private static func topicPattern(_ name: String) -> String { "^device\\.\(name)\\.[a-z]+$" }
    private static func writePattern(_ exchange: String) -> String {
        "^\(exchange.replacing(".", with: "\\."))$"
    }

    /// The broker writes tags as a list or, in older answers, as one text.
    private struct Tags: Decodable {
        let names: [String]

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let list = try? container.decode([String].self) {
                names = list
            } else {
                names = try container.decode(String.self).split(separator: ",").map(String.init)
            }
        }
    }

    private func get<Answer: Decodable>(_ path: String, as type: Answer.Type) async throws -> Answer {
        let body = try await exchange(.GET, path, nil)
        return try JSONDecoder().decode(Answer.self, from: body)
    }

    private func send(_ method: Verb, _ path: String, _ body: [String: String]? = nil) async throws {
        _ = try await exchange(method, path, body)
    }

    private enum Verb: String { case GET, PUT, DELETE }

    private func exchange(_ method: Verb, _ path: String, _ body: [String: String]?) async throws -> Data {
        var request = HTTPClientRequest(url: "\(management.scheme ?? "http")://\(management.host ?? "127.0.0.1"):\(management.port ?? 15672)/api/\(path)")
        request.method = .init(rawValue: method.rawValue)
        let credentials = "\(management.user ?? ""):\(management.password ?? "")"
        request.headers.add(name: "authorization", value: "Basic \(Data(credentials.utf8).base64EncodedString())")
        if let body {
            request.headers.add(name: "content-type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: try JSONEncoder().encode(body)))
        }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(10))
        let answer = try await response.body.collect(upTo: 16 << 20)
        // A user that is gone already is as good as deleted.
        guard (200..<300).contains(response.status.code) || (method == .DELETE && response.status == .notFound) else {
            throw Failure(description: "the broker's management answered \(response.status) to \(method.rawValue) \(path)")
        }
        return Data(answer.readableBytesView)
    }
}

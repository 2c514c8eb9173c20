import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOSSL
import Synchronization

/// What went wrong between us and the portal; a person gets a calm page, the log the reason.
enum PortalFailure: Error, Sendable, Equatable, CustomStringConvertible {
    /// Down, unreachable or too slow: worth trying again later.
    case away(String)
    /// It answered, and not as it must: forged, changed or misconfigured.
    case wrongAnswer(String)

    var description: String {
        switch self {
        case .away(let why): "the portal does not answer: \(why)"
        case .wrongAnswer(let why): "the portal's answer cannot be taken: \(why)"
        }
    }
}

/// Asks the portal: within a time, for an answer of a bounded size, without following it to other addresses.
struct PortalClient: Sendable {
    struct Response: Sendable {
        let status: UInt
        let body: Data

        /// The answer to a request that succeeded.
        func decoded<Value: Decodable>(_ type: Value.Type, from what: String) throws(PortalFailure) -> Value {
            guard status == 200 else { throw .wrongAnswer("\(what) answered \(status)") }
            do {
                return try JSONDecoder().decode(type, from: body)
            } catch {
                throw .wrongAnswer("\(what) answered something that cannot be read")
            }
        }
    }

    private static let mostBytes = 1 << 20

    private let client: HTTPClient
    private let limit: Duration

    init(_ settings: PortalSettings) throws {
        client = try Clients.trusting(settings.authority)
        limit = .seconds(settings.timeout)
    }

    func get(_ address: String, bearer: String? = nil) async throws(PortalFailure) -> Response {
        var request = HTTPClientRequest(url: address)
        request.headers.add(name: "accept", value: "application/json")
        if let bearer { request.headers.add(name: "authorization", value: "Bearer \(bearer)") }
        return try await send(request)
    }

    /// - Parameter basic: name and password, where the other side wants them in the head.
    func post(
        _ address: String, _ form: [(String, String)], basic: (name: String, password: String)? = nil
    ) async throws(PortalFailure) -> Response {
        var request = HTTPClientRequest(url: address)
        request.method = .POST
        request.headers.add(name: "accept", value: "application/json")
        request.headers.add(name: "content-type", value: "application/x-www-form-urlencoded")
        if let basic {
            // RFC 6749, 2.3.1: both as in a form, then joined.
            let pair = "\(FormText.encoded(basic.name)):\(FormText.encoded(basic.password))"
            request.headers.add(name: "authorization", value: "Basic \(Data(pair.utf8).base64EncodedString())")
        }
        request.body = .bytes(ByteBuffer(string: FormText.joined(form)))
        return try await send(request)
    }

    private func send(_ request: HTTPClientRequest) async throws(PortalFailure) -> Response {
        let (client, limit) = (client, limit)
        let place = URLComponents(string: request.url)?.path ?? request.url
        do {
            // The client's own time-out ends with the head; a body that drips would be waited for.
            return try await withThrowingTaskGroup(of: Response.self) { group in
                group.addTask {
                    let response = try await client.execute(request, timeout: TimeAmount(limit))
                    let body = try await response.body.collect(upTo: Self.mostBytes)
                    return Response(status: response.status.code, body: Data(body.readableBytesView))
                }
                group.addTask {
                    try await Task.sleep(for: limit)
                    throw PortalFailure.away("no answer of \(place) within \(limit)")
                }
                defer { group.cancelAll() }
                guard let first = try await group.next() else { throw CancellationError() }
                if first.status >= 500 { throw PortalFailure.away("\(place) answered \(first.status)") }
                return first
            }
        } catch let failure as PortalFailure {
            throw failure
        } catch is NIOTooManyBytesError {
            throw .wrongAnswer("\(place) answers without an end")
        } catch {
            throw .away("\(place): \(error)")
        }
    }

    /// One client per trusted authority, for as long as the process lives: each has connections of its own.
    private enum Clients {
        private static let known = Mutex<[String: HTTPClient]>([:])

        static func trusting(_ authority: String) throws -> HTTPClient {
            try known.withLock { known in
                if let client = known[authority] { return client }
                var tls = TLSConfiguration.makeClientConfiguration()
                if !authority.isEmpty {
                    tls.additionalTrustRoots = [.certificates(try NIOSSLCertificate.fromPEMFile(authority))]
                }
                var configuration = HTTPClient.Configuration(tlsConfiguration: tls, redirectConfiguration: .disallow)
                configuration.timeout.connect = .seconds(5)
                let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
                known[authority] = client
                return client
            }
        }
    }
}

/// Names and values as a form or a query carries them.
enum FormText {
    private static let plain = CharacterSet(charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")

    static func encoded(_ text: String) -> String { text.addingPercentEncoding(withAllowedCharacters: plain) ?? "" }

    static func joined(_ pairs: [(String, String)]) -> String {
        pairs.map { "\(encoded($0.0))=\(encoded($0.1))" }.joined(separator: "&")
    }

    /// An address with a query.
    static func address(_ base: String, _ query: [(String, String)]) -> String {
        base + (base.contains("?") ? "&" : "?") + joined(query)
    }
}

import Foundation
import Testing

/// A real mail server in a process of its own, ended with the value.
public final class MailServer: Sendable {
    /// A letter that it has taken.
    public struct Taken: Decodable, Sendable {
        public let from: String
        public let to: [String]
        public let subject: String
        public let sender: String
        public let id: String
        public let type: String
        /// The text of each part, by its type.
        public let parts: [String: String]
        public let tls: Bool
        /// The port of whoever brought it: the same for letters that came over one connection.
        public let peer: Int
        public let unsubscribe: String?
    }

    private let program: ServingProgram

    public var port: Int { program.port }

    /// - Parameter mode: see `smtp_server.py`.
    public init(_ mode: String, certificate: (file: String, key: String)? = nil) async throws {
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("smtp_server.py").path
        program = try await ServingProgram(
            try TestServers.python, [script, mode] + (certificate.map { [$0.file, $0.key] } ?? []))
    }

    public func stop() { program.stop() }

    /// The letters taken so far.
    public var taken: [Taken] {
        get throws { try program.lines.map { try JSONDecoder().decode(Taken.self, from: Data($0.utf8)) } }
    }

    /// The letters taken so far, once there are that many.
    public func taken(_ count: Int) async throws -> [Taken] {
        try await eventually(within: .seconds(10), "\(count) letters arrive") { program.lines.count >= count }
        return try taken
    }
}

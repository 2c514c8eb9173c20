import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Testing

/// Schemathesis, which reads a service's OpenAPI document and sends what a program of good or ill will might.
public struct Schemathesis: Sendable {
    /// `http://127.0.0.1:8080`
    public let address: String
    /// The service's prefix, `identity`.
    public let service: String
    /// The only place changes are taken from.
    public let origin: String
    /// Who asks; nil for nobody.
    public let cookie: String?
    /// Identifiers that exist, by the path's parameter.
    public let known: [String: [String]]

    public init(port: Int, service: String, origin: String = "https://localhost", cookie: String? = nil, known: [String: [String]] = [:]) {
        address = "http://127.0.0.1:\(port)"
        self.service = service
        self.origin = origin
        self.cookie = cookie
        self.known = known
    }

    public struct Report: Sendable {
        public let isClean: Bool
        /// What it found, for whoever has to mend it.
        public let findings: String
        /// How many requests it sent.
        public let cases: Int
    }

    /// Sends requests for so long, and longer where the machine is too busy to have sent any.
    ///
    /// - Parameters:
    ///   - seconds: how long; some more for what is begun.
    ///   - excluding: paths that would end the session one asks with.
    public func run(
        seconds: Int, checks: [String] = ["not_a_server_error", "response_schema_conformance", "content_type_conformance"], excluding: [String] = []
    ) async throws -> Report {
        // Read here, with patience: the program itself would give up after ten seconds.
        var question = HTTPClientRequest(url: "\(address)/\(service)/openapi.json")
        question.headers.add(name: "accept", value: "application/json")
        if let cookie { question.headers.add(name: "cookie", value: cookie) }
        let document = try await HTTPClient.shared.execute(question, timeout: .seconds(300)).body.collect(upTo: 16 << 20)
        var limit = seconds
        while true {
            let report = try await once(Data(document.readableBytesView), seconds: limit, checks: checks, excluding: excluding)
            if report.cases > 0 || !report.isClean || limit > 8 * seconds { return report }
            limit *= 2
        }
    }

    private func once(
        _ document: Data, seconds: Int, checks: [String], excluding: [String]
    ) async throws -> Report {
        // It leaves a folder of its own wherever it stands.
        let place = FileManager.default.temporaryDirectory.appending(path: "schemathesis-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: place) }
        try document.write(to: place.appending(path: "openapi.json"))
        let here = URL(filePath: #filePath).deletingLastPathComponent()
        // Behind whatever else is being tested, so that nobody's time runs out because of it.
        var arguments = [
            "-n", "10", try TestServers.python, "-m", "schemathesis.cli", "run", place.appending(path: "openapi.json").path, "--url", address, "--no-color", "--max-time", "\(seconds)",
            "--phases", "examples,coverage,fuzzing", "--checks", checks.joined(separator: ","), "--continue-on-failure", "--no-shrink",
            "--generation-with-security-parameters", "false", "--generation-database", "none", "--request-timeout", "120", "--max-redirects", "0",
            "--warnings", "off", "--suppress-health-check", "all", "--workers", "1",
        ]
        if let cookie { arguments += ["--header", "Cookie: \(cookie)"] }
        for path in excluding { arguments += ["--exclude-path", path] }
        let (end, text) = try await ChildProcess.outcome(
            "/usr/bin/nice", arguments,
            environment: [
                "SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": here.path, "PYTHONDONTWRITEBYTECODE": "1", "ZVONOK_ORIGIN": origin,
                "ZVONOK_KNOWN_IDS": String(decoding: try JSONEncoder().encode(known), as: UTF8.self),
            ], in: place.path, within: .seconds(1800))
        let cases = text.matches(of: /(\d+) generated/).last.flatMap { Int($0.output.1) } ?? 0
        let begin = ["= FAILURES =", "= ERRORS ="].compactMap { text.range(of: $0)?.lowerBound }.min() ?? text.startIndex
        return Report(isClean: end == .exited(0), findings: String(text[begin...].prefix(8000)), cases: cases)
    }
}

import Foundation
import Synchronization
import Testing

/// A real mail server in a process of its own, ended with the value.
final class MailServer: Sendable {
    struct Taken: Decodable, Sendable {
        let from: String
        let to: [String]
        let subject: String
        let sender: String
        let id: String
        let type: String
        let parts: [String: String]
        let tls: Bool
        let peer: Int
        let unsubscribe: String?
    }

    let port: Int
    private let process: Process
    private let input: Pipe
    private let lines: Mutex<[String]>

    /// - Parameter mode: see `smtp_server.py`.
    init(_ mode: String, certificate: (file: String, key: String)? = nil) throws {
        guard let python = ProcessInfo.processInfo.environment["ZVONOK_TEST_PYTHON"] else {
            Issue.record("ZVONOK_TEST_PYTHON names no Python with aiosmtpd; run the tests by deploy/test")
            throw CancellationError()
        }
        process = Process()
        process.executableURL = URL(fileURLWithPath: python)
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("smtp_server.py").path
        process.arguments = [script, mode] + (certificate.map { [$0.file, $0.key] } ?? [])
        input = Pipe()
        let output = Pipe()
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        var first = Data()
        while !first.contains(0x0A) {
            let more = output.fileHandleForReading.availableData
            if more.isEmpty { throw CancellationError() }
            first += more
        }
        let text = String(decoding: first, as: UTF8.self)
        port = Int(text.split(separator: "\n")[0]) ?? 0
        lines = Mutex([])
        let rest = Mutex(Data())
        output.fileHandleForReading.readabilityHandler = { [weak self] handle in
            let data = handle.availableData
            if data.isEmpty {
                handle.readabilityHandler = nil
                return
            }
            let complete = rest.withLock { rest -> [String] in
                rest += data
                var complete: [String] = []
                while let end = rest.firstIndex(of: 0x0A) {
                    complete.append(String(decoding: rest[rest.startIndex..<end], as: UTF8.self))
                    rest = Data(rest[(end + 1)...])
                }
                return complete
            }
            self?.lines.withLock { $0 += complete }
        }
    }

    deinit { stop() }

    func stop() {
        try? input.fileHandleForWriting.close()
        process.terminate()
    }

    /// The letters taken so far, once there are that many.
    func taken(_ count: Int) async throws -> [Taken] {
        let limit = ContinuousClock.now + .seconds(10)
        while true {
            let lines = lines.withLock { $0 }
            if lines.count >= count { return try lines.map { try JSONDecoder().decode(Taken.self, from: Data($0.utf8)) } }
            guard ContinuousClock.now < limit else {
                Issue.record("only \(lines.count) of \(count) letters arrived")
                throw CancellationError()
            }
            await Task.yield()
        }
    }
}

import Foundation
import Synchronization
import Testing

/// The mail server of the tests of Mail, in a process of its own, ended with the value.
final class MailServer: Sendable {
    struct Taken: Decodable, Sendable {
        let to: [String]
        let subject: String
        let id: String
        let parts: [String: String]
        let unsubscribe: String?
    }

    let port: Int
    private let process: Process
    private let input = Pipe()
    private let all = Mutex(Data())

    init(_ mode: String) throws {
        let python = try #require(ProcessInfo.processInfo.environment["ZVONOK_TEST_PYTHON"], "run the tests by deploy/test")
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Mail/smtp_server.py").path
        process = Process()
        process.executableURL = URL(fileURLWithPath: python)
        process.arguments = [script, mode]
        let output = Pipe()
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        var first = Data()
        while !first.contains(0x0A) {
            let more = output.fileHandleForReading.availableData
            try #require(!more.isEmpty)
            first += more
        }
        port = Int(String(decoding: first, as: UTF8.self).split(separator: "\n")[0]) ?? 0
        output.fileHandleForReading.readabilityHandler = { [weak self] handle in
            let data = handle.availableData
            if data.isEmpty { handle.readabilityHandler = nil } else { self?.all.withLock { $0 += data } }
        }
    }

    deinit {
        try? input.fileHandleForWriting.close()
        process.terminate()
    }

    var taken: [Taken] {
        all.withLock { data in
            String(decoding: data, as: UTF8.self).split(separator: "\n").compactMap { try? JSONDecoder().decode(Taken.self, from: Data($0.utf8)) }
        }
    }
}

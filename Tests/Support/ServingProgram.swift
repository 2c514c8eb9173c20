import Foundation
import Testing

/// A program of the tests' own that serves at a port, says which on its first line, and ends with the value.
public final class ServingProgram: Sendable {
    public let port: Int
    private let process: ChildProcess
    private let output: String

    public var address: String { "http://127.0.0.1:\(port)" }

    /// Starts it and waits until it has said its port.
    ///
    /// Its errors go where the test's own go. It ends when its standard input does, should the test process die.
    public init(_ program: String, _ arguments: [String]) async throws {
        let output = "/tmp/serving-program-\(UUID().uuidString)"
        let process = try ChildProcess(program, arguments, input: .held, output: output, joinsErrors: false)
        (self.process, self.output) = (process, output)
        var first: String?
        try await eventually("\(arguments.joined(separator: " ")) says its port") {
            first = Self.lines(of: output).first
            return first != nil || process.end != nil
        }
        guard let port = first.flatMap({ Int($0) }) else {
            throw ChildProcess.Failed(description: "\(program) \(arguments.joined(separator: " ")) said no port: \(first ?? "nothing")")
        }
        self.port = port
    }

    deinit {
        stop()
        try? FileManager.default.removeItem(atPath: output)
    }

    /// Ends it at once.
    public func stop() { process.kill9() }

    /// What it has said since, in whole lines.
    public var lines: [String] { Array(Self.lines(of: output).dropFirst()) }

    private static func lines(of output: String) -> [String] {
        let text = (try? String(contentsOfFile: output, encoding: .utf8)) ?? ""
        return text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
    }
}

import Foundation
import Glibc
import Synchronization
import Testing

/// A program that a test starts, asks to leave or kills.
///
/// Not Foundation's `Process`: that gives a child the signal mask of the thread it is started from, and threads of Swift's pool
/// block most signals, so that neither the child nor anything it starts could be asked to leave. It takes note of an end by a
/// pipe, which another child that is started at the same moment may hold too: a server that runs as long as the tests do. And it
/// waits on a thread of the pool that all tests share, of which there are few.
public final class ChildProcess: Sendable {
    /// It could not be started, or did not do what it was started for.
    public struct Failed: Error, CustomStringConvertible {
        public let description: String

        public init(description: String) { self.description = description }
    }

    /// How it ended: `status` of an exit, `signal` of a violent end.
    public enum End: Equatable, Sendable {
        case exited(Int32)
        case killed(by: Int32)
    }

    /// What it reads on its standard input.
    public enum Input: Sendable {
        case nothing
        case file(String)
        /// Nothing, and no end either as long as the test holds it: a program that ends with its input ends with the test,
        /// however that ends.
        case held
    }

    public let id: pid_t
    private let known = Mutex<End?>(nil)
    /// Our end of an input that is held; it closes with the value.
    private let holding: FileHandle?

    /// Starts a program with all signals open and none of the test's files.
    ///
    /// - Parameters:
    ///   - program: its path, or a name that is looked for where a shell would.
    ///   - environment: what differs from the test's own; nil for what the program shall not see.
    ///   - folder: where it stands; nil for where the test does.
    ///   - output: the file that its output is added to.
    ///   - joinsErrors: whether its errors go there too, and not where the test's own go.
    ///   - isApart: whether it is a session of its own, which Ctrl-C does not reach.
    public init(
        _ program: String, _ arguments: [String], environment: [String: String?] = [:], in folder: String? = nil,
        input: Input = .nothing, output: String = "/dev/null", joinsErrors: Bool = true, isApart: Bool = false
    ) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        var pipe: [Int32] = []
        defer { for end in pipe.prefix(1) { close(end) } }
        switch input {
        case .nothing: posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        case .file(let path): posix_spawn_file_actions_addopen(&actions, 0, path, O_RDONLY, 0)
        case .held:
            pipe = [0, 0]
            guard Glibc.pipe(&pipe) == 0 else { throw Failed(description: "pipe: \(String(cString: strerror(errno)))") }
            posix_spawn_file_actions_adddup2(&actions, pipe[0], 0)
        }
        holding = pipe.isEmpty ? nil : FileHandle(fileDescriptor: pipe[1], closeOnDealloc: true)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        if joinsErrors { posix_spawn_file_actions_adddup2(&actions, 1, 2) }
        // Closing what is not open is no error, so the highest one and some that are opened meanwhile.
        let open = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd"))?.compactMap { Int32($0) }.max() ?? 255
        for file in 3...(open + 64) { posix_spawn_file_actions_addclose(&actions, file) }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var (none, all) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        let apart = isApart ? 0x80 : 0  // POSIX_SPAWN_SETSID, which the headers hide
        posix_spawnattr_setflags(&attributes, Int16(Int(POSIX_SPAWN_SETSIGMASK) | Int(POSIX_SPAWN_SETSIGDEF) | apart))
        let values = ProcessInfo.processInfo.environment.merging(environment.compactMapValues(\.self)) { $1 }
            .filter { environment[$0.key] != .some(nil) }
        var child = pid_t()
        // It changes its folder and becomes the program, under the same number.
        let command = (folder.map { ["/usr/bin/env", "-C", $0] } ?? []) + [program] + arguments
        let failure = Self.withStrings(command) { words in
            Self.withStrings(values.map { "\($0)=\($1)" }) { variables in
                posix_spawnp(&child, command[0], &actions, &attributes, words, variables)
            }
        }
        guard failure == 0 else { throw Failed(description: "\(program): \(String(cString: strerror(failure)))") }
        id = child
    }

    private static func withStrings<Result>(_ texts: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result) -> Result {
        let pointers = texts.map { strdup($0) }
        defer { for pointer in pointers { free(pointer) } }
        return body(pointers + [nil])
    }

    /// How it ended; nil while it runs.
    public var end: End? {
        known.withLock { known in
            if known == nil {
                var status: Int32 = 0
                if waitpid(id, &status, WNOHANG) == id { known = Self.end(status) }
            }
            return known
        }
    }

    private static func end(_ status: Int32) -> End {
        let signal = status & 0x7F
        return signal == 0 ? .exited(status >> 8 & 0xFF) : .killed(by: signal)
    }

    /// Sends a signal, unless it has ended.
    public func signal(_ signal: Int32) {
        // Under the lock nobody takes note of its end, so the number is still its own.
        known.withLock { if $0 == nil { _ = kill(id, signal) } }
    }

    /// Kills it and waits until it is gone.
    public func kill9() {
        known.withLock { known in
            guard known == nil else { return }
            _ = kill(id, SIGKILL)
            var status: Int32 = 0
            while waitpid(id, &status, 0) == -1 && errno == EINTR {}
            known = Self.end(status)
        }
    }

    /// Runs a program to its end, whatever that is.
    ///
    /// - Returns: how it ended and what it said.
    /// - Throws: `Failed` when it cannot be started; `NeverHappened` when it does not end.
    public static func outcome(
        _ program: String, _ arguments: [String], environment: [String: String?] = [:], in folder: String? = nil,
        input: Input = .nothing, joinsErrors: Bool = true, within limit: Duration = .seconds(300)
    ) async throws -> (end: End?, said: String) {
        let output = "/tmp/child-output-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: output) }
        let child = try ChildProcess(
            program, arguments, environment: environment, in: folder, input: input, output: output, joinsErrors: joinsErrors)
        do {
            try await eventually(within: limit, "\(program) \(arguments.joined(separator: " ")) ends") { child.end != nil }
        } catch {
            child.kill9()
            throw error
        }
        return (child.end, (try? String(contentsOfFile: output, encoding: .utf8)) ?? "")
    }

    /// Runs a program that is to succeed.
    ///
    /// - Returns: what it said.
    /// - Throws: `Failed` with what it said when it did not succeed; `NeverHappened` when it does not end.
    @discardableResult
    public static func run(
        _ program: String, _ arguments: [String], environment: [String: String?] = [:], in folder: String? = nil,
        input: Input = .nothing, joinsErrors: Bool = true, within limit: Duration = .seconds(300)
    ) async throws -> String {
        let (end, said) = try await outcome(
            program, arguments, environment: environment, in: folder, input: input, joinsErrors: joinsErrors, within: limit)
        guard end == .exited(0) else { throw Failed(description: "\(program) \(arguments.joined(separator: " ")): \(said)") }
        return said
    }
}

import Foundation
import Postgres
import Synchronization
import Testing

/// A Postgres server of one test's own, for tests that kill it.
public final class PrivatePostgres: Sendable {
    private let folder: String
    private let port: Int
    private let binaries: String
    private let running = Mutex<ChildProcess?>(nil)

    /// A superuser's connection string.
    public var conninfo: String { "host=127.0.0.1 port=\(port) user=postgres dbname=postgres" }

    /// Makes and starts a server in a temporary folder.
    public init() async throws {
        let binaries = try await ChildProcess.run("pg_config", ["--bindir"]).trimmingCharacters(in: .whitespacesAndNewlines)
        folder = "/tmp/private-postgres-\(UUID().uuidString.lowercased())"
        port = try freePorts(1)[0]
        self.binaries = binaries
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        if geteuid() == 0 { try await ChildProcess.run("chown", ["postgres", folder]) }
        let command = Self.owner + [
            "\(binaries)/initdb", "-D", "\(folder)/data", "-U", "postgres", "-A", "trust", "-N", "-E", "UTF8", "--locale=C",
        ]
        try await ChildProcess.run(command[0], Array(command.dropFirst()), in: "/tmp")
        try await start()
    }

    /// Starts the server (again) and waits until it takes connections.
    public func start() async throws {
        let command = Self.owner + ["\(binaries)/postgres", "-D", "\(folder)/data", "-p", "\(port)"]
            + ["listen_addresses=127.0.0.1", "unix_socket_directories=\(folder)", "shared_buffers=16MB", "max_connections=20"]
            .flatMap { ["-c", $0] }
        let server = try ChildProcess(command[0], Array(command.dropFirst()), in: "/tmp", output: "\(folder)/log")
        running.withLock { $0 = server }
        let door = ["-q", "-t", "1", "-h", "127.0.0.1", "-p", "\(port)"]
        try await eventually("the private server takes connections") {
            if server.end != nil { throw ChildProcess.Failed(description: (try? String(contentsOfFile: "\(folder)/log", encoding: .utf8)) ?? "it ended") }
            return try await ChildProcess.outcome("\(binaries)/pg_isready", door).end == .exited(0)
        }
    }

    /// Kills the server and all its sessions at once, as a power cut would.
    public func kill() throws {
        guard let server = running.withLock({ $0.take() }), server.end == nil else { return }
        // Each session is a child that leads its own process group.
        let children = try String(contentsOfFile: "/proc/\(server.id)/task/\(server.id)/children", encoding: .utf8)
        server.kill9()
        for child in children.split(separator: " ").compactMap({ Int32($0) }) { Foundation.kill(child, SIGKILL) }
    }

    /// Stops the server and removes its folder.
    public func remove() {
        // It may be dead already, then there is nothing to kill.
        try? kill()
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// Postgres refuses to run as root.
    private static var owner: [String] {
        geteuid() == 0 ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] : ["env"]
    }
}

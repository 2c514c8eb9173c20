import Foundation
import Postgres

/// A Postgres server of one test's own, for tests that kill it.
public final class PrivatePostgres: Sendable {
    private let folder: String
    private let port: Int
    private let binaries: String

    /// A superuser's connection string.
    public var conninfo: String { "host=127.0.0.1 port=\(port) user=postgres dbname=postgres" }

    /// Makes and starts a server in a temporary folder.
    public init() throws {
        binaries = try Self.text(of: "pg_config", ["--bindir"])
        folder = "/tmp/private-postgres-\(UUID().uuidString.lowercased())"
        port = try Self.freePort()
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        if geteuid() == 0 { _ = try Self.text(of: "chown", ["postgres", folder]) }
        let command = Self.owner + ["\(binaries)/initdb"]
        _ = try Self.text(of: command[0], command.dropFirst() + ["-D", "\(folder)/data", "-U", "postgres", "-A", "trust", "-N", "-E", "UTF8", "--locale=C"])
        try start()
    }

    /// Starts the server (again) and waits until it takes connections.
    public func start() throws {
        // Not by pg_ctl: a server behind it keeps Foundation waiting for pg_ctl for ever.
        let server = try Self.process(
            Self.owner + ["\(binaries)/postgres", "-D", "\(folder)/data", "-p", "\(port)"]
                + [
                    "listen_addresses=127.0.0.1", "unix_socket_directories=\(folder)", "shared_buffers=16MB", "max_connections=20",
                ].flatMap { ["-c", $0] }, output: "\(folder)/log")
        try server.run()
        for _ in 0..<300 {
            let ready = try? Self.text(of: "\(binaries)/pg_isready", ["-q", "-t", "1", "-h", "127.0.0.1", "-p", "\(port)"])
            if ready != nil { return }
            usleep(50_000)
        }
        throw Failed(description: (try? String(contentsOfFile: "\(folder)/log", encoding: .utf8)) ?? "it did not start")
    }

    /// Kills the server and all its sessions at once, as a power cut would.
    public func kill() throws {
        let file = try String(contentsOfFile: "\(folder)/data/postmaster.pid", encoding: .utf8)
        guard let first = file.split(separator: "\n").first, let leader = Int32(first) else { throw Failed(description: "no pid") }
        // Each session is a child that leads its own process group.
        let children = try String(contentsOfFile: "/proc/\(leader)/task/\(leader)/children", encoding: .utf8)
        for child in [leader] + children.split(separator: " ").compactMap({ Int32($0) }) { Foundation.kill(child, SIGKILL) }
        // Until its parent has taken note of its end a new server finds the lock file of one that seems to live.
        for _ in 0..<600 where Foundation.kill(leader, 0) == 0 { usleep(50_000) }
    }

    /// Stops the server and removes its folder.
    public func remove() {
        // It may be dead already, then there is nothing to kill.
        try? kill()
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// A command that did not succeed.
    public struct Failed: Error, CustomStringConvertible {
        public let description: String
    }

    /// Postgres refuses to run as root.
    private static var owner: [String] {
        geteuid() == 0 ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] : []
    }

    private static func process(_ command: [String], output path: String) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command
        process.currentDirectoryURL = URL(fileURLWithPath: "/tmp")
        try Data().write(to: URL(fileURLWithPath: path))
        let output = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle.nullDevice
        return process
    }

    private static func text(of program: String, _ arguments: [String]) throws -> String {
        let path = "/tmp/private-postgres-output-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let process = try process([program] + arguments, output: path)
        try process.run()
        process.waitUntilExit()
        let text = try String(contentsOfFile: path, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
        guard process.terminationStatus == 0 else { throw Failed(description: "\(program): \(text)") }
        return text
    }

    private static func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(descriptor, address, length) == 0 && getsockname(descriptor, address, &length) == 0
            }
        }
        guard isBound else { throw Failed(description: "no free port") }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}

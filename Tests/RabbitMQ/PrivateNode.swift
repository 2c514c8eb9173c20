import Foundation
import Glibc
import Support
import Testing

@testable import RabbitMQ

/// Everything that runs on the private node, one test after another: some of it takes the node down.
@Suite("On a broker of their own", .serialized, .timeLimit(.minutes(8)))
struct PrivateNodeTests {}

/// A broker of the fault tests' own, on free ports, with TLS from a throw-away authority and the topology of a small
/// school loaded at boot. It may be stopped, frozen and killed. Gone when the test process ends.
actor PrivateNode {
    /// Started with the first use, for all fault tests.
    static let shared = Task { try await PrivateNode() }

    nonisolated let folder: URL
    nonisolated let port: Int
    nonisolated let tlsPort: Int
    nonisolated let managementPort: Int
    private nonisolated let distributionPort: Int
    private nonisolated let directoryPort: Int
    private var server: ChildProcess?
    private let watcher: ChildProcess

    nonisolated var url: String { url(of: "admin") }
    nonisolated func url(of user: String) -> String { "amqp://\(user):\(user)-password@127.0.0.1:\(port)" }
    nonisolated var managementURL: String { "http://admin:admin-password@127.0.0.1:\(managementPort)" }
    nonisolated var authority: String { folder.appending(path: "ca.pem").path }
    nonisolated var otherAuthority: String { folder.appending(path: "other.pem").path }

    /// Two services, one queue each, as the services themselves would say it.
    static var school: Topology {
        get throws {
            let shares: [Topology] = [
                .consumed("canteen.ledger", from: "school.events", keys: ["ledger.#"]),
                .consumed("ledger.commands", from: "school.commands", keys: ["ledger.charge.v1"]),
                .user(
                    of: "canteen", passwordHash: PasswordHash.make("canteen-password", user: "canteen"),
                    queues: ["canteen.ledger"], commands: ["ledger.charge.v1"]),
                .user(
                    of: "ledger", passwordHash: PasswordHash.make("ledger-password", user: "ledger"),
                    queues: ["ledger.commands"]),
            ]
            return try shares.reduce(Topology.shared) { try $0.merging($1) }
        }
    }

    private init() async throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "zvonok-node-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let ports = try freePorts(5)
        (port, tlsPort, managementPort) = (ports[0], ports[1], ports[2])
        (distributionPort, directoryPort) = (ports[3], ports[4])
        try await Self.makeCertificates(in: folder)
        try Self.withAdministrator(Self.school.definitions()).write(to: folder.appending(path: "definitions.json"))
        try """
        listeners.tcp.1 = 127.0.0.1:\(port)
        listeners.ssl.1 = 127.0.0.1:\(tlsPort)
        ssl_options.cacertfile = \(folder.path)/ca.pem
        ssl_options.certfile = \(folder.path)/server.pem
        ssl_options.keyfile = \(folder.path)/server.key
        management.tcp.ip = 127.0.0.1
        management.tcp.port = \(managementPort)
        load_definitions = \(folder.path)/definitions.json
        raft.wal_max_size_bytes = 67108864
        vm_memory_high_watermark.absolute = 1GB
        disk_free_limit.absolute = 50MB
        """.write(to: folder.appending(path: "rabbitmq.conf"), atomically: true, encoding: .utf8)
        try "[rabbitmq_management].".write(to: folder.appending(path: "enabled_plugins"), atomically: true, encoding: .utf8)
        watcher = try Self.endWithProcess(folder: folder, directoryPort: directoryPort)
        try await start()
    }

    /// Starts the node and waits until it takes connections.
    func start() async throws {
        server = try ChildProcess(
            "/usr/lib/rabbitmq/bin/rabbitmq-server", [], environment: environment, output: folder.appending(path: "out").path)
        try await eventually(within: .seconds(90), "the private broker takes connections") {
            await (try? BrokerChannel(BrokerConfiguration(url: url, name: "probe")).state(ofQueue: "unrouted")) != nil
        }
    }

    /// As if the power of the broker's process were cut.
    func kill9() async throws {
        let pid = try processID()
        kill(pid, SIGKILL)
        // Its starter takes note of its end and goes too.
        try await eventually("the broker is gone") { server?.end != nil && kill(pid, 0) != 0 }
    }

    /// Silent, but not gone: no byte, no end of the connection.
    func freeze() throws { kill(try processID(), SIGSTOP) }
    func thaw() throws { kill(try processID(), SIGCONT) }

    /// Runs `rabbitmqctl` on this node.
    @discardableResult
    func control(_ words: String...) async throws -> String {
        try await ChildProcess.run("/usr/lib/rabbitmq/bin/rabbitmqctl", words, environment: environment)
    }

    nonisolated func configuration(of user: String = "admin") throws -> BrokerConfiguration {
        var configuration = try BrokerConfiguration(url: url(of: user), heartbeatSeconds: 5, name: "fault test")
        configuration.recovery.firstDelay = .milliseconds(50)
        configuration.recovery.longestDelay = .seconds(1)
        return configuration
    }

    private func processID() throws -> Int32 {
        let text = try String(contentsOf: folder.appending(path: "pid"), encoding: .utf8)
        return try #require(Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)))
    }

    /// What differs from the test's own environment: nothing of another node's.
    private nonisolated var environment: [String: String?] {
        let others = ProcessInfo.processInfo.environment.keys.filter { $0.hasPrefix("RABBITMQ_") }
        return [String: String?](uniqueKeysWithValues: others.map { ($0, nil) }).merging([
            "HOME": folder.path,
            "RABBITMQ_NODENAME": "fault-\(folder.lastPathComponent.suffix(8))@localhost",
            "RABBITMQ_CONFIG_FILE": folder.appending(path: "rabbitmq.conf").path,
            "RABBITMQ_ENABLED_PLUGINS_FILE": folder.appending(path: "enabled_plugins").path,
            "RABBITMQ_MNESIA_BASE": folder.appending(path: "mnesia").path,
            "RABBITMQ_LOG_BASE": folder.appending(path: "log").path,
            "RABBITMQ_PID_FILE": folder.appending(path: "pid").path,
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_DIST_PORT": "\(distributionPort)",
            "ERL_EPMD_PORT": "\(directoryPort)",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        ]) { $1 }
    }

    /// A shell that waits for this process to end, however it ends, and then takes the node away.
    private static func endWithProcess(folder: URL, directoryPort: Int) throws -> ChildProcess {
        let script = """
            while kill -0 \(getpid()) 2>/dev/null; do sleep 1; done
            kill -9 $(cat \(folder.path)/pid); sleep 1
            ERL_EPMD_PORT=\(directoryPort) epmd -kill
            rm -rf \(folder.path)
            """
        return try ChildProcess("/bin/bash", ["-c", script], isApart: true)
    }

    /// The file as an installation would load it, and a user for the tests who may do everything.
    private static func withAdministrator(_ definitions: Data) throws -> Data {
        var all = try #require(try JSONSerialization.jsonObject(with: definitions) as? [String: Any])
        all["users"] = (all["users"] as? [Any] ?? []) + [
            [
                "name": "admin", "password_hash": PasswordHash.make("admin-password", user: "admin"),
                "hashing_algorithm": PasswordHash.algorithm, "tags": ["administrator"],
            ] as [String: Any]
        ]
        all["permissions"] = (all["permissions"] as? [Any] ?? []) + [
            ["user": "admin", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"]
        ]
        return try JSONSerialization.data(withJSONObject: all)
    }

    /// A certificate for `localhost` alone, its authority, and an authority that has nothing to do with it.
    private static func makeCertificates(in folder: URL) async throws {
        let script = """
            set -e
            for name in ca other; do
              openssl req -x509 -newkey rsa:2048 -nodes -keyout $name.key -out $name.pem -subj "/CN=Throw-away $name" -days 2
            done
            openssl req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=localhost
            echo subjectAltName=DNS:localhost >server.ext
            openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile server.ext -out server.pem
            """
        try await ChildProcess.run("/bin/bash", ["-c", script], in: folder.path)
    }
}

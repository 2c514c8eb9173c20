import Foundation
import Support
import Testing

@testable import RabbitMQ

@Suite("Topology")
struct TopologyTests {
    @Test("Two shares that name the same thing alike are one; rights and keys add up, in any order")
    func merging() throws {
        let shares: [Topology] = [
            .consumed("canteen.ledger", from: "school.events", keys: ["ledger.account.changed.v1"]),
            .consumed("notifier.feed", from: "school.events", keys: ["ledger.#", "journal.#", "#"]),
            .user(of: "ledger", passwordHash: "x", queues: ["ledger.commands"]),
            Topology(permissions: [.init(user: "ledger", writes: ["school.more"], reads: [])]),
        ]
        let one = try shares.reduce(Topology.shared) { try $0.merging($1) }
        let other = try shares.reversed().reduce(Topology.shared) { try $0.merging($1) }
        #expect(try one.merging(Topology()) == other)
        let republish = one.grants.filter { $0.exchange == "school.republish" }
        #expect(republish.map(\.user) == ["journal", "ledger"])
        #expect(republish.last?.keys == ["canteen\\.ledger", "notifier\\.feed"])
        #expect(one.permissions.first?.writes.contains("school.more") == true)
        #expect(one.permissions.first?.reads == ["dead.ledger.commands", "ledger.commands"])
    }

    @Test("Two shares that differ about a thing are a conflict that names it")
    func conflict() {
        let one = Topology.consumed("access.edge", from: "school.edge", keys: ["device.#"])
        let other = Topology.consumed("access.edge", from: "school.edge", keys: ["device.#"], hasSingleActiveConsumer: true)
        #expect(throws: TopologyConflict(kind: "queue", name: "access.edge")) { try one.merging(other) }
    }

    @Test("Every consumed queue is a quorum queue without a maximum, that loses nothing on the way to its parking place")
    func consumed() throws {
        let topology = Topology.consumed("access.edge", from: "school.edge", keys: ["device.#"], hasSingleActiveConsumer: true)
        let queue = try #require(topology.queues.first { $0.name == "access.edge" })
        #expect(
            queue.arguments == [
                "x-queue-type": "quorum", "x-dead-letter-exchange": "school.dead",
                "x-dead-letter-routing-key": "access.edge", "x-dead-letter-strategy": "at-least-once",
                "x-overflow": "reject-publish", "x-delivery-limit": 20, "x-single-active-consumer": true,
            ])
        #expect(topology.queues.contains { $0.name == "dead.access.edge" })
        #expect(topology.grants.isEmpty)
    }

    @Test("Trap: one queue per delay, never mixed; only what is said into the open has the alternate exchange")
    func shared() {
        let delays = Topology.shared.queues.compactMap { $0.arguments["x-message-ttl"]?.number }
        #expect(delays == [1000, 10_000, 60_000, 600_000])
        let open = Topology.shared.exchanges.filter { $0.arguments["alternate-exchange"] != nil }.map(\.name)
        #expect(open == ["school.events", "school.edge"])
    }

    @Test("A prefix renames every object, and the keys that are names of queues with them")
    func prefixed() throws {
        let topology = try PrivateNode.school.prefixed(by: "x.")
        #expect(topology.exchanges.allSatisfy { $0.name.hasPrefix("x.school.") })
        #expect(topology.queues.map(\.name).contains("dead.x.canteen.ledger"))
        let bindings = topology.bindings.filter { $0.queue.hasSuffix("canteen.ledger") }
        #expect(Set(bindings.map(\.key)) == ["ledger.#", "*.x.canteen.ledger", "x.canteen.ledger"])
        let retry = topology.grants.first { $0.user == "x.canteen" && $0.exchange == "x.school.retry" }
        #expect(retry?.keys == ["l[1-4]\\.x\\.canteen\\.ledger"])
        #expect(try PrivateNode.school.prefixed(by: "") == PrivateNode.school)
    }

    @Test("A password's hash is RabbitMQ's: the salt, then SHA-256 over salt and password")
    func passwordHash() {
        // The example of RabbitMQ's documentation on password hashing: "test12" with the salt 90 8D C6 0A.
        #expect(PasswordHash.make("test12", salt: [0x90, 0x8D, 0xC6, 0x0A]) == "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR")
        #expect(PasswordHash.make("a", user: "ledger") == PasswordHash.make("a", user: "ledger"))
        #expect(PasswordHash.make("a", user: "ledger") != PasswordHash.make("a", user: "canteen"))
    }

    @Test("A share survives its JSON, and deploy/topology puts shares together as the code does")
    func script() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "topology-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let shares: [Topology] = [
            .shared,
            try Topology.consumed("canteen.ledger", from: "school.events", keys: ["ledger.#"]).merging(
                .user(of: "canteen", passwordHash: "y", queues: ["canteen.ledger"], commands: ["ledger.charge.v1"])),
            .user(of: "ledger", passwordHash: "z", queues: []),
            Topology(policies: [.init("depth", pattern: "^unrouted$", definition: ["max-length": 1000])]),
        ]
        let files = try shares.enumerated().map { index, share in
            let file = folder.appending(path: "\(index).json")
            let text = try JSONEncoder().encode(share)
            #expect(try JSONDecoder().decode(Topology.self, from: text) == share)
            try text.write(to: file)
            return file.path
        }
        let printed = try await TopologyScript.run(["print"] + files.flatMap { ["--share", $0] })
        #expect(printed.status == 0)
        let whole = try shares.reduce(Topology()) { try $0.merging($1) }
        let ours = try JSONSerialization.jsonObject(with: whole.definitions()) as? NSDictionary
        let theirs = try JSONSerialization.jsonObject(with: Data(printed.output.utf8)) as? NSDictionary
        #expect(ours != nil && ours == theirs)
    }
}

/// Runs `deploy/topology`.
enum TopologyScript {
    static func run(_ arguments: [String]) async throws -> (status: Int32, output: String) {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let (end, said) = try await ChildProcess.outcome(root.appending(path: "deploy/topology").path, arguments)
        guard case .exited(let status) = end else { throw ChildProcess.Failed(description: said) }
        return (status, said)
    }
}

extension PrivateNodeTests {
    @Suite("deploy/topology on a running broker")
    struct ApplyTests {
        @Test("check sees a changed right, a missing queue and a stray binding; apply repairs them and says what it did; then check is content")
        func apply() async throws {
            let node = try await PrivateNode.shared.value
            let channel = BrokerChannel(try node.configuration())
            let file = node.folder.appending(path: "share.json")
            func topology(_ what: String, _ share: Topology) async throws -> (status: Int32, output: String) {
                try JSONEncoder().encode(share).write(to: file)
                return try await TopologyScript.run([what, "--url", node.managementURL, "--share", file.path])
            }

            let before = try await topology("check", PrivateNode.school)
            #expect(before.status == 0, "\(before.output)")

            let more = try PrivateNode.school
                .merging(.consumed("journal.feed", from: "school.events", keys: ["canteen.#"]))
                .merging(Topology(grants: [.init(user: "ledger", exchange: "school.commands", keys: ["canteen\\.order\\.v1"])]))
            let missing = try await topology("check", more)
            #expect(missing.status == 1)
            for line in ["missing queue journal.feed", "missing binding school.events journal.feed canteen.#", "different topic permission ledger school.commands"] {
                #expect(missing.output.contains(line), "\(missing.output)")
            }
            let applied = try await topology("apply", more)
            #expect(applied.status == 0, "\(applied.output)")
            _ = try await channel.state(ofQueue: "journal.feed")

            // The next version of the code does not know that queue, nor a binding somebody made by hand.
            try await channel.declare(
                Topology(bindings: [.init(exchange: "school.events", queue: "canteen.ledger", key: "by.hand")]))
            #expect(try await topology("check", PrivateNode.school).output.contains("not in the code: binding school.events canteen.ledger by.hand"))
            let back = try await topology("apply", PrivateNode.school)
            #expect(back.status == 0, "\(back.output)")
            #expect(back.output.contains("unbound binding school.events journal.feed canteen.#"))
            #expect(back.output.contains("unbound binding school.events canteen.ledger by.hand"))
            #expect(back.output.contains("not in the code: queue journal.feed"))
            _ = try await channel.state(ofQueue: "journal.feed")
            try await channel.delete(queues: ["journal.feed", "dead.journal.feed"])
        }

        @Test("check sees arguments that AMQP would not show, and apply says what it cannot change")
        func arguments() async throws {
            let node = try await PrivateNode.shared.value
            var changed = try PrivateNode.school
            let index = try #require(changed.queues.firstIndex { $0.name == "canteen.ledger" })
            changed.queues[index].arguments["x-delivery-limit"] = 5
            let file = node.folder.appending(path: "changed.json")
            try JSONEncoder().encode(changed).write(to: file)
            for what in ["check", "apply"] {
                let result = try await TopologyScript.run([what, "--url", node.managementURL, "--share", file.path])
                #expect(result.status == 1 && result.output.contains("different queue canteen.ledger"), "\(result.output)")
            }
        }

        @Test("A broker that does not answer, or a wrong password, is one line and no traceback")
        func unreachable() async throws {
            let node = try await PrivateNode.shared.value
            let file = node.folder.appending(path: "plain.json")
            try JSONEncoder().encode(PrivateNode.school).write(to: file)
            for url in ["http://admin:wrong@127.0.0.1:\(node.managementPort)", "http://a:b@127.0.0.1:1", "nonsense"] {
                let result = try await TopologyScript.run(["check", "--url", url, "--share", file.path])
                #expect(result.status == 1 && result.output.hasPrefix("topology: ") && !result.output.contains("Traceback"))
                #expect(!result.output.contains("wrong"))
            }
        }
    }
}

import Foundation

extension Topology {
    /// A regular expression no key matches. An empty one would match every key: topic permissions, unlike the
    /// others, do not read it as «nothing».
    static let nothing = "(?!)"

    /// The topology in RabbitMQ's own form, for `load_definitions` and `POST /api/definitions`.
    ///
    /// A user without a topic permission on an exchange may say anything there, so every user gets one for every
    /// topic exchange it may publish to, if only to say nothing. Grants to users not named here are left out.
    ///
    /// - Parameter virtualHost: where all of it lies.
    public func definitions(virtualHost: String = "/") throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        return try encoder.encode(Definitions(self, virtualHost))
    }

    /// The names as one expression that matches exactly them.
    static func anyOf(_ expressions: [String]) -> String {
        expressions.isEmpty ? nothing : "^(" + expressions.joined(separator: "|") + ")$"
    }
}

/// RabbitMQ's definitions file, as far as it is used here.
private struct Definitions: Encodable {
    struct VirtualHost: Encodable { let name: String }
    struct User: Encodable { let name, password_hash, hashing_algorithm: String; let tags: [String] }
    struct Permission: Encodable { let user, vhost, configure, write, read: String }
    struct TopicPermission: Encodable { let user, vhost, exchange, write, read: String }
    struct Exchange: Encodable {
        let name, vhost, type: String
        let durable, auto_delete, `internal`: Bool
        let arguments: [String: HeaderValue]
    }
    struct Queue: Encodable {
        let name, vhost: String
        let durable, auto_delete: Bool
        let arguments: [String: HeaderValue]
    }
    struct Binding: Encodable {
        let source, vhost, destination, destination_type, routing_key: String
        let arguments: [String: HeaderValue]
    }
    struct Policy: Encodable {
        enum CodingKeys: String, CodingKey {
            case vhost, name, pattern, priority, definition
            case appliesTo = "apply-to"
        }
        let vhost, name, pattern, appliesTo: String
        let priority: Int
        let definition: [String: HeaderValue]
    }

    let vhosts: [VirtualHost]
    let users: [User]
    let permissions: [Permission]
    let topic_permissions: [TopicPermission]
    let exchanges: [Exchange]
    let queues: [Queue]
    let bindings: [Binding]
    let policies: [Policy]

    init(_ topology: Topology, _ host: String) {
        vhosts = [VirtualHost(name: host)]
        users = topology.users.map {
            User(name: $0.name, password_hash: $0.passwordHash, hashing_algorithm: PasswordHash.algorithm, tags: $0.tags)
        }
        let named = Set(topology.users.map(\.name))
        let rights = topology.permissions.filter { named.contains($0.user) }
        permissions = rights.map {
            Permission(
                user: $0.user, vhost: host, configure: "", write: Topology.anyOf($0.writes.map(Topology.escaped)),
                read: Topology.anyOf($0.reads.map(Topology.escaped)))
        }
        let topics = Set(topology.exchanges.filter { $0.type == .topic }.map(\.name))
        let keys = Dictionary(grouping: topology.grants) { [$0.user, $0.exchange] }
        topic_permissions = rights.flatMap { right in
            right.writes.filter(topics.contains).map { exchange in
                TopicPermission(
                    user: right.user, vhost: host, exchange: exchange,
                    write: Topology.anyOf(keys[[right.user, exchange], default: []].flatMap(\.keys)),
                    read: Topology.nothing)
            }
        }
        exchanges = topology.exchanges.map {
            Exchange(
                name: $0.name, vhost: host, type: $0.type.rawValue, durable: $0.isDurable, auto_delete: false,
                internal: false, arguments: $0.arguments)
        }
        queues = topology.queues.map {
            Queue(name: $0.name, vhost: host, durable: $0.isDurable, auto_delete: false, arguments: $0.arguments)
        }
        bindings = topology.bindings.map {
            Binding(
                source: $0.exchange, vhost: host, destination: $0.queue, destination_type: "queue", routing_key: $0.key,
                arguments: [:])
        }
        policies = topology.policies.map {
            Policy(
                vhost: host, name: $0.name, pattern: $0.pattern, appliesTo: $0.appliesTo, priority: $0.priority,
                definition: $0.definition)
        }
    }
}

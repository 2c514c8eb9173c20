import Foundation

/// What has to exist in the broker, and who may do what: exchanges, queues, bindings, users, rights, policies.
///
/// Every service says its share as JSON; `deploy/topology` puts the shares together. Lists are kept sorted, so that
/// the same topology always prints the same text.
public struct Topology: Codable, Sendable, Equatable {
    public struct Exchange: Codable, Sendable, Hashable {
        public enum Kind: String, Codable, Sendable { case topic, fanout, direct }
        public var name: String
        public var type: Kind
        public var isDurable = true
        public var arguments: [String: HeaderValue]

        public init(_ name: String, _ type: Kind = .topic, arguments: [String: HeaderValue] = [:]) {
            self.name = name
            self.type = type
            self.arguments = arguments
        }
    }

    public struct Queue: Codable, Sendable, Hashable {
        public var name: String
        public var isDurable = true
        public var arguments: [String: HeaderValue]

        /// A quorum queue, unless the arguments say otherwise.
        public init(_ name: String, arguments: [String: HeaderValue] = [:]) {
            self.name = name
            self.arguments = ["x-queue-type": "quorum"].merging(arguments) { $1 }
        }
    }

    /// An exchange gives a queue what has this key.
    public struct Binding: Codable, Sendable, Hashable {
        public var exchange: String
        public var queue: String
        public var key: String

        public init(exchange: String, queue: String, key: String) {
            self.exchange = exchange
            self.queue = queue
            self.key = key
        }
    }

    public struct User: Codable, Sendable, Hashable {
        public var name: String
        /// See `PasswordHash`.
        public var passwordHash: String
        public var tags: [String]

        public init(_ name: String, passwordHash: String, tags: [String] = []) {
            self.name = name
            self.passwordHash = passwordHash
            self.tags = tags
        }
    }

    /// What a user may touch, by name. Nobody may configure anything: objects come from here alone.
    public struct Permission: Codable, Sendable, Hashable {
        public var user: String
        /// Exchanges it may publish to.
        public var writes: [String]
        /// Queues it may read.
        public var reads: [String]

        public init(user: String, writes: [String], reads: [String]) {
            self.user = user
            self.writes = writes
            self.reads = reads
        }
    }

    /// Keys a user may say on a topic exchange. What several shares grant adds up.
    public struct Grant: Codable, Sendable, Hashable {
        public var user: String
        public var exchange: String
        /// Regular expressions without anchors, each for the beginning of a key up to its end.
        public var keys: [String]

        public init(user: String, exchange: String, keys: [String]) {
            self.user = user
            self.exchange = exchange
            self.keys = keys
        }
    }

    public struct Policy: Codable, Sendable, Hashable {
        public var name: String
        public var pattern: String
        /// `queues`, `exchanges` or `all`.
        public var appliesTo: String
        public var priority: Int
        public var definition: [String: HeaderValue]

        public init(
            _ name: String, pattern: String, appliesTo: String = "queues", priority: Int = 0,
            definition: [String: HeaderValue]
        ) {
            self.name = name
            self.pattern = pattern
            self.appliesTo = appliesTo
            self.priority = priority
            self.definition = definition
        }
    }

    public var exchanges: [Exchange] = []
    public var queues: [Queue] = []
    public var bindings: [Binding] = []
    public var users: [User] = []
    public var permissions: [Permission] = []
    public var grants: [Grant] = []
    public var policies: [Policy] = []

    public init(
        exchanges: [Exchange] = [], queues: [Queue] = [], bindings: [Binding] = [], users: [User] = [],
        permissions: [Permission] = [], grants: [Grant] = [], policies: [Policy] = []
    ) {
        self.exchanges = exchanges
        self.queues = queues
        self.bindings = bindings
        self.users = users
        self.permissions = permissions
        self.grants = grants
        self.policies = policies
    }

    /// Both together. The same thing named twice is one thing; permissions and grants add up.
    ///
    /// - Throws: `TopologyConflict` when both name a thing and differ about it.
    public func merging(_ other: Topology) throws -> Topology {
        Topology(
            exchanges: try Self.union(exchanges, other.exchanges, "exchange", \.name),
            queues: try Self.union(queues, other.queues, "queue", \.name),
            bindings: Set(bindings + other.bindings).sorted {
                ($0.queue, $0.exchange, $0.key) < ($1.queue, $1.exchange, $1.key)
            },
            users: try Self.union(users, other.users, "user", \.name),
            permissions: Dictionary(grouping: permissions + other.permissions, by: \.user).map { user, all in
                Permission(
                    user: user, writes: Set(all.flatMap(\.writes)).sorted(), reads: Set(all.flatMap(\.reads)).sorted())
            }.sorted { $0.user < $1.user },
            grants: Dictionary(grouping: grants + other.grants) { [$0.user, $0.exchange] }.map { of, all in
                Grant(user: of[0], exchange: of[1], keys: Set(all.flatMap(\.keys)).sorted())
            }.sorted { ($0.user, $0.exchange) < ($1.user, $1.exchange) },
            policies: try Self.union(policies, other.policies, "policy", \.name))
    }

    private static func union<T: Hashable>(
        _ left: [T], _ right: [T], _ kind: String, _ name: (T) -> String
    ) throws -> [T] {
        var known: [String: T] = [:]
        for each in left + right {
            if let before = known.updateValue(each, forKey: name(each)), before != each {
                throw TopologyConflict(kind: kind, name: name(each))
            }
        }
        return known.values.sorted { name($0) < name($1) }
    }
}

/// Two shares name the same thing and differ about it.
public struct TopologyConflict: Error, Equatable, CustomStringConvertible {
    public let kind: String
    public let name: String
    public var description: String { "two services differ about the \(kind) \(name)" }
}

extension HeaderValue: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let flag = try? container.decode(Bool.self) {
            self = .flag(flag)
        } else if let number = try? container.decode(Int64.self) {
            self = .number(number)
        } else {
            self = .text(try container.decode(String.self))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .text(let text): try container.encode(text)
        case .number(let number): try container.encode(number)
        case .flag(let flag): try container.encode(flag)
        }
    }
}

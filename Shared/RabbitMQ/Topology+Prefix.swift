extension Topology {
    /// The same with every exchange, queue and user under another name, for several schools on one broker and for
    /// tests.
    ///
    /// Routing keys keep their names, but where a key is the name of a queue it follows the queue: with the prefix
    /// `x.` the dead of `x.canteen.ledger` lie in `dead.x.canteen.ledger`, under the key `x.canteen.ledger`.
    public func prefixed(by prefix: String) -> Topology {
        guard !prefix.isEmpty else { return self }
        return Topology(
            exchanges: exchanges.map { exchange in
                var copy = exchange
                copy.name = prefix + exchange.name
                copy.arguments = Self.prefixed(exchange.arguments, prefix)
                return copy
            },
            queues: queues.map { queue in
                var copy = queue
                copy.name = Self.queue(queue.name, prefix)
                copy.arguments = Self.prefixed(queue.arguments, prefix)
                return copy
            },
            bindings: bindings.map {
                Binding(
                    exchange: prefix + $0.exchange, queue: Self.queue($0.queue, prefix),
                    key: Self.key($0.key, of: $0.exchange, prefix, start: "*."))
            },
            users: users.map { User(prefix + $0.name, passwordHash: $0.passwordHash, tags: $0.tags) },
            permissions: permissions.map { permission in
                Permission(
                    user: prefix + permission.user, writes: permission.writes.map { prefix + $0 },
                    reads: permission.reads.map { Self.queue($0, prefix) })
            },
            grants: grants.map { grant in
                let start = grant.exchange == "school.retry" ? "l[1-4]\\." : "replay\\."
                return Grant(
                    user: prefix + grant.user, exchange: prefix + grant.exchange,
                    keys: grant.keys.map { Self.key($0, of: grant.exchange, Self.escaped(prefix), start: start) })
            },
            policies: policies)
    }

    private static func queue(_ name: String, _ prefix: String) -> String {
        let dead = deadQueue(of: "")
        return name.hasPrefix(dead) ? deadQueue(of: prefix + name.dropFirst(dead.count)) : prefix + name
    }

    private static func key(_ key: String, of exchange: String, _ prefix: String, start: String) -> String {
        switch exchange {
        case "school.dead", "school.republish": prefix + key
        case "school.retry", "school.requeue":
            key.hasPrefix(start) ? start + prefix + key.dropFirst(start.count) : key
        default: key
        }
    }

    private static func prefixed(_ arguments: [String: HeaderValue], _ prefix: String) -> [String: HeaderValue] {
        var arguments = arguments
        for key in ["alternate-exchange", "x-dead-letter-exchange", "x-dead-letter-routing-key"] {
            if let name = arguments[key]?.text { arguments[key] = .text(prefix + name) }
        }
        return arguments
    }
}

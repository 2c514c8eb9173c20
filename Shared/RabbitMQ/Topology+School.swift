/// What the services share in the broker, and the pattern of every queue that is consumed.
extension Topology {
    /// How long a message waits at each retry level.
    public static let retryDelays: [Duration] = [.seconds(1), .seconds(10), .seconds(60), .seconds(600)]

    /// The routing key on `school.retry` that brings a message back to `queue` after the delay of `level` (1 … 4).
    public static func retryKey(level: Int, queue: String) -> String { "l\(level).\(queue)" }

    /// The routing key on `school.requeue` that puts a parked message back into `queue`.
    public static func replayKey(queue: String) -> String { "replay.\(queue)" }

    /// The queue where the dead of `queue` are parked.
    public static func deadQueue(of queue: String) -> String { "dead.\(queue)" }

    /// Facts that are said and that no service hears yet. They go to `unheard`, which keeps the newest of them for whoever
    /// wants to look; so `unrouted` is empty as long as everything is in order. A fact that finds a listener leaves the list.
    public static let unheard = [
        "access.device.changed.v1", "canteen.menu.published.v1", "ledger.allowance.changed.v1", "notifier.digest.sent.v1",
    ]

    /// Exchanges, retry levels, the queue for what nobody asked for and the one for what nobody hears yet.
    ///
    /// Only what is said into the open (`school.events`, `school.edge`) has the alternate exchange. On the others an
    /// unroutable message must fail its publisher: `mandatory` and an alternate exchange cancel each other.
    public static let shared: Topology = {
        let alternate: [String: HeaderValue] = ["alternate-exchange": "school.unrouted"]
        var topology = Topology(
            exchanges: [
                Exchange("school.events", arguments: alternate), Exchange("school.edge", arguments: alternate),
                Exchange("school.commands"), Exchange("school.retry"), Exchange("school.requeue"),
                Exchange("school.dead"), Exchange("school.republish"), Exchange("school.unrouted", .fanout),
            ],
            queues: [Queue("unrouted"), Queue("unheard", arguments: ["x-max-length": 1000, "x-overflow": "drop-head"])],
            bindings: [Binding(exchange: "school.unrouted", queue: "unrouted", key: "")]
                + unheard.map { Binding(exchange: "school.events", queue: "unheard", key: $0) })
        for (index, delay) in retryDelays.enumerated() {
            let name = "retry.l\(index + 1)"
            topology.queues.append(
                Queue(
                    name,
                    arguments: deadLettering(to: "school.requeue").merging([
                        "x-message-ttl": .number(delay.components.seconds * 1000)
                    ]) { $1 }))
            topology.bindings.append(Binding(exchange: "school.retry", queue: name, key: "l\(index + 1).#"))
        }
        return topology
    }()

    /// A queue that a service consumes, with everything around it: where it dies, comes back and is filled from.
    ///
    /// No maximum length, because a full queue would hold up every publisher. The delivery limit is the last resort
    /// against a message that kills its consumer; it counts lost connections too.
    ///
    /// - Parameters:
    ///   - name: `<service>.<concern>`.
    ///   - exchange: `school.events`, `school.commands` or `school.edge`.
    ///   - keys: patterns on that exchange. On `school.events` the first word names who speaks: that service may
    ///     republish into this queue.
    ///   - hasSingleActiveConsumer: other copies stand by, so that the order of the queue is kept.
    public static func consumed(
        _ name: String, from exchange: String, keys: [String], hasSingleActiveConsumer: Bool = false
    ) -> Topology {
        var arguments = deadLettering(to: "school.dead")
        arguments["x-dead-letter-routing-key"] = .text(name)
        arguments["x-delivery-limit"] = 20
        if hasSingleActiveConsumer { arguments["x-single-active-consumer"] = true }
        let speakers = exchange == "school.events" ? Set(keys.compactMap(speaker)) : []
        return Topology(
            queues: [Queue(name, arguments: arguments), Queue(deadQueue(of: name))],
            bindings: keys.map { Binding(exchange: exchange, queue: name, key: $0) } + [
                Binding(exchange: "school.requeue", queue: name, key: "*.\(name)"),
                Binding(exchange: "school.republish", queue: name, key: name),
                Binding(exchange: "school.dead", queue: deadQueue(of: name), key: name),
            ],
            grants: speakers.sorted().map { Grant(user: $0, exchange: "school.republish", keys: [escaped(name)]) })
    }

    /// The user of a service and what it may do: say its own facts, the commands named, and move messages of its own
    /// queues to retry, to the parking place and back.
    ///
    /// - Parameters:
    ///   - queues: what it consumes; their parking places are readable with them.
    ///   - commands: routing keys it may send on `school.commands`.
    public static func user(
        of service: String, passwordHash: String, queues: [String], commands: [String] = []
    ) -> Topology {
        let own = queues.map(escaped)
        let writes = [
            "school.events", "school.commands", "school.retry", "school.requeue", "school.dead", "school.republish",
        ]
        return Topology(
            users: [User(service, passwordHash: passwordHash)],
            permissions: [Permission(user: service, writes: writes, reads: queues + queues.map(deadQueue))],
            grants: [
                Grant(user: service, exchange: "school.events", keys: [escaped("\(service).") + ".+"]),
                Grant(user: service, exchange: "school.commands", keys: commands.map(escaped)),
                Grant(user: service, exchange: "school.retry", keys: own.map { "l[1-4]\\." + $0 }),
                Grant(user: service, exchange: "school.requeue", keys: own.map { "replay\\." + $0 }),
                Grant(user: service, exchange: "school.dead", keys: own),
                Grant(user: service, exchange: "school.republish", keys: []),
            ])
    }

    /// Nothing is lost on the way to the dead: the broker keeps a message until its target has taken it over. It
    /// needs the overflow behaviour even where no maximum is set.
    private static func deadLettering(to exchange: String) -> [String: HeaderValue] {
        [
            "x-dead-letter-exchange": .text(exchange), "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        ]
    }

    private static func speaker(_ pattern: String) -> String? {
        guard let word = pattern.split(separator: ".").first, word != "*", word != "#" else { return nil }
        return String(word)
    }

    /// The text as a regular expression that matches it alone.
    static func escaped(_ text: String) -> String {
        text.reduce(into: "") { result, character in
            if "\\.+*?()[]{}|^$".contains(character) { result.append("\\") }
            result.append(character)
        }
    }
}

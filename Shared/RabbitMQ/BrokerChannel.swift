import CRabbitMQ
import Executors
import Logging

/// A connection for questions and for tools: how deep a queue is, taking one message out, emptying it.
///
/// Opens with the first question; after an error the next question opens it anew.
public actor BrokerChannel {
    private let executor: QueueExecutor
    private let configuration: BrokerConfiguration
    private var connection: Connection?
    private var generation = 0
    private var assembly = Assembly(generation: 0)

    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    public init(_ configuration: BrokerConfiguration) {
        executor = QueueExecutor(label: "zvonok.channel.\(configuration.name)")
        // A tool may hold a message for as long as a person reads; nobody serves heartbeats meanwhile.
        var configuration = configuration
        configuration.heartbeatSeconds = 0
        self.configuration = configuration
    }

    /// How many messages wait in the queue, and how many consumers it has.
    ///
    /// - Throws: `BrokerError` of kind `notFound` when there is no such queue.
    public func state(ofQueue queue: String) throws -> (messages: Int, consumers: Int) {
        try ask { connection in
            let ok = queue.withAMQPBytes {
                amqp_queue_declare(connection.state, Connection.channel, $0, 1, 0, 0, 0, amqp_table_t())
            }
            try connection.checkReply("looking at queue \(queue)")
            return (Int(ok?.pointee.message_count ?? 0), Int(ok?.pointee.consumer_count ?? 0))
        }
    }

    /// Whether the exchange exists; its arguments cannot be seen this way.
    public func exists(exchange: String) throws -> Bool {
        do {
            return try ask { connection in
                _ = exchange.withAMQPBytes { name in
                    "".withAMQPBytes { type in
                        amqp_exchange_declare(
                            connection.state, Connection.channel, name, type, 1, 0, 0, 0, amqp_table_t())
                    }
                }
                try connection.checkReply("looking at exchange \(exchange)")
                return true
            }
        } catch let error as BrokerError where error.kind == .notFound {
            return false
        }
    }

    /// Takes one message out; it stays the broker's until `acknowledge` or `reject`. Nil when the queue is empty.
    public func get(from queue: String) throws -> Delivery? {
        try ask { connection in
            connection.releaseBuffers()
            let reply = queue.withAMQPBytes { amqp_basic_get(connection.state, Connection.channel, $0, 0) }
            if let error = BrokerError(reply, while: "getting from \(queue)") { throw error }
            if reply.reply.id == zvonok_basic_get_empty { return nil }
            assembly.takeGot(reply.reply)
            while true {
                guard let frame = try connection.nextFrame(within: configuration.connectTimeout) else {
                    throw BrokerError(.timedOut, "getting from \(queue)")
                }
                if case .delivered(let delivery) = try assembly.take(frame) { return delivery }
            }
        }
    }

    /// The message is done with. Does nothing when it came on an earlier connection.
    public func acknowledge(_ delivery: Delivery) throws {
        try settle(delivery) { try $0.check(amqp_basic_ack($0.state, Connection.channel, delivery.tag, 0), "acknowledging") }
    }

    /// Gives the message back, or sends it where the queue sends its dead.
    public func reject(_ delivery: Delivery, requeue: Bool) throws {
        try settle(delivery) {
            try $0.check(amqp_basic_nack($0.state, Connection.channel, delivery.tag, 0, requeue ? 1 : 0), "rejecting")
        }
    }

    /// Empties the queue; answers how many messages there were.
    @discardableResult
    public func purge(_ queue: String) throws -> Int {
        try ask { connection in
            let ok = queue.withAMQPBytes { amqp_queue_purge(connection.state, Connection.channel, $0) }
            try connection.checkReply("purging \(queue)")
            return Int(ok?.pointee.message_count ?? 0)
        }
    }

    /// Makes what the topology names, with a user that may; for tests and for development. Users, rights and policies
    /// are not made: the protocol has no words for them.
    public func declare(_ topology: Topology) throws {
        try ask { connection in
            for exchange in topology.exchanges {
                let table = HeaderTable(exchange.arguments)
                exchange.name.withAMQPBytes { name in
                    exchange.type.rawValue.withAMQPBytes { type in
                        _ = amqp_exchange_declare(
                            connection.state, Connection.channel, name, type, 0, exchange.isDurable ? 1 : 0, 0, 0, table.amqp)
                    }
                }
                try connection.checkReply("declaring exchange \(exchange.name)")
            }
            for queue in topology.queues {
                let table = HeaderTable(queue.arguments)
                queue.name.withAMQPBytes { name in
                    _ = amqp_queue_declare(
                        connection.state, Connection.channel, name, 0, queue.isDurable ? 1 : 0, 0, 0, table.amqp)
                }
                try connection.checkReply("declaring queue \(queue.name)")
            }
            for binding in topology.bindings {
                binding.queue.withAMQPBytes { queue in
                    binding.exchange.withAMQPBytes { exchange in
                        binding.key.withAMQPBytes { key in
                            _ = amqp_queue_bind(
                                connection.state, Connection.channel, queue, exchange, key, amqp_table_t())
                        }
                    }
                }
                try connection.checkReply("binding \(binding.queue) to \(binding.exchange)")
            }
        }
    }

    /// Deletes queues and exchanges of these names, whether they exist or not.
    public func delete(queues: [String] = [], exchanges: [String] = []) throws {
        try ask { connection in
            for queue in queues {
                _ = queue.withAMQPBytes { amqp_queue_delete(connection.state, Connection.channel, $0, 0, 0) }
                try connection.checkReply("deleting queue \(queue)")
            }
            for exchange in exchanges {
                _ = exchange.withAMQPBytes { amqp_exchange_delete(connection.state, Connection.channel, $0, 0) }
                try connection.checkReply("deleting exchange \(exchange)")
            }
        }
    }

    /// Ends the connection; what was taken out and not acknowledged goes back.
    public func close() {
        connection?.close()
        connection = nil
    }

    private func ask<T>(_ question: (Connection) throws -> T) throws -> T {
        if let connection {
            do {
                return try ask(connection, question)
            } catch let error as BrokerError where error.kind == .connectionLost {
                // It may have been dead for long, unnoticed: nothing is read between questions.
            }
        }
        return try ask(open(), question)
    }

    private func ask<T>(_ connection: Connection, _ question: (Connection) throws -> T) throws -> T {
        do {
            defer { connection.releaseBuffers() }
            return try question(connection)
        } catch {
            self.connection = nil
            throw error
        }
    }

    /// Settles a delivery on the connection it came on, or not at all.
    private func settle(_ delivery: Delivery, _ word: (Connection) throws -> Void) throws {
        guard delivery.generation == generation, let connection else { return }
        try ask(connection, word)
    }

    private func open() throws -> Connection {
        let connection = try Connection(configuration, purpose: "tool")
        self.connection = connection
        generation += 1
        assembly = Assembly(generation: generation)
        return connection
    }
}

import CRabbitMQ
import Dispatch
import Executors
import Glibc
import Logging
import Metrics
import Synchronization

/// Receives from one queue, in batches, and acknowledges by hand.
///
/// A task on the threads of `SocketExecutor` waits for its socket: between messages no thread is held, and whoever is handed
/// the messages goes on with them on the thread that read them. A timer looks in beside it, so that heartbeats are served
/// while handlers work. Only what may block has a queue of its own: connecting and saying goodbye. After a loss, a cancelled
/// consumer or a closed channel there is a whole new connection: consuming again on the same channel loses messages with
/// RabbitMQ 3.10.8.
public actor Consumer {
    private let configuration: BrokerConfiguration
    private let queue: String
    private let prefetch: UInt16
    private let largestBatch: Int
    private let logger: Logger
    private let shownStatus = Mutex(BrokerStatus.idle)
    private let delivered: Counter
    private let losses: Counter

    /// Whatever has come since the last look, in the order of the queue; for one reader. Ends when `run` ends.
    ///
    /// Bounded by the broker: it stops at the prefetch count until something is acknowledged. After a reconnection
    /// deliveries of the lost connection may still lie in here; acknowledging them does nothing, and they come again.
    public nonisolated let deliveries: Gathering<Delivery>

    private var connection: Connection?
    private var generation = 0
    private var tags = OpenTags()
    private var assembly = Assembly(generation: 0)
    private var reader: OnRelease?
    private var timer: OnRelease?
    private var ending: CheckedContinuation<BrokerError, Never>?
    private var end: BrokerError?
    private var isStopping = false

    /// Connects nothing yet; see `run`.
    ///
    /// - Parameters:
    ///   - prefetch: how many deliveries may be unacknowledged at a time.
    ///   - largestBatch: how many at most come in one element of `deliveries`.
    public init(
        _ configuration: BrokerConfiguration, queue: String, prefetch: Int = 300, largestBatch: Int = 500,
        logger: Logger
    ) {
        self.configuration = configuration
        self.queue = queue
        self.prefetch = UInt16(clamping: max(1, prefetch))
        self.largestBatch = max(1, largestBatch)
        self.logger = logger
        deliveries = Gathering(upTo: largestBatch)
        delivered = Counter(label: "zvonok_broker_delivered_total", dimensions: [("queue", queue)])
        losses = Counter(
            label: "zvonok_broker_connections_lost_total", dimensions: [("connection", "\(configuration.name) \(queue)")])
    }

    deinit { deliveries.end() }

    /// How it stands with the broker.
    public nonisolated var status: BrokerStatus { shownStatus.withLock { $0 } }

    /// Consumes, and reconnects with back-off, until the task is cancelled.
    ///
    /// Then nothing new arrives and `deliveries` ends after what is already in it, but the connection stays open for
    /// the last acknowledgements: call `close` when they are done.
    public func run() async {
        defer { deliveries.end() }
        var recovery = Recovery(configuration.recovery)
        while !Task.isCancelled, !isStopping {
            var lifetime = Duration.zero
            var error: BrokerError
            do {
                try await open()
                let start = ContinuousClock.now
                error = await ended()
                lifetime = .now - start
            } catch let failure as BrokerError {
                drop()
                error = failure
            } catch let failure {
                error = BrokerError(.connectionLost, "\(failure)")
            }
            if Task.isCancelled || isStopping { break }
            losses.increment()
            let delay = recovery.failed(after: lifetime, jitter: .random(in: 0..<1))
            show(.recovering(failures: recovery.failures, error))
            logger.warning(
                "The consumer has no connection to the broker.",
                metadata: error.metadata.merging(["queue": "\(queue)"]) { $1 })
            try? await Task.sleep(for: delay)
        }
    }

    /// Acknowledges this delivery and every earlier one of its connection.
    ///
    /// Does nothing when the connection it came on is gone: the broker delivers it again.
    public func acknowledge(upTo delivery: Delivery) {
        guard delivery.generation == generation, let connection else { return }
        guard tags.settle(upTo: delivery.tag) else { return }
        settled(amqp_basic_ack(connection.state, Connection.channel, delivery.tag, 1))
    }

    /// Acknowledges these, with one word to the broker where they are the oldest that are open.
    public func acknowledge(_ deliveries: [Delivery]) {
        guard let connection else { return }
        let current = deliveries.compactMap { $0.generation == generation ? $0.tag : nil }
        for step in tags.settle(current) {
            settled(amqp_basic_ack(connection.state, Connection.channel, step.tag, step.isMultiple ? 1 : 0))
        }
    }

    /// Gives a delivery back: to the queue, or as dead to where the queue sends its dead.
    public func reject(_ delivery: Delivery, requeue: Bool) {
        guard delivery.generation == generation, let connection else { return }
        guard tags.settle([delivery.tag]).isEmpty == false else { return }
        settled(amqp_basic_nack(connection.state, Connection.channel, delivery.tag, 0, requeue ? 1 : 0))
    }

    /// Ends the connection; what is not acknowledged goes back to the queue at once.
    public func close() async {
        isStopping = true
        if let open = connection {
            // Nobody else touches it from here on; whoever waits for its socket waits until the goodbye has been said.
            connection = nil
            await Self.sayGoodbye(Handed(connection: open))
        }
        fail(BrokerError(.closed, "the consumer was closed"))
        deliveries.end()
        show(.closed)
    }

    // MARK: - The connection

    private func open() async throws {
        let connection = try await Self.connected(configuration, queue, prefetch: prefetch)
        if isStopping {
            // Closed meanwhile.
            return await Self.sayGoodbye(connection)
        }
        let socket = try WatchedSocket(connection.connection.fileDescriptor)
        self.connection = connection.connection
        generation += 1
        tags = OpenTags()
        assembly = Assembly(generation: generation)
        end = nil
        watch(socket)
        show(.connected)
    }

    private static func connected(
        _ configuration: BrokerConfiguration, _ queue: String, prefetch: UInt16
    ) async throws -> Handed {
        try await withCheckedThrowingContinuation { waiter in
            DispatchQueue(label: "zvonok.consumer.\(queue)").async {
                waiter.resume(
                    with: Result {
                        let connection = try Connection(configuration, purpose: "consumer of \(queue)")
                        amqp_basic_qos(connection.state, Connection.channel, 0, prefetch, 0)
                        try connection.checkReply("setting the prefetch count")
                        _ = queue.withAMQPBytes {
                            amqp_basic_consume(
                                connection.state, Connection.channel, $0, amqp_bytes_t(), 0, 0, 0, amqp_table_t())
                        }
                        try connection.checkReply("consuming from \(queue)")
                        return Handed(connection: connection)
                    })
            }
        }
    }

    private static func sayGoodbye(_ connection: Handed) async {
        await withCheckedContinuation { waiter in
            DispatchQueue(label: "zvonok.consumer.goodbye").async {
                connection.connection.close()
                waiter.resume()
            }
        }
    }

    private func watch(_ socket: WatchedSocket) {
        let (generation, deliveries) = (generation, deliveries)
        Task(executorPreference: SocketExecutor.shared) { [weak self] in
            do {
                while await self?.drain(generation) == true {
                    // A broker sends message by message. While the reader is busy they gather in the socket, and are read at once.
                    await deliveries.whenTaken()
                    try await socket.readable()
                }
            } catch {
                await self?.lose(generation, BrokerError(.connectionLost, "\(error)"))
            }
            socket.letGo()
        }
        reader = OnRelease { socket.wake() }

        let pause = Duration.milliseconds(configuration.heartbeatSeconds * 250)
        // Heartbeats are sent and checked by reading, and nobody reads while the reader is busy.
        let looking = Task { [weak self] in
            while (try? await Task.sleep(for: pause)) != nil { await self?.drain(generation) }
        }
        timer = OnRelease { looking.cancel() }
    }

    /// Reads until nothing is left, also out of librabbitmq's and OpenSSL's own buffers, which the socket knows
    /// nothing about.
    ///
    /// - Returns: whether more may come over the connection of this generation.
    @discardableResult
    private func drain(_ generation: Int) -> Bool {
        guard let connection, generation == self.generation else { return false }
        var batch: [Delivery] = []
        do {
            while let frame = try connection.nextFrame(within: .zero) {
                if case .delivered(let delivery) = try assembly.take(frame) {
                    if batch.isEmpty { batch.reserveCapacity(min(Int(prefetch), largestBatch)) }
                    batch.append(delivery)
                    if batch.count == largestBatch {
                        hand(batch)
                        batch = []
                    }
                }
                connection.releaseBuffers()
            }
            hand(batch)
        } catch {
            hand(batch)
            fail(error as? BrokerError ?? BrokerError(.connectionLost, "\(error)"))
            return false
        }
        return !isStopping
    }

    private func hand(_ batch: [Delivery]) {
        guard !batch.isEmpty, !isStopping else { return }
        delivered.increment(by: batch.count)
        deliveries.add(batch)
    }

    private func settled(_ status: Int32) {
        if status != AMQP_STATUS_OK.rawValue { fail(BrokerError(status: status, while: "acknowledging")) }
    }

    private func lose(_ generation: Int, _ error: BrokerError) {
        if generation == self.generation, connection != nil { fail(error) }
    }

    private func drop() {
        reader = nil
        timer = nil
        connection = nil
    }

    private func fail(_ error: BrokerError) {
        drop()
        end = error
        ending?.resume(returning: error)
        ending = nil
    }

    /// Returns when the connection has ended or the task is cancelled.
    private func ended() async -> BrokerError {
        await withTaskCancellationHandler {
            if let end { return end }
            if isStopping { return BrokerError(.closed, "stopping") }
            return await withCheckedContinuation { ending = $0 }
        } onCancel: {
            Task { await self.stop() }
        }
    }

    /// Takes nothing new; the connection stays for acknowledgements.
    private func stop() {
        guard !isStopping else { return }
        isStopping = true
        ending?.resume(returning: BrokerError(.closed, "stopping"))
        ending = nil
    }

    private func show(_ status: BrokerStatus) { shownStatus.withLock { $0 = status } }
}

/// Carries a connection from the queue that made it to its actor, and from the actor to the queue where it says goodbye.
///
/// Unchecked, because whoever hands it over does not touch it any more.
private struct Handed: @unchecked Sendable {
    let connection: Connection
}

/// A second descriptor of a socket, to wait on: librabbitmq closes its own when it likes, and nobody would hear of it.
private final class WatchedSocket: Sendable {
    /// Nil when it was let go.
    private let descriptor: Mutex<Int32?>

    init(_ socket: Int32) throws {
        let second = dup(socket)
        guard second >= 0 else { throw BrokerError(.unreachable, "no more files can be opened") }
        descriptor = Mutex(second)
    }

    /// Returns when there is something to read, or an end to be noticed.
    func readable() async throws {
        if let socket = descriptor.withLock({ $0 }) { try await SocketExecutor.shared.wait(for: socket) }
    }

    /// Ends the waiting, and with it the connection.
    func wake() { descriptor.withLock { socket in if let socket { shutdown(socket, Int32(SHUT_RDWR)) } } }

    /// By whoever waits, when he waits no more.
    func letGo() {
        descriptor.withLock { socket in
            if let open = socket { Glibc.close(open) }
            socket = nil
        }
    }
}

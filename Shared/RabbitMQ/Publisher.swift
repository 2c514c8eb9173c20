import CRabbitMQ
import Dispatch
import Executors
import Logging
import Metrics
import Synchronization

/// Publishes batches and answers when the broker has taken them over.
///
/// A connection and a thread-like queue of its own, so that a slow broker holds up nothing but publishing. Batches go
/// one after another, in the order of the calls. Connecting happens with the first batch and again after a loss.
public actor Publisher {
    private let executor: QueueExecutor
    private let configuration: BrokerConfiguration
    private let logger: Logger
    private let writer = MessageWriter()
    private let shownStatus = Mutex(BrokerStatus.idle)
    private let taken: Counter
    private let refused: Counter
    private let unconfirmed: Meter
    private let losses: Counter

    private var connection: Connection?
    private var connectedAt = ContinuousClock.now
    private var heartbeat: OnRelease?
    private var recovery: Recovery
    private var notBefore: ContinuousClock.Instant?
    /// Messages published on this channel so far: the broker counts them the same way.
    private var published: UInt64 = 0
    private var assembly = Assembly(generation: 0)
    private var isClosed = false

    private var isBusy = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// Connects nothing yet.
    public init(_ configuration: BrokerConfiguration, logger: Logger) {
        executor = QueueExecutor(label: "zvonok.publisher.\(configuration.name)")
        self.configuration = configuration
        self.logger = logger
        recovery = Recovery(configuration.recovery)
        let labels = [("connection", configuration.name)]
        taken = Counter(label: "zvonok_broker_published_total", dimensions: labels)
        refused = Counter(label: "zvonok_broker_not_published_total", dimensions: labels)
        unconfirmed = Meter(label: "zvonok_broker_unconfirmed", dimensions: labels)
        losses = Counter(
            label: "zvonok_broker_connections_lost_total", dimensions: [("connection", "\(configuration.name) publisher")])
    }

    /// How it stands with the broker; may be asked at any moment, also while a batch waits.
    public nonisolated var status: BrokerStatus { shownStatus.withLock { $0 } }

    /// Publishes the messages, mandatory each, and returns when the broker has taken over every one.
    ///
    /// While the broker blocks publishers this waits, without limit, and `status` says so; cancel the task to stop
    /// waiting. When the connection is down it waits out the back-off and makes one attempt.
    ///
    /// - Throws: `PublishFailure`, or `CancellationError` (then some of the batch may have been taken over).
    public func publish(_ messages: [BrokerMessage]) async throws {
        guard !messages.isEmpty else { return }
        for (index, message) in messages.enumerated() { try MessageWriter.check(message, index: index) }
        await takeTurn()
        defer { passTurn() }
        let connection = try await connected()
        do {
            try await send(messages, on: connection)
        } catch let failure as PublishFailure {
            throw failure
        } catch let error as BrokerError {
            drop(error)
            throw error.kind == .connectionLost || error.kind == .timedOut || error.kind == .closed
                ? PublishFailure.lost(error) : PublishFailure.refused(error)
        } catch {
            drop(BrokerError(.closed, "the task was cancelled"))
            throw error
        }
    }

    /// Says goodbye to the broker. A batch that still waits fails with `lost`.
    public func close() {
        isClosed = true
        if let connection, !isBusy { connection.close() }
        heartbeat = nil
        connection = nil
        show(.closed)
    }

    // MARK: - One batch

    private func send(_ messages: [BrokerMessage], on connection: Connection) async throws {
        var batch = Batch(messages: messages, confirms: Confirms(first: published + 1, count: messages.count))
        unconfirmed.increment(by: Double(messages.count))
        defer { unconfirmed.decrement(by: Double(messages.count)) }
        try await write(messages, &batch, connection)
        try await awaitConfirms(&batch, connection)
        taken.increment(by: messages.count - batch.lost)
        if batch.lost > 0 { refused.increment(by: batch.lost) }
        try batch.verdict()
    }

    private func write(_ messages: [BrokerMessage], _ batch: inout Batch, _ connection: Connection) async throws {
        var unchecked = 0
        try await makeRoom(&batch, connection)
        connection.hold(true)
        defer { connection.hold(false) }
        for message in messages {
            // Often enough that a blocked or slow broker is noticed before the socket's buffer is full.
            if unchecked > 60_000 {
                try await makeRoom(&batch, connection)
                unchecked = 0
            }
            try connection.check(writer.write(message, to: connection), "publishing")
            published += 1
            unchecked += message.body.count + 1000
        }
    }

    /// Reads what has come, then waits until the broker takes bytes.
    private func makeRoom(_ batch: inout Batch, _ connection: Connection) async throws {
        while try read(within: .zero, &batch, connection) {}
        var deadline = ContinuousClock.now + configuration.confirmTimeout
        while connection.blockedBecause != nil || !connection.isWritable(within: .zero) {
            if try !read(within: .milliseconds(50), &batch, connection) {
                try await pause(&deadline, batch, connection)
            }
        }
    }

    private func awaitConfirms(_ batch: inout Batch, _ connection: Connection) async throws {
        var deadline = ContinuousClock.now + configuration.confirmTimeout
        while !batch.confirms.isComplete {
            if try !read(within: .milliseconds(50), &batch, connection) {
                try await pause(&deadline, batch, connection)
            }
        }
    }

    /// Between two looks at the socket: lets `close` in, notices cancellation and the end of the allowed time.
    private func pause(_ deadline: inout ContinuousClock.Instant, _ batch: Batch, _ connection: Connection) async throws {
        await Task.yield()
        if isClosed { throw BrokerError(.closed, "the publisher was closed") }
        try Task.checkCancellation()
        if connection.blockedBecause != nil {
            deadline = ContinuousClock.now + configuration.confirmTimeout
        } else if ContinuousClock.now > deadline {
            drop(BrokerError(.timedOut, "no confirm in time"))
            throw PublishFailure.timedOut(unanswered: batch.confirms.missing)
        }
    }

    /// Handles one frame; false when none came in time.
    private func read(within limit: Duration, _ batch: inout Batch, _ connection: Connection) throws -> Bool {
        let frame = try connection.nextFrame(within: limit)
        showBlocked(connection)
        guard let frame else { return false }
        defer { connection.releaseBuffers() }
        if Int32(frame.frame_type) == AMQP_FRAME_METHOD, let decoded = frame.payload.method.decoded {
            switch frame.payload.method.id {
            case zvonok_basic_ack:
                let ack = decoded.assumingMemoryBound(to: amqp_basic_ack_t.self).pointee
                batch.confirms.answer(ack.delivery_tag, multiple: ack.multiple != 0, isTaken: true)
                return true
            case zvonok_basic_nack:
                let nack = decoded.assumingMemoryBound(to: amqp_basic_nack_t.self).pointee
                batch.confirms.answer(nack.delivery_tag, multiple: nack.multiple != 0, isTaken: false)
                return true
            default: break
            }
        }
        if case .returned(let message) = try assembly.take(frame) { batch.note(message) }
        return true
    }

    // MARK: - The connection

    private func connected() async throws -> Connection {
        if isClosed { throw PublishFailure.lost(BrokerError(.closed, "the publisher was closed")) }
        if let connection { return connection }
        if let notBefore, notBefore > .now { try await Task.sleep(until: notBefore, clock: .continuous) }
        if isClosed { throw PublishFailure.lost(BrokerError(.closed, "the publisher was closed")) }
        do {
            let connection = try Connection(configuration, purpose: "publisher")
            amqp_confirm_select(connection.state, Connection.channel)
            try connection.checkReply("asking for confirms")
            self.connection = connection
            connectedAt = .now
            published = 0
            assembly = Assembly(generation: 0)
            serveHeartbeats()
            show(.connected)
            return connection
        } catch let error as BrokerError {
            recover(from: error, after: .zero)
            throw PublishFailure.lost(error)
        }
    }

    /// librabbitmq sends and checks heartbeats only inside its own calls, so an idle publisher looks in regularly.
    private func serveHeartbeats() {
        let timer = DispatchSource.makeTimerSource(queue: executor.queue)
        timer.schedule(deadline: .now() + .milliseconds(250), repeating: .milliseconds(configuration.heartbeatSeconds * 250))
        timer.setEventHandler { [weak self] in self?.assumeIsolated { $0.lookIn() } }
        timer.resume()
        heartbeat = OnRelease { timer.cancel() }
    }

    private func lookIn() {
        guard !isBusy, let connection else { return }
        do {
            while let frame = try connection.nextFrame(within: .zero) {
                _ = try assembly.take(frame)
                connection.releaseBuffers()
            }
            showBlocked(connection)
        } catch {
            drop(error as? BrokerError ?? BrokerError(.connectionLost, "\(error)"))
        }
    }

    private func drop(_ error: BrokerError) {
        guard connection != nil else { return }
        heartbeat = nil
        connection = nil
        if isClosed { return }
        losses.increment()
        recover(from: error, after: ContinuousClock.now - connectedAt)
    }

    private func recover(from error: BrokerError, after lifetime: Duration) {
        notBefore = .now + recovery.failed(after: lifetime, jitter: .random(in: 0..<1))
        show(.recovering(failures: recovery.failures, error))
        logger.warning("The publisher has no connection to the broker.", metadata: error.metadata)
    }

    private func showBlocked(_ connection: Connection) {
        switch (connection.blockedBecause, status) {
        case (let reason?, .connected):
            show(.blocked(reason: reason))
            logger.warning("The broker takes no messages for now.", metadata: ["reason": "\(reason)"])
        case (nil, .blocked):
            show(.connected)
            logger.info("The broker takes messages again.")
        default: break
        }
    }

    private func show(_ status: BrokerStatus) { shownStatus.withLock { $0 = status } }

    // MARK: - Taking turns

    private func takeTurn() async {
        if !isBusy {
            isBusy = true
        } else {
            await withCheckedContinuation { waiting.append($0) }
        }
    }

    private func passTurn() {
        if waiting.isEmpty { isBusy = false } else { waiting.removeFirst().resume() }
    }
}

/// What is known of a batch on its way.
private struct Batch {
    let messages: [BrokerMessage]
    var confirms: Confirms
    private var returned: [ReturnedMessage] = []
    private var searchedTo = 0

    init(messages: [BrokerMessage], confirms: Confirms) {
        self.messages = messages
        self.confirms = confirms
    }

    /// Finds which message came back. They come back in the order they were published.
    mutating func note(_ back: ReturnedMessage) {
        var back = back
        let found = messages[searchedTo...].firstIndex { message in
            message.routingKey == back.routingKey && message.exchange == back.exchange
                && (message.messageID == back.messageID)
        }
        if let found {
            searchedTo = found + 1
            back.index = found
        }
        returned.append(back)
    }

    /// How many the broker did not take over.
    var lost: Int { confirms.nacked.count + returned.count }

    func verdict() throws {
        if !confirms.nacked.isEmpty { throw PublishFailure.nacked(confirms.nacked, returned: returned) }
        if !returned.isEmpty { throw PublishFailure.returned(returned) }
    }
}

extension BrokerError {
    var metadata: Logger.Metadata {
        ["error": "\(message)", "kind": "\(kind.rawValue)", "advice": "\(advice)"]
    }
}

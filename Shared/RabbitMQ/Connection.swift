import CRabbitMQ
import Glibc

/// One connection with one channel. Not thread-safe: it lives inside one actor on a queue of its own.
///
/// Nothing here waits longer than the configuration says: the handshake and questions have timeouts of librabbitmq,
/// sending has the socket's (`TCP_USER_TIMEOUT`), reading names its own.
final class Connection {
    static let channel: amqp_channel_t = 1

    let state: amqp_connection_state_t
    let fileDescriptor: Int32
    let isEncrypted: Bool
    /// Why the broker takes no messages for now, when it does not.
    private(set) var blockedBecause: String?

    /// Connects, signs in and opens the channel. Blocks, for at most a few times `connectTimeout`.
    ///
    /// - Throws: `BrokerError`.
    init(_ configuration: BrokerConfiguration, purpose: String) throws {
        guard let state = amqp_new_connection() else { throw BrokerError(.unreachable, "out of memory") }
        var isReady = false
        defer { if !isReady { amqp_destroy_connection(state) } }

        var limit = timeval(configuration.connectTimeout)
        amqp_set_handshake_timeout(state, &limit)
        amqp_set_rpc_timeout(state, &limit)

        let place = "connecting to \(configuration.host):\(configuration.port)"
        let socket = try Self.socket(configuration, state)
        let opened = amqp_socket_open_noblock(socket, configuration.host, Int32(configuration.port), &limit)
        guard opened == AMQP_STATUS_OK.rawValue else {
            let error = BrokerError(status: opened, while: place)
            throw error.kind == .untrusted ? error : BrokerError(.unreachable, error.message)
        }
        fileDescriptor = amqp_get_sockfd(state)
        Self.limitWaiting(fileDescriptor, configuration.sendTimeout)

        let login = zvonok_login(
            state, configuration.virtualHost, 131_072, Int32(configuration.heartbeatSeconds),
            "\(configuration.name) \(purpose)", configuration.user, configuration.password)
        if let error = BrokerError(login, while: place) {
            // A broker that refuses the user may close the socket without a word.
            throw error.kind == .connectionLost ? BrokerError(.refused, error.message) : error
        }
        self.state = state
        isEncrypted = configuration.isEncrypted
        isReady = true
        amqp_channel_open(state, Self.channel)
        try checkReply("opening a channel")
    }

    deinit { amqp_destroy_connection(state) }

    private static func socket(
        _ configuration: BrokerConfiguration, _ state: amqp_connection_state_t
    ) throws -> OpaquePointer {
        guard configuration.isEncrypted else {
            guard let socket = amqp_tcp_socket_new(state) else { throw BrokerError(.unreachable, "out of memory") }
            return socket
        }
        guard let socket = amqp_ssl_socket_new(state) else { throw BrokerError(.untrusted, "TLS is not available") }
        let authority = configuration.trustedAuthority ?? "/etc/ssl/certs/ca-certificates.crt"
        guard amqp_ssl_socket_set_cacert(socket, authority) == AMQP_STATUS_OK.rawValue else {
            throw BrokerError(.untrusted, "the trusted authority's file \(authority) cannot be read")
        }
        amqp_ssl_socket_set_verify_peer(socket, 1)
        amqp_ssl_socket_set_verify_hostname(socket, 1)
        amqp_ssl_socket_set_ssl_versions(socket, AMQP_TLSv1_2, AMQP_TLSvLATEST)
        return socket
    }

    /// librabbitmq waits for ever for a socket that takes no bytes, so the socket itself has to give up.
    private static func limitWaiting(_ descriptor: Int32, _ limit: Duration) {
        var milliseconds = Int32(clamping: limit.components.seconds * 1000)
        setsockopt(
            descriptor, Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, &milliseconds, socklen_t(MemoryLayout<Int32>.size))
        var wait = timeval(limit)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &wait, socklen_t(MemoryLayout<timeval>.size))
    }

    /// While held, small pieces of many messages leave as few large ones; what is left leaves when it ends.
    func hold(_ isHeld: Bool) {
        var value: Int32 = isHeld ? 1 : 0
        setsockopt(fileDescriptor, Int32(IPPROTO_TCP), TCP_CORK, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    /// After a call of librabbitmq that keeps its answer: throws when that was an error.
    func checkReply(_ doing: String) throws {
        if let error = BrokerError(amqp_get_rpc_reply(state), while: doing) { throw error }
    }

    /// After a call that answers with a status.
    func check(_ status: Int32, _ doing: String) throws {
        if status != AMQP_STATUS_OK.rawValue { throw BrokerError(status: status, while: doing) }
    }

    /// The next frame that concerns the channel's user; nil when none came within `limit`.
    ///
    /// Heartbeats are sent and checked in here and only in here, so it must be called more often than they are due.
    /// The frame's memory lives until `releaseBuffers`.
    func nextFrame(within limit: Duration) throws -> amqp_frame_t? {
        while true {
            var frame = amqp_frame_t()
            var wait = timeval(limit)
            let status = amqp_simple_wait_frame_noblock(state, &frame, &wait)
            if status == AMQP_STATUS_TIMEOUT.rawValue { return nil }
            try check(status, "reading")
            guard Int32(frame.frame_type) == AMQP_FRAME_METHOD else { return frame }
            let method = frame.payload.method
            switch method.id {
            case zvonok_connection_blocked:
                blockedBecause =
                    method.decoded.map { String($0.assumingMemoryBound(to: amqp_connection_blocked_t.self).pointee.reason) }
                    ?? "no reason given"
            case zvonok_connection_unblocked:
                blockedBecause = nil
            case zvonok_connection_close, zvonok_channel_close:
                throw closing(method)
            case zvonok_basic_cancel:
                throw BrokerError(.channelClosed, "the broker cancelled the consumer")
            default:
                return frame
            }
        }
    }

    private func closing(_ method: amqp_method_t) -> BrokerError {
        let reply = amqp_rpc_reply_t(reply_type: AMQP_RESPONSE_SERVER_EXCEPTION, reply: method, library_error: 0)
        let error = BrokerError(reply, while: "reading") ?? BrokerError(.channelClosed, "closed by the broker")
        if method.id == zvonok_connection_close {
            var ok = amqp_connection_close_ok_t()
            amqp_send_method(state, 0, zvonok_connection_close_ok, &ok)
        }
        return error
    }

    /// Gives the memory of frames already read back to librabbitmq's pools; without it they grow for ever.
    func releaseBuffers() { amqp_maybe_release_buffers(state) }

    /// Whether the socket takes bytes now.
    ///
    /// TCP says so when a third of its buffer is free, which is room for any ordinary message.
    func isWritable(within limit: Duration) -> Bool {
        var ready = pollfd(fd: fileDescriptor, events: Int16(POLLOUT), revents: 0)
        return poll(&ready, 1, Int32(limit / .milliseconds(1))) == 1
    }

    /// Says goodbye; the broker then sees an orderly end. Waits at most the time of one question.
    func close() { _ = amqp_connection_close(state, AMQP_REPLY_SUCCESS) }
}

extension timeval {
    init(_ duration: Duration) {
        let parts = duration.components
        self.init(tv_sec: Int(parts.seconds), tv_usec: Int(parts.attoseconds / 1_000_000_000_000))
    }
}

extension String {
    /// Copies the text out of librabbitmq's memory.
    init(_ bytes: amqp_bytes_t) {
        self.init(decoding: UnsafeRawBufferPointer(start: bytes.bytes, count: bytes.len), as: UTF8.self)
    }
}

extension String {
    /// The text as librabbitmq takes it, for the length of one call.
    func withAMQPBytes<T>(_ body: (amqp_bytes_t) throws -> T) rethrows -> T {
        var copy = self
        return try copy.withUTF8 { text in
            // librabbitmq reads these bytes and never writes them; its type has no const.
            try body(amqp_bytes_t(len: text.count, bytes: UnsafeMutableRawPointer(mutating: text.baseAddress)))
        }
    }
}

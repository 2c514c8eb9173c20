import CRabbitMQ

/// Something between this process and the broker went wrong.
public struct BrokerError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What went wrong, as far as it changes what to do about it.
    public enum Kind: String, Sendable {
        /// The address or a message cannot be right.
        case misconfigured
        /// Nobody answers there.
        case unreachable
        /// The certificate or its host name was not accepted.
        case untrusted
        /// User, password, or rights.
        case refused
        /// A queue or exchange that does not exist.
        case notFound
        /// A queue or exchange that exists with other arguments.
        case differs
        /// The connection ended.
        case connectionLost
        /// The broker closed the channel or cancelled the consumer.
        case channelClosed
        /// No answer in time.
        case timedOut
        /// This end was closed.
        case closed
    }

    public let kind: Kind
    public let message: String

    public init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    /// Whether the same thing may succeed later without anybody changing a setting.
    public var isRetryable: Bool {
        switch kind {
        case .unreachable, .connectionLost, .channelClosed, .timedOut: true
        case .misconfigured, .untrusted, .refused, .notFound, .differs, .closed: false
        }
    }

    /// What the operator should do.
    public var advice: String {
        switch kind {
        case .misconfigured: "Correct the broker's address in the configuration."
        case .unreachable: "Check that RabbitMQ runs and that host and port are right; the service keeps trying."
        case .untrusted: "Check the trusted authority's file and that the certificate names the host of the address."
        case .refused: "Check user and password, then the user's rights with `deploy/topology check`."
        case .notFound, .differs: "Run `deploy/topology apply`: the broker's objects are not those of the code."
        case .connectionLost, .channelClosed, .timedOut: "Nothing, if it passes by itself; otherwise see the broker's log."
        case .closed: "Nothing: the service is stopping."
        }
    }

    public var description: String { "\(message) (\(kind.rawValue))" }
}

extension BrokerError {
    /// From a status of librabbitmq, negative when something failed.
    init(status: Int32, while doing: String) {
        let text = "\(doing): \(String(cString: amqp_error_string2(status)))"
        switch status {
        case AMQP_STATUS_SSL_HOSTNAME_VERIFY_FAILED.rawValue, AMQP_STATUS_SSL_PEER_VERIFY_FAILED.rawValue,
            AMQP_STATUS_SSL_CONNECTION_FAILED.rawValue:
            self.init(.untrusted, text)
        case AMQP_STATUS_HOSTNAME_RESOLUTION_FAILED.rawValue: self.init(.unreachable, text)
        case AMQP_STATUS_TIMEOUT.rawValue: self.init(.timedOut, text)
        default: self.init(.connectionLost, text)
        }
    }

    /// From the reason the broker gives when it closes a connection or a channel.
    init(replyCode: UInt16, _ text: String) {
        switch replyCode {
        case 403: self.init(.refused, text)
        case 404: self.init(.notFound, text)
        case 405, 406: self.init(.differs, text)
        case 530: self.init(.refused, text)
        case 320: self.init(.connectionLost, text)
        default: self.init(.channelClosed, text)
        }
    }

    /// From the answer to a question; nil when it was a good one.
    init?(_ reply: amqp_rpc_reply_t, while doing: String) {
        switch reply.reply_type {
        case AMQP_RESPONSE_NORMAL: return nil
        case AMQP_RESPONSE_LIBRARY_EXCEPTION: self.init(status: reply.library_error, while: doing)
        case AMQP_RESPONSE_SERVER_EXCEPTION:
            guard let decoded = reply.reply.decoded else {
                self.init(.connectionLost, doing)
                return
            }
            if reply.reply.id == zvonok_connection_close {
                let close = decoded.assumingMemoryBound(to: amqp_connection_close_t.self).pointee
                self.init(replyCode: close.reply_code, String(close.reply_text))
            } else {
                let close = decoded.assumingMemoryBound(to: amqp_channel_close_t.self).pointee
                self.init(replyCode: close.reply_code, String(close.reply_text))
            }
        default: self.init(.connectionLost, "\(doing): the broker closed the connection")
        }
    }
}

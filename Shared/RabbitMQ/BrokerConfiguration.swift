import Foundation

/// Where the broker is, who speaks to it, and how long anything may take.
public struct BrokerConfiguration: Sendable {
    public var host: String
    public var port: Int
    public var user: String
    public var password: String
    public var virtualHost: String
    /// TLS with verification of the certificate and of the host name; never one without the other.
    public var isEncrypted: Bool
    /// A PEM file with the authorities to trust; nil trusts the system's.
    public var trustedAuthority: String?
    /// Shown in the broker's list of connections.
    public var name: String
    /// A dead peer is noticed within two of these.
    public var heartbeatSeconds: Int
    /// For each of: reaching the host, the handshake, one question to the broker.
    public var connectTimeout: Duration = .seconds(5)
    /// How long sent bytes may stay without acknowledgement before the socket gives up.
    public var sendTimeout: Duration = .seconds(20)
    /// How long a published batch may stay without its confirms, time spent blocked by the broker not counted.
    public var confirmTimeout: Duration = .seconds(20)
    /// How reconnecting is paced.
    public var recovery = RecoveryPolicy()

    /// Reads `amqp://user:password@host:port/vhost` or `amqps://…`.
    ///
    /// - Parameters:
    ///   - url: without a path, or with the path `/`, the virtual host is `/`.
    ///   - heartbeatSeconds: at least 1.
    ///   - name: which service, for people who look at the broker.
    ///   - trustedAuthority: path of a PEM file, for `amqps` only.
    /// - Throws: `BrokerError` of kind `misconfigured`; the message never contains the password.
    public init(
        url: String, heartbeatSeconds: Int = 10, name: String, trustedAuthority: String? = nil
    ) throws {
        guard let parts = URLComponents(string: url), let scheme = parts.scheme, scheme == "amqp" || scheme == "amqps",
            let host = parts.host, !host.isEmpty
        else {
            throw BrokerError(.misconfigured, "the broker's address is not amqp://user:password@host:port/vhost")
        }
        isEncrypted = scheme == "amqps"
        self.host = host
        port = parts.port ?? (isEncrypted ? 5671 : 5672)
        user = parts.user ?? "guest"
        password = parts.password ?? "guest"
        let path = parts.percentEncodedPath.dropFirst().removingPercentEncoding ?? ""
        virtualHost = path.isEmpty ? "/" : path
        self.name = name
        self.heartbeatSeconds = max(1, heartbeatSeconds)
        self.trustedAuthority = trustedAuthority
    }
}

/// One key of a service's configuration: how it is called, what it means, what it is when nobody says.
///
/// The keys a service lists (`SchoolService.settings`) and the common ones (`Setting.common`) are all there
/// are: anything else in the configuration file is refused with the nearest known key, because a misspelt
/// key that is silently ignored is found on the worst day.
public struct Setting: Sendable, Equatable {
    /// What the text of a value must be.
    public enum Kind: String, Sendable {
        case text
        /// A whole number.
        case number
        /// `true` or `false`.
        case flag
    }

    /// The key as in the file, with dots between levels: `rabbitmq.url`.
    public let key: String
    /// One line for the person who configures it, with the unit where there is one.
    public let help: String
    public let kind: Kind
    /// The value when neither file nor environment gives one; `nil` = none.
    public let standard: String?
    /// Whether a start without a value is refused.
    public let isRequired: Bool
    /// Whether the value is never printed.
    public let isSecret: Bool

    /// - Parameters:
    ///   - key: with dots between levels, words in camelCase: `till.waitMilliseconds`.
    ///   - help: one line for the person who configures it.
    ///   - kind: what the text of a value must be; checked at start.
    ///   - default: the value when neither file nor environment gives one.
    ///   - isRequired: whether a start without a value is refused.
    ///   - isSecret: whether the value is never printed.
    public init(
        _ key: String, _ help: String, _ kind: Kind = .text, default: String? = nil, isRequired: Bool = false,
        isSecret: Bool = false
    ) {
        self.key = key
        self.help = help
        self.kind = kind
        self.standard = `default`
        self.isRequired = isRequired
        self.isSecret = isSecret
    }

    /// The name of the environment variable that overrides the key: `http.publicAddress` → `HTTP_PUBLIC_ADDRESS`.
    public var variable: String {
        var name = ""
        var previousIsLower = false
        for character in key {
            if character == "." || character == "-" {
                name.append("_")
                previousIsLower = false
            } else {
                if character.isUppercase && previousIsLower { name.append("_") }
                name += character.uppercased()
                previousIsLower = character.isLowercase || character.isNumber
            }
        }
        return name
    }

    /// Why a value cannot be used; `nil` when it can.
    func refusal(of value: String) -> String? {
        switch kind {
        case .text: nil
        case .number: Int(value) == nil ? "must be a whole number, not «\(isSecret ? "…" : value)»" : nil
        case .flag: ["true", "false"].contains(value.lowercased()) ? nil : "must be true or false, not «\(value)»"
        }
    }
}

extension Setting {
    /// What every service understands.
    public static let common: [Setting] = [
        Setting(
            "postgres.url", "connection string of libpq for the service's own role, key=value or postgresql://",
            isRequired: true, isSecret: true),
        Setting("postgres.poolSize", "connections kept to Postgres for pages and work by the clock; what is heard has up to four beside them, the relay one", .number, default: "6"),
        Setting("postgres.acquireSeconds", "how long a request waits for a free connection", .number, default: "5"),
        Setting("postgres.statementSeconds", "a statement that takes longer is cancelled", .number, default: "30"),
        Setting(
            "rabbitmq.url", "amqp:// or amqps:// address of the broker with the service's own user", isRequired: true,
            isSecret: true),
        Setting("rabbitmq.authority", "file with the certificate authority that signed the broker's certificate"),
        Setting(
            "rabbitmq.management", "http(s):// address of the management interface with user and password, for `check`",
            isSecret: true),
        Setting("http.host", "address to listen on", default: "127.0.0.1"),
        Setting("http.port", "port to listen on; 0 = any free one", .number, default: "8080"),
        Setting(
            "http.publicAddress", "the address people type, as in links and origin checks: https://cabinet.example",
            default: "https://localhost"),
        Setting("health.host", "address of health, readiness and metrics, never the public one", default: "127.0.0.1"),
        Setting("health.port", "port of health, readiness and metrics; 0 = any free one", .number, default: "9080"),
        Setting("log.level", "trace, debug, info, notice, warning, error or critical", default: "info"),
        Setting("log.format", "json, readable, or auto: readable on a terminal", default: "auto"),
        Setting("log.spans", "whether a line is written for each finished span", .flag, default: "true"),
        Setting("messaging.prefix", "put before the names of exchanges and queues; empty outside tests", default: ""),
        Setting(
            "messaging.outboxAgeSeconds", "an unsent message older than this makes the service not ready", .number,
            default: "60"),
        Setting("school.timeZone", "time zone of a school that has not told its own", default: "Europe/Moscow"),
        Setting("shutdown.seconds", "how long work in hand may take after a request to stop", .number, default: "20"),
    ]
}

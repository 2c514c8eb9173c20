import Configuration
import Mail
import Service

/// Where letters go out, from the configuration.
struct MailSettings: Sendable {
    let relay: MailRelay
    let from: MailAddress

    static let settings: [Setting] = [
        Setting("mail.url", "smtp://host:port or smtps://host:port of the mail server; empty sends no letters", default: ""),
        Setting("mail.user", "name at the mail server; empty for none", default: ""),
        Setting("mail.password", "password at the mail server", default: "", isSecret: true),
        Setting("mail.from", "the sender of every letter: an address, or a name and an address in angle brackets", default: "zvonok@localhost"),
        Setting("mail.requireTLS", "whether a mail server without TLS is refused", .flag, default: "true"),
        Setting("mail.authority", "file with the certificate authority of the mail server", default: ""),
        Setting("mail.connections", "connections to the mail server that are kept at once", .number, default: "4"),
    ]

    /// Nil when no mail server is configured.
    init?(_ configuration: ConfigReader) {
        func text(_ key: ConfigKey, isSecret: Bool = false) -> String? {
            configuration.string(forKey: key, isSecret: isSecret).flatMap { $0.isEmpty ? nil : $0 }
        }
        guard let url = text("mail.url") else { return nil }
        relay = MailRelay(
            url: url, user: text("mail.user"), password: text("mail.password", isSecret: true),
            requiresTLS: configuration.bool(forKey: "mail.requireTLS", default: true), authorityFile: text("mail.authority"),
            connections: min(64, configuration.int(forKey: "mail.connections", default: 4)))
        from = MailAddress(written: text("mail.from") ?? "zvonok@localhost", name: "Звонок")
    }
}

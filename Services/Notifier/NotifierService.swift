import ArgumentParser
import Configuration
import Foundation
import Messaging
import Postgres
import Service
import ServiceLifecycle
import Web

/// What happened to the children, told to those who may know: the family's home page and the evening letter.
@main struct NotifierService: SchoolService {
    static let name = "notifier"
    static let bundle = Bundle.module

    static func main() async { await run() }

    static let settings: [Setting] = [
        Setting("mail.url", "smtp://host:port or smtps://host:port of the mail server; empty sends no letters", default: ""),
        Setting("mail.user", "name at the mail server; empty for none", default: ""),
        Setting("mail.password", "password at the mail server", default: "", isSecret: true),
        Setting("mail.from", "the sender's address of every letter", default: "zvonok@localhost"),
        Setting("mail.requireTLS", "whether a mail server without TLS is refused", .flag, default: "true"),
        Setting("mail.authority", "file with the certificate authority of the mail server", default: ""),
    ]

    static func hearings(_ parts: Parts) -> [Hearing] { NotifierHearings.all }

    static func routes(_ parts: Parts) -> RouteBook { NotifierRoutes(parts: parts).book }

    static func work(_ parts: Parts) -> [any ServiceLifecycle.Service] {
        [FeedListener(database: parts.database, feed: .ofProcess)] + (DigestWorker(parts).map { [$0] } ?? [])
    }

    static let commands: [any AsyncParsableCommand.Type] = [SendDigestsCommand.self]
}

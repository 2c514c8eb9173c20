import ArgumentParser
import Foundation
import Logging
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

    static let settings: [Setting] = MailSettings.settings

    static func hearings(_ parts: Parts) -> [Hearing] { NotifierHearings.all }

    static func routes(_ parts: Parts) -> RouteBook { NotifierRoutes(parts: parts).book }

    static func work(_ parts: Parts) -> [any ServiceLifecycle.Service] {
        var work: [any ServiceLifecycle.Service] = [
            FeedListener(database: parts.database, feed: .ofProcess), SweepLetters(database: parts.database, logger: parts.logger),
        ]
        if let digests = DigestWorker(parts), let access = AccessLetterWorker(parts) {
            work += [digests, access]
        } else {
            parts.logger.notice("no mail server is configured (mail.url): no letters are sent")
        }
        return work
    }

    static let commands: [any AsyncParsableCommand.Type] = [SendDigestsCommand.self]
}

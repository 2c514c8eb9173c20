import ArgumentParser
import Configuration
import Foundation
import Kernel
import Logging
import Mail
import Messaging
import Postgres
import Service
import ServiceLifecycle

/// Sends the letters that are due; several copies share the work.
struct DigestWorker: ServiceLifecycle.Service {
    let database: Database
    let outbox: Outbox
    let digests: Digests
    let mailer: Mailer
    let from: String
    let publicAddress: String
    let logger: Logger
    var pause = Duration.seconds(20)

    init(database: Database, outbox: Outbox, digests: Digests, mailer: Mailer, from: String, publicAddress: String, logger: Logger) {
        self.database = database
        self.outbox = outbox
        self.digests = digests
        self.mailer = mailer
        self.from = from
        self.publicAddress = publicAddress
        self.logger = logger
    }

    /// Nil when no mail server is configured.
    init?(_ parts: Parts) {
        func text(_ key: ConfigKey, isSecret: Bool = false) -> String? {
            parts.configuration.string(forKey: key, isSecret: isSecret).flatMap { $0.isEmpty ? nil : $0 }
        }
        guard let url = text("mail.url") else {
            parts.logger.notice("no mail server is configured (mail.url): no letters are sent")
            return nil
        }
        let relay = MailRelay(
            url: url, user: text("mail.user"), password: text("mail.password", isSecret: true),
            requiresTLS: parts.configuration.bool(forKey: "mail.requireTLS", default: true), authorityFile: text("mail.authority"))
        self.init(
            database: parts.database, outbox: parts.outbox, digests: Digests(pages: parts.pages, publicAddress: parts.publicAddress),
            mailer: Mailer(relay, logger: parts.logger), from: text("mail.from") ?? "zvonok@localhost",
            publicAddress: parts.publicAddress, logger: parts.logger)
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    _ = try await sendDue(at: { Date() })
                } catch is CancellationError {
                    return
                } catch {
                    logger.warning("letters were not sent now", metadata: ["error": "\(error)"])
                }
                try? await Task.sleep(for: pause)
            }
        }
    }

    /// Freezes what is due and sends what waits.
    ///
    /// - Returns: how many letters the server took.
    func sendDue(at clock: @Sendable () -> Date) async throws -> Int {
        while true {
            let now = clock()
            let looked = try await database.transaction { [digests] in try digests.freezeDue(at: now, in: $0) }
            if looked < 50 { break }
        }
        var count = 0
        while true {
            let now = clock()
            let claimed = try await database.transaction { [digests] in try digests.claim(at: now, in: $0) }
            for digest in claimed where try await send(digest, at: clock()) { count += 1 }
            if claimed.isEmpty { return count }
        }
    }

    /// Sends one claimed letter and writes down how it ended.
    func send(_ digest: Digest, at now: Date) async throws -> Bool {
        let failure: MailFailure?
        do {
            try await mailer.send(letter(digest, at: now))
            failure = nil
        } catch let error as MailFailure {
            failure = error
        }
        try await database.transaction { [digests, outbox] tx in
            switch failure {
            case nil: try digests.sent(digest, at: now, outbox, in: tx)
            case .refused: try digests.refused(digest, "\(failure?.description ?? "")", in: tx)
            case .later, .unreachable, .unknown: try digests.later(digest, "\(failure?.description ?? "")", at: now, in: tx)
            }
        }
        if let failure { logger.warning("a letter was not sent", metadata: ["digest": "\(digest.id.text)", "reason": "\(failure)"]) }
        return failure == nil
    }

    /// The same letter each time, under the same Message-ID: mail programs show a repeat once.
    func letter(_ digest: Digest, at now: Date) -> Letter {
        let domain = from.split(separator: "@").last.map(String.init) ?? "localhost"
        return Letter(
            from: MailAddress(from, name: "Звонок"), to: MailAddress(digest.email), subject: digest.subject, text: digest.text,
            html: digest.html, messageID: "digest.\(digest.day.iso).\(digest.rhythm.rawValue).\(digest.personID.text)@\(domain)", date: now,
            fields: [
                // RFC 8058: one address over TLS, acted upon by a POST without any other context.
                ("List-Unsubscribe", "<\(publicAddress)/notifier/unsubscribe/\(digest.token.text)>"),
                ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"), ("List-Id", "<digest.\(domain)>"),
                ("Auto-Submitted", "auto-generated"), ("Precedence", "bulk"),
            ])
    }
}

/// `notifier send-digests`: sends what is due now, or at another moment, and ends.
struct SendDigestsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "send-digests", abstract: "Send the letters that are due now and end.",
        discussion: "Sends none twice: a guardian's letter of a day is one, however often this runs.")

    @OptionGroup var options: ServiceOptions
    @Option(help: "Another moment than now, in ISO 8601: 2026-11-20T16:00:00.000Z.") var now: String?

    func run() async throws {
        let moment = now.flatMap { Date(iso8601: $0) }
        if now != nil, moment == nil { throw ValidationError("--now is no moment in ISO 8601") }
        let count = try await withParts(of: NotifierService.self, options) { parts in
            guard let worker = DigestWorker(parts) else { throw ValidationError("mail.url is not configured") }
            return try await worker.sendDue { moment ?? Date() }
        }
        print("\(count) letters sent")
    }
}

import Foundation
import Kernel
import Logging
import Mail
import Postgres
import Service
import Web

/// Sends letters about access at once, over a connection of their own: nobody who waits for one stands behind the evening's letters.
struct AccessLetterWorker: RepeatedWork {
    static let name = "letters about access"
    /// Fired when commands have come in this process; other copies look every few seconds.
    static let asked = CommitSignal()

    let database: Database
    let pages: Pages
    let mailer: Mailer
    let from: MailAddress
    let logger: Logger
    let id = UUID()

    init(database: Database, pages: Pages, mailer: Mailer, from: MailAddress, logger: Logger) {
        self.database = database
        self.pages = pages
        self.mailer = mailer
        self.from = from
        self.logger = logger
    }

    init?(_ parts: Parts) {
        guard let settings = MailSettings(parts.configuration) else { return nil }
        self.init(
            database: parts.database, pages: parts.pages, mailer: Mailer(settings.relay.with(connections: 1), logger: parts.logger),
            from: settings.from, logger: parts.logger)
    }

    var pause: Duration { .seconds(5) }

    func round() async throws -> Int {
        var count = 0
        while true {
            let sent = try await sendWaiting(at: { Date() })
            count += sent
            if sent == 0 { return count }
        }
    }

    func rest(_ pause: Duration) async { await Self.asked.wait(upTo: pause) }

    /// - Returns: how many letters the server took.
    func sendWaiting(at clock: @escaping @Sendable () -> Date) async throws -> Int {
        let (now, id) = (clock(), id)
        let letters = try await database.transaction { try AccessLetters.claim(at: now, by: id, in: $0) }
        guard !letters.isEmpty else { return 0 }
        let round = LetterRound<AccessLetter>(
            width: 1, margin: 120, clock: clock, logger: logger,
            send: { await send($0, at: clock()) },
            renew: { ids in
                let now = clock()
                let ours = try await database.transaction { try AccessLetters.renew(ids, at: now, by: id, in: $0) }
                return (now.addingTimeInterval(AccessLetters.claim), ours)
            },
            settle: { ended in
                let now = clock()
                try await database.transaction { try AccessLetters.settle(ended, at: now, in: $0) }
            },
            release: { ids in try await database.transaction { try AccessLetters.release(ids, by: id, in: $0) } })
        return await round.run(letters, claimedUntil: now.addingTimeInterval(AccessLetters.claim))
    }

    private func send(_ letter: AccessLetter, at now: Date) async -> LetterOutcome {
        do {
            try await mailer.send(self.letter(letter, at: now))
            return .sent
        } catch {
            logger.warning("a letter about access was not sent", metadata: ["letter": "\(letter.id.text)", "reason": "\(error)"])
            return LetterOutcome(error as? MailFailure ?? .unreachable("\(error)"))
        }
    }

    func letter(_ letter: AccessLetter, at now: Date) -> Letter {
        let content = AccessLetterContent(letter, Words(catalogue: pages.catalogue, language: letter.language, zone: .moscow))
        return Letter(
            from: from, to: MailAddress(letter.email), subject: content.subject,
            text: pages.render(content, template: "access/text", language: letter.language) ?? "",
            html: pages.render(content, template: "access/html", language: letter.language) ?? "",
            messageID: "access.\(letter.id.text)@\(from.domain)", date: now,
            fields: [("Auto-Submitted", "auto-generated"), ("X-Auto-Response-Suppress", "All")])
    }
}

import ArgumentParser
import Foundation
import Kernel
import Logging
import Mail
import Messaging
import Postgres
import Service
import Synchronization

/// Builds and sends the letters that are due; several copies share the work.
///
/// It works in a few lanes: while one waits for the mail server, another builds. Each builds a set of letters in one
/// transaction that claims them, and sends them from memory over the kept connections.
struct DigestWorker: RepeatedWork {
    static let name = "letters"
    let database: Database
    let outbox: Outbox
    let digests: Digests
    let mailer: Mailer
    let from: MailAddress
    let publicAddress: String
    let logger: Logger
    /// Letters under way at once in each lane.
    var width = 4
    var lanes = 3
    /// Letters of one building.
    var portion = 100
    var pause = Duration.seconds(20)
    /// Whose claims are whose.
    let id = UUID()

    init(
        database: Database, outbox: Outbox, digests: Digests, mailer: Mailer, from: MailAddress, publicAddress: String, logger: Logger,
        width: Int = 4
    ) {
        self.database = database
        self.outbox = outbox
        self.digests = digests
        self.mailer = mailer
        self.from = from
        self.publicAddress = publicAddress
        self.logger = logger
        self.width = width
    }

    /// Nil when no mail server is configured.
    init?(_ parts: Parts) {
        guard let settings = MailSettings(parts.configuration) else { return nil }
        self.init(
            database: parts.database, outbox: parts.outbox, digests: Digests(pages: parts.pages, publicAddress: parts.publicAddress),
            mailer: Mailer(settings.relay, logger: parts.logger), from: settings.from, publicAddress: parts.publicAddress,
            logger: parts.logger, width: settings.relay.connections)
    }

    func round() async throws -> Int { try await sendDue { Date() } }

    /// Builds what is due and sends what waits.
    ///
    /// - Returns: how many letters the server took.
    func sendDue(at clock: @escaping @Sendable () -> Date) async throws -> Int {
        var count = 0
        while true {
            let place = BuildingPlace()
            count += try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<lanes { group.addTask { try await lane(place, clock) } }
                return try await group.reduce(0, +)
            }
            // Again from the start until nobody is left: a lane may have passed somebody by.
            if place.looked == 0 { return count }
        }
    }

    private func lane(_ place: BuildingPlace, _ clock: @escaping @Sendable () -> Date) async throws -> Int {
        var count = 0
        while !place.isDone {
            try Task.checkCancellation()
            let (now, after, id, portion) = (clock(), place.last, id, portion)
            let built = try await database.transaction { [digests] tx in
                try digests.build(at: now, after: after, limit: portion, by: id, in: tx)
            }
            place.pass(built, of: portion)
            count += await round(clock).run(built.letters, claimedUntil: now.addingTimeInterval(digests.claim))
        }
        while true {
            try Task.checkCancellation()
            let (now, id, portion) = (clock(), id, portion)
            let claimed = try await database.transaction { [digests] in try digests.claim(at: now, by: id, limit: portion, in: $0) }
            guard !claimed.isEmpty else { return count }
            count += await round(clock).run(claimed, claimedUntil: now.addingTimeInterval(digests.claim))
        }
    }

    /// How claimed letters are sent.
    func round(_ clock: @escaping @Sendable () -> Date) -> LetterRound<Digest> {
        let (database, digests, outbox, id) = (database, digests, outbox, id)
        return LetterRound(
            width: width, margin: 120, clock: clock, logger: logger,
            send: { await send($0, at: clock()) },
            renew: { ids in
                let now = clock()
                let ours = try await database.transaction { try digests.renew(ids, at: now, by: id, in: $0) }
                return (now.addingTimeInterval(digests.claim), ours)
            },
            settle: { ended in
                let now = clock()
                try await database.transaction { try digests.settle(ended, at: now, outbox, in: $0) }
            },
            release: { ids in try await database.transaction { try digests.release(ids, by: id, in: $0) } })
    }

    private func send(_ digest: Digest, at now: Date) async -> LetterOutcome {
        do {
            try await mailer.send(letter(digest, at: now))
            return .sent
        } catch {
            logger.warning("a letter was not sent", metadata: ["digest": "\(digest.id.text)", "reason": "\(error)"])
            return LetterOutcome(error as? MailFailure ?? .unreachable("\(error)"))
        }
    }

    /// The same letter each time, under the same Message-ID: mail programs show a repeat once.
    func letter(_ digest: Digest, at now: Date) -> Letter {
        Letter(
            from: from, to: MailAddress(digest.email), subject: digest.subject, text: digest.text, html: digest.html,
            messageID: "digest.\(digest.day.iso).\(digest.rhythm.rawValue).\(digest.personID.text)@\(from.domain)", date: now,
            fields: [
                // RFC 8058: one address over TLS, acted upon by a POST without any other context.
                ("List-Unsubscribe", "<\(publicAddress)/notifier/unsubscribe/\(digest.token.text)>"),
                ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"), ("List-Id", "<digest.\(from.domain)>"),
                ("Auto-Submitted", "auto-generated"), ("Precedence", "bulk"),
            ])
    }
}

/// How far the lanes of one round have come.
private final class BuildingPlace: Sendable {
    private struct State {
        var last: UUID?
        var looked = 0
        var isDone = false
    }

    private let state = Mutex(State())

    var last: UUID? { state.withLock(\.last) }
    var looked: Int { state.withLock(\.looked) }
    var isDone: Bool { state.withLock(\.isDone) }

    func pass(_ built: Digests.Built, of limit: Int) {
        state.withLock { state in
            if let last = built.last, last.uuidString > (state.last?.uuidString ?? "") { state.last = last }
            state.looked += built.looked
            if built.looked < limit { state.isDone = true }
        }
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

import Foundation
import Logging
import Mail

/// How one letter ended.
enum LetterOutcome: Sendable, Equatable {
    case sent
    /// The server will never take it.
    case refused(String)
    /// Not known to have arrived: later again, under the same Message-ID.
    case later(String)

    init(_ failure: MailFailure?) {
        switch failure {
        case nil: self = .sent
        case .refused: self = .refused("\(failure?.description ?? "")")
        case .later, .unreachable, .unknown: self = .later("\(failure?.description ?? "")")
        }
    }
}

/// Sends claimed letters, several at once, and writes down how each ended.
///
/// A claim keeps other copies from a letter for its term. A slow mail server must not outlast it: before a letter
/// is begun there is always more than `margin` left, which is longer than a letter may take; the claim of all that wait is
/// renewed in time, and what another copy has taken meanwhile is left to it.
struct LetterRound<Item: Sendable & Identifiable>: Sendable where Item.ID: Sendable {
    /// How many letters may be under way at once.
    let width: Int
    /// Longer than the mail server is waited for, and the commit that follows.
    let margin: TimeInterval
    let clock: @Sendable () -> Date
    let logger: Logger
    let send: @Sendable (Item) async -> LetterOutcome
    /// Prolongs the claim of letters that wait; gives its new end and which of them are still ours.
    let renew: @Sendable ([Item.ID]) async throws -> (until: Date, ours: Set<Item.ID>)
    /// Writes outcomes down, a set in one transaction.
    let settle: @Sendable ([(item: Item, outcome: LetterOutcome)]) async throws -> Void
    /// Gives letters back that will not be sent in this round.
    let release: @Sendable ([Item.ID]) async throws -> Void

    /// - Returns: how many letters the server took.
    func run(_ items: [Item], claimedUntil: Date) async -> Int {
        let settler = Settler(settle: settle, logger: logger)
        var waiting = items[...]
        var until = claimedUntil
        var sent = 0
        await withTaskGroup(of: Bool.self) { group in
            var running = 0
            while !waiting.isEmpty, !Task.isCancelled {
                if running == width {
                    if await group.next() == true { sent += 1 }
                    running -= 1
                    continue
                }
                if until.timeIntervalSince(clock()) < margin {
                    guard let renewed = try? await renew(waiting.map(\.id)) else { break }
                    until = renewed.until
                    waiting = waiting.filter { renewed.ours.contains($0.id) }[...]
                    continue
                }
                let item = waiting.removeFirst()
                group.addTask {
                    let outcome = await send(item)
                    await settler.add(item, outcome)
                    return outcome == .sent
                }
                running += 1
            }
            for await wasSent in group where wasSent { sent += 1 }
        }
        await settler.finish()
        let left = waiting.map(\.id)
        // Outside of a task that is being cancelled: what was taken back is taken back, or the claim runs out.
        if !left.isEmpty { await Task { try? await release(left) }.value }
        return sent
    }
}

/// Writes down how letters ended as fast as the database takes it: what ends during one commit goes into the next. So few
/// letters are ever sent and not written down, and yet there is no commit for each.
///
/// It works in a task of its own: the end of the process's work must not undo what the mail server has taken.
private actor Settler<Item: Sendable> {
    private let settle: @Sendable ([(item: Item, outcome: LetterOutcome)]) async throws -> Void
    private let logger: Logger
    private var ended: [(item: Item, outcome: LetterOutcome)] = []
    private var task: Task<Void, Never>?

    init(settle: @escaping @Sendable ([(item: Item, outcome: LetterOutcome)]) async throws -> Void, logger: Logger) {
        self.settle = settle
        self.logger = logger
    }

    func add(_ item: Item, _ outcome: LetterOutcome) {
        ended.append((item, outcome))
        if task == nil { task = Task { await drain() } }
    }

    /// Returns when everything is written down, or could not be for a minute: then the claims run out, and the letters are
    /// repeated under their Message-ID.
    func finish() async {
        while let task { await task.value }
    }

    private func drain() async {
        while !ended.isEmpty {
            let some = ended
            ended = []
            for attempt in 1...30 {
                do {
                    try await settle(some)
                    break
                } catch {
                    logger.warning(
                        "letters were sent and are not written down yet", metadata: ["letters": "\(some.count)", "error": "\(error)"])
                    if attempt < 30 { try? await Task.sleep(for: .seconds(2)) }
                }
            }
        }
        task = nil
    }
}

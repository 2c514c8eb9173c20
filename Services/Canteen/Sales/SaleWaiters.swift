import Foundation
import Kernel
import Logging
import Messaging
import Postgres
import Service
import ServiceLifecycle
import Synchronization

/// The tills of this copy that wait for a sale to end.
final class SaleWaiters: Sendable {
    private struct State {
        var waiting: [UUID: [CommitSignal]] = [:]
        /// What a transaction is about to end.
        var ending: Set<UUID> = []
    }

    /// How many identifiers the server's notification takes (8,000 bytes).
    private static let mostNamed = 200

    private let state = Mutex(State())

    /// Called before the sale is asked for, so that an end that comes at once is not missed.
    func expect(_ sale: UUID) -> CommitSignal {
        let signal = CommitSignal()
        state.withLock { $0.waiting[sale, default: []].append(signal) }
        return signal
    }

    /// The till waits no longer.
    func forget(_ sale: UUID, _ signal: CommitSignal) {
        state.withLock { state in
            state.waiting[sale]?.removeAll { $0 === signal }
            if state.waiting[sale]?.isEmpty == true { state.waiting[sale] = nil }
        }
    }

    /// Noted before the commit, said after it; a till that is woken by what was rolled back waits on.
    func note(_ sales: [UUID]) {
        state.withLock { $0.ending.formUnion(sales) }
    }

    /// Wakes the tills of what was noted since the last call; gives what other copies are to be told, in as many words as
    /// notifications are needed.
    func sayEnded() -> [String] {
        let ended = state.withLock { state in
            defer { state.ending = [] }
            return Array(state.ending)
        }
        wake(ended)
        return stride(from: 0, to: ended.count, by: Self.mostNamed).map {
            ended[$0..<min($0 + Self.mostNamed, ended.count)].map(\.text).joined(separator: " ")
        }
    }

    /// What another copy said: the sales that ended; an empty word means that some may have.
    func hear(_ word: String) {
        wake(word.isEmpty ? state.withLock { Array($0.waiting.keys) } : word.split(separator: " ").compactMap { UUID(uuidString: String($0)) })
    }

    private func wake(_ sales: [UUID]) {
        let signals = state.withLock { state in sales.flatMap { state.waiting[$0] ?? [] } }
        for signal in signals { signal.fire() }
    }
}

/// Carries the word of other copies to the tills that wait here.
struct WakingTills: ServiceLifecycle.Service {
    let stream: AsyncStream<String>
    let waiters: SaleWaiters

    func run() async throws {
        await cancelWhenGracefulShutdown {
            for await word in stream { waiters.hear(word) }
        }
    }
}

/// A sale whose till no longer waits, because its copy died, is given up like any other that was not answered in time.
struct GivingUpForgotten: RepeatedWork {
    static let name = "forgotten sales"
    let database: Database
    let outbox: Outbox
    let logger: Logger

    var pause: Duration { .seconds(1) }

    func round() async throws -> Int { try await giveUp() }

    /// Gives up what has been pending for three seconds; gives how many.
    @discardableResult
    func giveUp() async throws -> Int {
        let outbox = outbox
        let forgotten = try await database.rows(
            """
            select sale.id from sale join attempt on attempt.sale_id = sale.id
            where sale.state = 'pending' and attempt.state = 'asked' and asked_at < now() - interval '3 seconds' limit 200
            """, as: UUID.self)
        for sale in forgotten {
            _ = try await database.transaction { try GiveUpSale(saleID: sale).run(in: $0, outbox: outbox) }
        }
        return forgotten.count
    }
}

/// Sells and waits for the end, as long as a queue of hungry children can.
struct SellAndWait {
    let database: Database
    let outbox: Outbox
    /// The most a till waits.
    var patience: Duration = .seconds(1)

    /// Gives the sale as it ended; still pending when Ledger did not answer in time, and then it has been given up: no money will
    /// have moved when all is said.
    func run(_ sell: SellGoods, now: Date) async throws -> Sale {
        let outbox = outbox
        let waiters = CanteenService.salesEnded
        let ended = waiters.expect(sell.saleID)
        defer { waiters.forget(sell.saleID, ended) }
        var sale = try await database.transaction { try sell.run(now: now, in: $0, outbox: outbox) }
        let end = ContinuousClock.now + patience
        while sale.state == .pending, ContinuousClock.now < end {
            // What was missed in between is read then.
            await ended.wait(upTo: .milliseconds(250))
            if let found = try await Sale.sale(sale.id, database) { sale = found }
        }
        guard sale.state == .pending else { return sale }
        let id = sale.id
        return try await database.transaction { try GiveUpSale(saleID: id).run(in: $0, outbox: outbox) } ?? sale
    }
}

import Foundation
import Logging
import Messaging
import Postgres
import ServiceLifecycle
import Synchronization

/// The tills of this copy that wait for a sale to end.
final class SaleWaiters: Sendable {
    private let waiting = Mutex<[UUID: CheckedContinuation<Void, Never>]>([:])

    /// Everyone who waits looks again.
    func look() {
        let all = waiting.withLock { waiting in
            defer { waiting = [:] }
            return Array(waiting.values)
        }
        for one in all { one.resume() }
    }

    /// Returns when something ended, or after a quarter of a second: what was missed in between is read then.
    func wait() async {
        let id = UUID()
        let timer = Task { [weak self] in
            try? await Task.sleep(for: .milliseconds(250))
            self?.release(id)
        }
        defer { timer.cancel() }
        await withCheckedContinuation { continuation in waiting.withLock { $0[id] = continuation } }
    }

    private func release(_ id: UUID) {
        waiting.withLock { $0.removeValue(forKey: id) }?.resume()
    }
}

/// Carries the word of other copies to the tills that wait here.
struct WakingTills: ServiceLifecycle.Service {
    let stream: AsyncStream<String>
    let waiters: SaleWaiters

    func run() async throws {
        await cancelWhenGracefulShutdown {
            for await _ in stream { waiters.look() }
        }
    }
}

/// A sale whose till no longer waits, because its copy died, is given up like any other that was not answered in time.
struct GivingUpForgotten: ServiceLifecycle.Service {
    let database: Database
    let outbox: Outbox
    let logger: Logger

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do { try await giveUp() } catch is CancellationError { return } catch {
                    logger.warning("forgotten sales could not be given up", metadata: ["error": "\(error)"])
                }
                try await Task.sleep(for: .seconds(1))
            }
        }
    }

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
    /// The most a till waits.
    static let patience: Duration = .seconds(1)

    let database: Database
    let outbox: Outbox

    /// Gives the sale as it ended; still pending when Ledger did not answer in time, and then it has been given up: no money will
    /// have moved when all is said.
    func run(_ sell: SellGoods, now: Date) async throws -> Sale {
        let outbox = outbox
        var sale = try await database.transaction { try sell.run(now: now, in: $0, outbox: outbox) }
        let end = ContinuousClock.now + Self.patience
        while sale.state == .pending, ContinuousClock.now < end {
            await CanteenService.salesEnded.wait()
            let id = sale.id
            if let found = try await database.read({ try Sale.sale(id, in: $0) }) { sale = found }
        }
        guard sale.state == .pending else { return sale }
        let id = sale.id
        return try await database.transaction { try GiveUpSale(saleID: id).run(in: $0, outbox: outbox) } ?? sale
    }
}

import Logging
import Messaging
import Postgres
import ServiceLifecycle

/// Carries the noted looks into the outbox: once a minute, and once more when the process leaves.
struct LookCarrier: ServiceLifecycle.Service {
    private let looks: LookBook
    private let database: Database
    private let outbox: Outbox
    private let logger: Logger
    private let pause: Duration

    init(_ looks: LookBook, database: Database, outbox: Outbox, logger: Logger, pause: Duration = .seconds(60)) {
        self.looks = looks
        self.database = database
        self.outbox = outbox
        self.logger = logger
        self.pause = pause
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do { try await Task.sleep(for: pause) } catch { return }
                await carry()
            }
        }
        // The pages have stopped before us: nothing is noted after this.
        await carry()
    }

    private func carry() async {
        do {
            try await looks.carry(into: outbox, database)
        } catch is CancellationError {
            // What was taken is back in the book; the last round below takes it.
        } catch {
            logger.warning("\(looks.count) looks wait for the next minute", metadata: ["error": "\(error)"])
        }
    }
}

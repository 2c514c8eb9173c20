import Logging
import Messaging
import Postgres
import ServiceLifecycle

/// Carries the noted looks into the outbox: new ones within a second, repeated ones once a minute, and everything once more when
/// the process leaves.
struct LookCarrier: ServiceLifecycle.Service {
    private let looks: LookBook
    private let database: Database
    private let outbox: Outbox
    private let logger: Logger
    private let pause: Duration
    private let glance: Duration

    init(
        _ looks: LookBook, database: Database, outbox: Outbox, logger: Logger, pause: Duration = .seconds(60),
        glance: Duration = .milliseconds(500)
    ) {
        self.looks = looks
        self.database = database
        self.outbox = outbox
        self.logger = logger
        self.pause = pause
        self.glance = glance
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var last = ContinuousClock.now
            while !Task.isCancelled {
                do { try await Task.sleep(for: min(glance, pause)) } catch { return }
                guard looks.hasNews || last.duration(to: .now) >= pause else { continue }
                await carry()
                last = .now
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

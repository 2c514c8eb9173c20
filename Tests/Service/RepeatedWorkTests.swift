import CoreMetrics
import Foundation
import Logging
import ServiceLifecycle
import Support
import Synchronization
import Testing

@testable import Service

@Suite("Repeated work") struct RepeatedWorkTests {
    @Test("a failed round is tried again soon, then later and later, and never later than the next round would have come")
    func pauses() {
        let hourly = (0...10).map { RepeatedWorkRules.pause(.seconds(3600), afterFailures: $0).components.seconds }
        #expect(hourly == [3600, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60])
        for failures in 0...100 {
            for pause in [Duration.milliseconds(5), .seconds(1), .seconds(10), .seconds(900)] {
                let next = RepeatedWorkRules.pause(pause, afterFailures: failures)
                #expect(next <= pause && next <= max(.seconds(60), failures == 0 ? pause : .zero) && next > .zero)
            }
        }
    }

    /// Fails twice, changes three things, and then nothing.
    private struct Bells: RepeatedWork {
        static let name = "bells"
        final class Rounds: Sendable {
            let count = Mutex(0)
        }

        let rounds = Rounds()
        let logger = Logger(label: "test")
        var pause: Duration { .milliseconds(1) }

        struct NoClapper: Error {}

        func round() async throws -> Int {
            let number = rounds.count.withLock { count in
                count += 1
                return count
            }
            if number <= 2 { throw NoClapper() }
            return number == 3 ? 3 : 0
        }
    }

    @Test("a failure stops nothing, what was done is counted, and a request to stop ends it") func goesOn() async throws {
        let metrics = NotedMetrics()
        try await withMetricsFactory(metrics) {
            let work = Bells()
            let group = ServiceGroup(
                configuration: .init(services: [work], gracefulShutdownSignals: [], logger: Logger(label: "test")))
            let running = Task { try await group.run() }
            try await eventually { work.rounds.count.withLock { $0 } >= 5 }
            await group.triggerGracefulShutdown()
            try await running.value
        }
        #expect(metrics.sum("zvonok_round_failures_total{work=bells}") == 2)
        #expect(metrics.sum("zvonok_round_changes_total{work=bells}") == 3)
        #expect(metrics.last("zvonok_round_ended_timestamp_seconds{work=bells}") != nil)
    }
}

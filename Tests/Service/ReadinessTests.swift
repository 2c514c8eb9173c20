import Foundation
import Hummingbird
import HummingbirdTesting
import Testing

@testable import Service

@Suite("Health and readiness") struct ReadinessTests {
    private func answer(_ checks: [ReadinessCheck], _ path: String) async throws -> (HTTPResponse.Status, String) {
        let app = Application(router: HealthServer(checks: checks, metrics: MetricsRegistry()).router())
        return try await app.test(.router) { client in
            try await client.execute(uri: path, method: .get) { ($0.status, String(buffer: $0.body)) }
        }
    }

    @Test("each need is named with what is wrong; one that is missing makes 503") func needsAreNamed() async throws {
        let checks = [
            ReadinessCheck("database") { "answers" },
            ReadinessCheck("broker") { throw NotReady("not connected; is RabbitMQ running?") },
        ]
        let (status, body) = try await answer(checks, "/ready")
        #expect(status == .serviceUnavailable)
        let readiness = try JSONDecoder().decode(Readiness.self, from: Data(body.utf8))
        #expect(!readiness.ready)
        #expect(readiness.checks.map(\.name) == ["database", "broker"])
        #expect(readiness.checks.map(\.ok) == [true, false])
        #expect(readiness.checks.last?.detail == "not connected; is RabbitMQ running?")
    }

    @Test("health is the process alone, whatever it needs") func healthIsTheProcess() async throws {
        let (status, _) = try await answer([ReadinessCheck("database") { throw NotReady("gone") }], "/health")
        #expect(status == .ok)
    }

    @Test("with everything there it is ready") func ready() async throws {
        #expect(try await answer([ReadinessCheck("database") { "answers" }], "/ready").0 == .ok)
    }

    @Test("a check that hangs has failed, and does not hold the answer up") func hangingCheck() async throws {
        let never = ReadinessCheck("outbox") {
            try await Task.sleep(for: .seconds(600))
            return ""
        }
        let begin = ContinuousClock.now
        let readiness = await Readiness.examine([never], limit: .milliseconds(50))
        #expect(!readiness.ready)
        // Half of what the check would take: on a crowded machine tasks wait for their turn.
        #expect(ContinuousClock.now - begin < .seconds(300))
    }

    @Test("metrics are served as Prometheus asks for them") func metrics() async throws {
        let app = Application(router: HealthServer(checks: [], metrics: MetricsTests.filled()).router())
        try await app.test(.router) { client in
            try await client.execute(uri: "/metrics", method: .get) { response in
                #expect(response.headers[.contentType] == "text/plain; version=0.0.4; charset=utf-8")
                #expect(String(buffer: response.body).contains("relay_published_total"))
            }
        }
    }
}

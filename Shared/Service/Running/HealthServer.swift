import Foundation
import Hummingbird
import Logging

/// Health, readiness and metrics on a port of their own, which the proxy never shows.
///
/// - `/health`: the process answers at all; a supervisor restarts it when it does not.
/// - `/ready`: everything it needs is there; each need by name, 503 when one is missing.
/// - `/metrics`: Prometheus text format 0.0.4.
struct HealthServer {
    let checks: [ReadinessCheck]
    let metrics: MetricsRegistry

    func router() -> Router<BasicRequestContext> {
        let router = Router(context: BasicRequestContext.self)
        router.get("health") { _, _ in "alive\n" }
        router.get("ready") { _, _ -> Response in
            let readiness = await Readiness.examine(checks)
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return Self.response(
                readiness.ready ? .ok : .serviceUnavailable, type: "application/json", try encoder.encode(readiness))
        }
        router.get("metrics") { _, _ in
            Self.response(
                .ok, type: "text/plain; version=0.0.4; charset=utf-8",
                Data((metrics.text() + ProcessMetrics.text()).utf8))
        }
        return router
    }

    private static func response(_ status: HTTPResponse.Status, type: String, _ body: Data) -> Response {
        Response(
            status: status, headers: [.contentType: type, .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    }
}

import CoreMetrics
import Foundation
import Logging
import Support
import Synchronization
import Testing
import Tracing

@testable import Service

/// Lines that were written, kept for a look.
final class WrittenLines: Sendable {
    private let storage = Mutex<[String]>([])
    var all: [String] { storage.withLock { $0 } }
    func add(_ line: String) { storage.withLock { $0.append(line) } }
    func logger(_ format: LineLogHandler.Format, level: Logger.Level = .trace) -> Logger {
        Logger(label: "relay") { label in
            LineLogHandler(label: label, service: "ledger", level: level, format: format) { self.add($0) }
        }
    }
}

private struct Headers: Extractor, Injector {
    func extract(key: String, from carrier: [String: String]) -> String? { carrier[key] }
    func inject(_ value: String, forKey key: String, into carrier: inout [String: String]) { carrier[key] = value }
}

@Suite("Logs") struct LogTests {
    @Test("an entry is one line of JSON, whatever it holds") func oneLineOfJSON() throws {
        let lines = WrittenLines()
        lines.logger(.json).error(
            "said \"no\"\nand left\u{1}",
            metadata: [
                "count": .stringConvertible(3), "names": ["a", "б"], "more": ["k": "v\\"], "level": "kept beside",
            ])
        let line = try #require(lines.all.first)
        #expect(lines.all.count == 1)
        #expect(line.hasSuffix("}\n"))
        #expect(line.dropLast().allSatisfy { !$0.isNewline })
        let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        #expect(object["message"] as? String == "said \"no\"\nand left\u{1}")
        #expect(object["level"] as? String == "error")
        #expect(object["level_"] as? String == "kept beside")
        #expect(object["service"] as? String == "ledger")
        #expect(object["part"] as? String == "relay")
        #expect(object["count"] as? Int == 3)
        #expect(object["names"] as? [String] == ["a", "б"])
        #expect((object["more"] as? [String: String]) == ["k": "v\\"])
        let time = try #require(object["time"] as? String)
        #expect(time.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil, "\(time)")
    }

    @Test("the readable form cannot be tricked into a second line") func readableIsOneLine() {
        let lines = WrittenLines()
        lines.logger(.readable).warning("a\nb", metadata: ["x": "1\r\n2"])
        #expect(lines.all.first?.dropLast().contains { $0.isNewline } == false)
        #expect(lines.all.first?.contains("WARNING  ledger/relay: a\\nb") == true)
    }

    @Test("below the level nothing is written") func levelIsKept() {
        let lines = WrittenLines()
        lines.logger(.json, level: .warning).info("quiet")
        #expect(lines.all.isEmpty)
    }
}

@Suite("Traces") struct TraceTests {
    @Test("a traceparent is read as W3C Trace Context says", arguments: [
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", true),
        ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-the-future-adds", true),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", false),
        ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false),
        ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", false),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false),
        ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false),
        ("00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01", false), ("", false), ("---", false),
    ])
    func reading(header: String, isOne: Bool) { #expect((TraceParent(header) != nil) == isOne) }

    @Test("a span continues the caller's trace, and what it says onwards names itself as the parent")
    func spanContinues() throws {
        let lines = WrittenLines()
        let tracer = LineTracer(logger: lines.logger(.json), writesSpans: true)
        var context = ServiceContext.topLevel
        tracer.extract(
            ["traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "tracestate": "other=1"],
            into: &context, using: Headers())
        var onwards: [String: String] = [:]
        tracer.withSpan("charge", context: context) { span in
            span.attributes["amount"] = 4500
            lines.logger(.json).info("inside")
            tracer.inject(ServiceContext.current ?? .topLevel, into: &onwards, using: Headers())
        }
        let said = try #require(onwards["traceparent"].flatMap(TraceParent.init))
        #expect(said.traceID == "4bf92f3577b34da6a3ce929d0e0e4736")
        #expect(said.spanID != "00f067aa0ba902b7")
        #expect(onwards["tracestate"] == "other=1")
        let written = try lines.all.map { try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]) }
        #expect(written.count == 2)
        for line in written {
            #expect(line["trace"] as? String == said.traceID)
            #expect(line["span"] as? String == said.spanID)
        }
        #expect(written.last?["message"] as? String == "charge")
        #expect(written.last?["parent"] as? String == "00f067aa0ba902b7")
        #expect(written.last?["amount"] as? String == "4500")
        #expect(written.last?["microseconds"] is Int)
    }

    @Test("without a caller a new trace begins, and an error is part of its line") func newTrace() throws {
        let lines = WrittenLines()
        let tracer = LineTracer(logger: lines.logger(.json), writesSpans: true)
        #expect(throws: NotReady.self) {
            try tracer.withSpan("sale", context: .topLevel) { _ in throw NotReady("no broker") }
        }
        #expect(lines.all.first?.contains("\"failure\":\"no broker\"") == true)
        #expect(lines.all.first?.contains("\"parent\"") == false)
    }

    @Test("a broken traceparent starts a new trace instead of spoiling this one") func brokenHeader() {
        let tracer = LineTracer(logger: Logger(label: "x"), writesSpans: false)
        var context = ServiceContext.topLevel
        tracer.extract(["traceparent": "00-xyz"], into: &context, using: Headers())
        #expect(context.traceParent == nil)
    }
}

@Suite("Metrics") struct MetricsTests {
    static func filled() -> MetricsRegistry {
        let registry = MetricsRegistry()
        registry.makeCounter(label: "relay.published", dimensions: [("queue", "a\"b\\c\nd")]).increment(by: 3)
        registry.makeCounter(label: "relay.published", dimensions: [("queue", "a\"b\\c\nd")]).increment(by: 4)
        registry.makeFloatingPointCounter(label: "work_total", dimensions: []).increment(by: 1.5)
        registry.makeMeter(label: "pool.idle", dimensions: []).set(2.5)
        registry.makeRecorder(label: "outbox.age", dimensions: [], aggregate: false).record(Int64(7))
        registry.makeRecorder(label: "batch.size", dimensions: [("queue", "x")], aggregate: true).record(Int64(120))
        let timer = registry.makeTimer(label: "http.server.request.duration", dimensions: [("http.route", "/x")])
        timer.recordNanoseconds(3_000_000)
        timer.recordNanoseconds(30_000_000_000)
        return registry
    }

    @Test("an independent reader of Prometheus' format reads what was counted") func independentReader() async throws {
        let script = """
            import sys, json
            from prometheus_client.parser import text_string_to_metric_families as read
            print(json.dumps({f.name: {"type": f.type, "samples": [[s.name, s.labels, s.value] for s in f.samples]} for f in read(sys.stdin.read())}))
            """
        let text = FileManager.default.temporaryDirectory.appending(path: "metrics-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: text) }
        try Data((Self.filled().text() + ProcessMetrics.text()).utf8).write(to: text)
        let answer = Data(try await ChildProcess.run(TestServers.python, ["-c", script], input: .file(text.path)).utf8)

        struct Family: Decodable { let type: String }
        let families = try JSONDecoder().decode([String: Family].self, from: answer)
        #expect(families["relay_published"]?.type == "counter")
        #expect(families["work"]?.type == "counter")
        #expect(families["pool_idle"]?.type == "gauge")
        #expect(families["outbox_age"]?.type == "gauge")
        #expect(families["batch_size"]?.type == "histogram")
        #expect(families["http_server_request_duration_seconds"]?.type == "histogram")
        #expect(families["process_resident_memory_bytes"]?.type == "gauge")
        let values = try #require(try JSONSerialization.jsonObject(with: answer) as? [String: [String: Any]])
        func value(_ family: String, _ name: String, _ labels: [String: String]) -> Double? {
            let samples = values[family]?["samples"] as? [[Any]] ?? []
            return samples.first { $0[0] as? String == name && $0[1] as? [String: String] == labels }?[2] as? Double
        }
        #expect(value("relay_published", "relay_published_total", ["queue": "a\"b\\c\nd"]) == 7)
        #expect(value("work", "work_total", [:]) == 1.5)
        let duration = "http_server_request_duration_seconds"
        #expect(value(duration, "\(duration)_bucket", ["http_route": "/x", "le": "0.0025"]) == 0)
        #expect(value(duration, "\(duration)_bucket", ["http_route": "/x", "le": "0.005"]) == 1)
        #expect(value(duration, "\(duration)_bucket", ["http_route": "/x", "le": "+Inf"]) == 2)
        #expect(value(duration, "\(duration)_count", ["http_route": "/x"]) == 2)
        #expect(value(duration, "\(duration)_sum", ["http_route": "/x"]) == 30.003)
    }

    @Test("two metrics of one name and two kinds do not mix") func kindsDoNotMix() {
        let registry = MetricsRegistry()
        registry.makeMeter(label: "x", dimensions: []).set(Int64(1))
        registry.makeRecorder(label: "x", dimensions: [], aggregate: true).record(Int64(1))
        #expect(registry.text().contains("# TYPE x gauge"))
        #expect(registry.text().contains("# TYPE x_histogram histogram"))
    }

    @Test("a label becomes a name Prometheus accepts", arguments: [
        ("http.server.active", "http_server_active"), ("5xx", "_5xx"), ("день", "____"), ("", "_"),
    ])
    func names(label: String, name: String) { #expect(MetricsRegistry.name(label) == name) }
}

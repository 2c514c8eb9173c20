import CoreMetrics
import Foundation
import Synchronization

/// Keeps every metric of the process and writes them in Prometheus' text format 0.0.4.
///
/// A label of swift-metrics becomes a name Prometheus accepts: `http.server.request.duration` as a timer is
/// `http_server_request_duration_seconds`, a counter ends in `_total`.
public final class MetricsRegistry: MetricsFactory {
    /// Upper bounds of a timer's buckets, in seconds.
    static let durations: [Double] = [
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
    ]
    /// Upper bounds of a recorder's buckets, in whatever it records.
    static let amounts: [Double] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000]

    private struct Family {
        let kind: String
        let label: String
        /// By the rendered label set, `{route="/x"}`.
        var series: [String: any Series] = [:]
    }

    private let families = Mutex<[String: Family]>([:])

    public init() {}

    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        series(name: Self.name(label, ending: "_total"), kind: "counter", label, dimensions) { AmountSeries() }
    }

    public func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        series(name: Self.name(label, ending: "_total"), kind: "counter", label, dimensions) { AmountSeries() }
    }

    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        series(name: Self.name(label), kind: "gauge", label, dimensions) { AmountSeries() }
    }

    public func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        if aggregate {
            return series(name: Self.name(label), kind: "histogram", label, dimensions) {
                HistogramSeries(bounds: Self.amounts)
            }
        }
        return series(name: Self.name(label), kind: "gauge", label, dimensions) { AmountSeries() }
    }

    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        series(name: Self.name(label, ending: "_seconds"), kind: "histogram", label, dimensions) {
            HistogramSeries(bounds: Self.durations)
        }
    }

    // A series stays once it was there: a counter that vanishes and comes back reads as a restart.
    public func destroyCounter(_ handler: any CounterHandler) {}
    public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}
    public func destroyMeter(_ handler: any MeterHandler) {}
    public func destroyRecorder(_ handler: any RecorderHandler) {}
    public func destroyTimer(_ handler: any TimerHandler) {}

    /// All metrics as Prometheus reads them (`text/plain; version=0.0.4`), in order of name.
    public func text() -> String {
        let copy = families.withLock { $0 }
        var text = ""
        for (name, family) in copy.sorted(by: { $0.key < $1.key }) {
            text += "# HELP \(name) \(Self.escapeHelp(family.label))\n# TYPE \(name) \(family.kind)\n"
            for (labels, series) in family.series.sorted(by: { $0.key < $1.key }) {
                series.write(name: name, labels: labels, into: &text)
            }
        }
        return text
    }

    private func series<S: Series>(
        name: String, kind: String, _ label: String, _ dimensions: [(String, String)], _ make: () -> S
    ) -> S {
        let labels = Self.labels(dimensions)
        return families.withLock { families in
            var chosen = name
            // Two metrics of one name and different kinds must not share a family.
            while let there = families[chosen], there.kind != kind { chosen += "_\(kind)" }
            if let there = families[chosen]?.series[labels] as? S { return there }
            let made = make()
            families[chosen, default: Family(kind: kind, label: label)].series[labels] = made
            return made
        }
    }

    /// A name of letters, digits and underscores that does not begin with a digit.
    static func name(_ label: String, ending: String = "") -> String {
        var name = String(
            label.unicodeScalars.map { scalar in
                scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)) ? Character(scalar) : "_"
            })
        if name.first?.isNumber ?? true { name = "_" + name }
        return name.hasSuffix(ending) ? name : name + ending
    }

    /// `{route="/x",method="GET"}`, or nothing.
    private static func labels(_ dimensions: [(String, String)]) -> String {
        if dimensions.isEmpty { return "" }
        let pairs = dimensions.map { key, value in
            let escaped = value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
            return "\(name(key))=\"\(escaped)\""
        }
        return "{" + pairs.joined(separator: ",") + "}"
    }

    private static func escapeHelp(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
    }
}

/// The values of one name and label set.
private protocol Series: Sendable {
    func write(name: String, labels: String, into text: inout String)
}

/// A counter or a gauge.
private final class AmountSeries: Series, CounterHandler, FloatingPointCounterHandler, MeterHandler, RecorderHandler {
    private let amount = Mutex<Double>(0)

    func increment(by amount: Int64) { self.amount.withLock { $0 += Double(amount) } }
    func increment(by amount: Double) { self.amount.withLock { $0 += amount } }
    func decrement(by amount: Double) { self.amount.withLock { $0 -= amount } }
    func set(_ value: Int64) { amount.withLock { $0 = Double(value) } }
    func set(_ value: Double) { amount.withLock { $0 = value } }
    func record(_ value: Int64) { set(value) }
    func record(_ value: Double) { set(value) }
    func reset() { set(0.0) }

    func write(name: String, labels: String, into text: inout String) {
        text += "\(name)\(labels) \(number(amount.withLock { $0 }))\n"
    }
}

/// How many values fell below each bound.
private final class HistogramSeries: Series, RecorderHandler, TimerHandler {
    private struct Counts {
        var buckets: [UInt64]
        var sum = 0.0
        var count: UInt64 = 0
    }

    private let bounds: [Double]
    private let counts: Mutex<Counts>

    init(bounds: [Double]) {
        self.bounds = bounds
        self.counts = Mutex(Counts(buckets: Array(repeating: 0, count: bounds.count)))
    }

    func record(_ value: Int64) { record(Double(value)) }

    func record(_ value: Double) {
        let bucket = bounds.firstIndex { value <= $0 }
        counts.withLock { counts in
            if let bucket { counts.buckets[bucket] += 1 }
            counts.sum += value
            counts.count += 1
        }
    }

    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1_000_000_000) }

    func write(name: String, labels: String, into text: inout String) {
        let counts = self.counts.withLock { $0 }
        let opening = labels.isEmpty ? "{" : String(labels.dropLast()) + ","
        var below: UInt64 = 0
        for (bound, bucket) in zip(bounds, counts.buckets) {
            below += bucket
            text += "\(name)_bucket\(opening)le=\"\(number(bound))\"} \(below)\n"
        }
        text += "\(name)_bucket\(opening)le=\"+Inf\"} \(counts.count)\n"
        text += "\(name)_sum\(labels) \(number(counts.sum))\n\(name)_count\(labels) \(counts.count)\n"
    }
}

/// A number without a fraction that says nothing: `3`, not `3.0`.
private func number(_ value: Double) -> String {
    value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : "\(value)"
}

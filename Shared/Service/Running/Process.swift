import CoreMetrics
import Foundation
import Logging
import Synchronization
import Tracing

/// What a process has once: where logs, metrics and spans go.
enum ProcessWide {
    /// The metrics of this process, served by its health port.
    static let metrics = MetricsRegistry()

    private struct Log {
        var level = Logger.Level.info
        var format = LineLogHandler.Format.readable
        var service = "zvonok"
        var isInstalled = false
    }

    private static let log = Mutex(Log())

    /// Sends logs, metrics and spans on their way; only the first call of a process installs anything.
    static func install(service: String, level: Logger.Level, format: LineLogHandler.Format, writesSpans: Bool) {
        let isFirst = log.withLock { log in
            defer { log = Log(level: level, format: format, service: service, isInstalled: true) }
            return !log.isInstalled
        }
        guard isFirst else { return }
        LoggingSystem.bootstrap { label in
            let settings = log.withLock { $0 }
            return LineLogHandler(label: label, service: settings.service, level: settings.level, format: settings.format)
        }
        MetricsSystem.bootstrap(metrics)
        InstrumentationSystem.bootstrap(LineTracer(logger: Logger(label: "trace"), writesSpans: writesSpans))
    }
}

import Foundation
import Logging
import SystemPackage
import Tracing

/// Writes each log entry as one line: JSON for machines, or a short readable form for a terminal.
///
/// A line written inside a span carries its trace and span id, so that what happened in six services
/// because of one press of a button can be put side by side.
public struct LineLogHandler: LogHandler {
    /// How a line looks.
    public enum Format: String, Sendable {
        case json, readable

        /// `auto` is readable on a terminal, JSON everywhere else.
        public init(configured: String) {
            self = Format(rawValue: configured) ?? (isatty(STDERR_FILENO) == 1 ? .readable : .json)
        }
    }

    public var metadataProvider: Logger.MetadataProvider?
    public var metadata: Logger.Metadata = [:]
    public var logLevel: Logger.Level
    private let label: String
    private let service: String
    private let format: Format
    private let write: @Sendable (String) -> Void

    /// - Parameters:
    ///   - label: the part of the program that speaks.
    ///   - service: the process's name, in every line.
    ///   - write: takes a whole line with its end; the standard error stream unless a test listens.
    public init(
        label: String, service: String, level: Logger.Level, format: Format,
        write: @escaping @Sendable (String) -> Void = LineLogHandler.toStandardError
    ) {
        self.label = label
        self.service = service
        self.logLevel = level
        self.format = format
        self.write = write
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        var all = metadata
        if let provided = metadataProvider?.get() { all.merge(provided) { _, new in new } }
        if let own = event.metadata { all.merge(own) { _, new in new } }
        if let error = event.error { all["error"] = "\(error)" }
        let trace = ServiceContext.current?.traceParent
        write(format == .json ? json(event, all, trace) : readable(event, all, trace))
    }

    private func json(_ event: LogEvent, _ metadata: Logger.Metadata, _ trace: TraceParent?) -> String {
        var line = "{\"time\":\"\(Self.now())\",\"level\":\"\(event.level)\",\"service\":"
        line.appendJSON(service)
        line += ",\"part\":"
        line.appendJSON(label)
        line += ",\"message\":"
        line.appendJSON(event.message.description)
        if let trace { line += ",\"trace\":\"\(trace.traceID)\",\"span\":\"\(trace.spanID)\"" }
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
            line += ","
            line.appendJSON(["time", "level", "service", "part", "message", "trace", "span"].contains(key) ? key + "_" : key)
            line += ":"
            line.appendJSON(value)
        }
        return line + "}\n"
    }

    private func readable(_ event: LogEvent, _ metadata: Logger.Metadata, _ trace: TraceParent?) -> String {
        var line = "\(Self.now().dropFirst(11).dropLast(1)) \(event.level.rawValue.uppercased().padding(toLength: 8, withPad: " ", startingAt: 0)) \(service)"
        if label != service { line += "/\(label)" }
        line += ": \(event.message)"
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) { line += " \(key)=\(value)" }
        if let trace { line += " trace=\(trace.traceID.prefix(8))" }
        // A line stays a line, whatever a message brings. By scalars: «\r\n» is one character.
        var safe = ""
        for scalar in line.unicodeScalars {
            switch scalar {
            case "\n": safe += "\\n"
            case "\r": safe += "\\r"
            case _ where scalar.properties.generalCategory == .control: safe += "?"
            default: safe.unicodeScalars.append(scalar)
            }
        }
        return safe + "\n"
    }

    /// Universal time with milliseconds.
    static func now() -> String {
        Date().formatted(.iso8601.year().month().day().timeZone(separator: .omitted).time(includingFractionalSeconds: true))
    }

    /// One `write` per line, so that lines of several threads do not mix.
    public static func toStandardError(_ line: String) {
        // A log that cannot be written (a closed terminal) must not stop the work.
        _ = try? FileDescriptor.standardError.writeAll(line.utf8)
    }
}

extension String {
    /// Adds a JSON string with quotes; control characters and quotes escaped.
    mutating func appendJSON(_ text: String) {
        append("\"")
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": append("\\\"")
            case "\\": append("\\\\")
            case "\n": append("\\n")
            case "\r": append("\\r")
            case "\t": append("\\t")
            case _ where scalar.value < 0x20 || scalar.value == 0x7F:
                let hex = String(scalar.value, radix: 16)
                append("\\u" + String(repeating: "0", count: 4 - hex.count) + hex)
            default: unicodeScalars.append(scalar)
            }
        }
        append("\"")
    }

    mutating func appendJSON(_ value: Logger.Metadata.Value) {
        switch value {
        case .string(let text): appendJSON(text)
        case .stringConvertible(let number as any FixedWidthInteger): append("\(number)")
        case .stringConvertible(let other): appendJSON(other.description)
        case .array(let values):
            append("[")
            for (index, element) in values.enumerated() {
                if index > 0 { append(",") }
                appendJSON(element)
            }
            append("]")
        case .dictionary(let values):
            append("{")
            for (index, element) in values.sorted(by: { $0.key < $1.key }).enumerated() {
                if index > 0 { append(",") }
                appendJSON(element.key)
                append(":")
                appendJSON(element.value)
            }
            append("}")
        }
    }
}

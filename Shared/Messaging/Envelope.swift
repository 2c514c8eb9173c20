public import Events
public import Foundation
import Instrumentation
import Kernel
import ServiceContextModule

/// What made somebody say something: the story a message belongs to and the message before it.
public struct Cause: Sendable, Hashable {
    /// The same for everything that follows from one act of a person or device.
    public let correlationID: String?
    /// The message or request that this follows from directly.
    public let causationID: String?
    /// W3C trace context.
    public let traceParent: String?

    public init(correlationID: String? = nil, causationID: String? = nil, traceParent: String? = nil) {
        self.correlationID = correlationID
        self.causationID = causationID
        self.traceParent = traceParent
    }

    /// The message that is being handled; what is said meanwhile without naming a cause follows from it.
    @TaskLocal static var current: Cause?

    /// Handles a message within its story and its trace: logs, spans and what is said belong to them.
    func during<T>(_ body: () throws -> T) rethrows -> T {
        var context = ServiceContext.current ?? .topLevel
        if let traceParent {
            InstrumentationSystem.instrument.extract(
                ["traceparent": traceParent], into: &context, using: TextExtractor())
        }
        return try ServiceContext.$current.withValue(context) {
            try Self.$current.withValue(self) { try body() }
        }
    }
}

private struct TextExtractor: Extractor {
    func extract(key: String, from carrier: [String: String]) -> String? { carrier[key] }
}

/// An event as it was received.
public struct Received<E: Event>: Sendable {
    public let event: E
    /// The message's identifier, made when the fact was written and never again.
    public let id: UUID
    public let time: Date
    /// Who said it: `/school/ledger`.
    public let source: String
    /// The owner's epoch: grows when the owner was restored from a backup.
    public let epoch: Int64
    /// Epoch and the owner's version in one number that only grows: keep it beside the state and apply what is greater.
    public let version: Int64
    /// Said again to fill a new reader: raises no alert and no letter.
    public let isRepublished: Bool
    /// What follows from this message names it as its cause.
    public let cause: Cause

    public init(
        _ event: E, id: UUID = .v7(), time: Date = Date(), source: String = "/school/test", epoch: Int64 = 1,
        ownersVersion: Int64? = nil, isRepublished: Bool = false, cause: Cause = Cause()
    ) {
        self.event = event
        self.id = id
        self.time = time
        self.source = source
        self.epoch = epoch
        version = Envelope.packed(epoch: epoch, version: ownersVersion ?? Envelope.version(of: event))
        self.isRepublished = isRepublished
        self.cause = cause
    }
}

/// CloudEvents 1.0 in structured JSON: the body says everything, so it survives parking, replay and MQTT unchanged.
enum Envelope {
    static let contentType = "application/cloudevents+json"

    static func version(of event: some Event) -> Int64 {
        (event as? any VersionedEvent)?.version ?? 0
    }

    /// Room for a trillion versions within an epoch.
    static func packed(epoch: Int64, version: Int64) -> Int64 { epoch << 40 | version & 0xFF_FFFF_FFFF }

    /// Epoch and version so that they sort as text, as the `sequence` extension wants.
    private static func sequence(epoch: Int64, version: Int64) -> String {
        pad(epoch, 6) + pad(version, 18)
    }

    private static func pad(_ number: Int64, _ width: Int) -> String {
        let digits = String(max(0, number))
        return digits.count >= width ? digits : String(repeating: "0", count: width - digits.count) + digits
    }

    /// The whole body. The event is encoded once and put in its place; the other values need no escaping but one.
    static func encode<E: Event>(
        _ event: E, id: UUID, service: String, epoch: Int64, at time: Date, cause: Cause?, isRepublished: Bool,
        with encoder: JSONEncoder
    ) throws -> [UInt8] {
        let data = try encoder.encode(event)
        var text = "{\"specversion\":\"1.0\",\"id\":\"\(id.text)\",\"source\":\"/school/\(service)\",\"type\":\"\(E.name)\""
        let aggregate = event.aggregate.text
        text += ",\"subject\":\"\(aggregate)\",\"time\":\"\(time.iso8601)\",\"datacontenttype\":\"application/json\""
        text += ",\"partitionkey\":\"\(aggregate)\",\"sequence\":\"\(sequence(epoch: epoch, version: version(of: event)))\""
        if let correlation = cause?.correlationID { text += ",\"correlationid\":\(quoted(correlation))" }
        if let causation = cause?.causationID { text += ",\"causationid\":\(quoted(causation))" }
        if let trace = cause?.traceParent { text += ",\"traceparent\":\(quoted(trace))" }
        if isRepublished { text += ",\"republished\":true" }
        text += ",\"data\":"
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count + data.count + 1)
        bytes.append(contentsOf: text.utf8)
        bytes.append(contentsOf: data)
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case _ where scalar.value < 32: quoted += " "
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }

    private struct Wire<E: Event>: Decodable {
        let specversion: String
        let id: UUID
        let source: String
        let type: String
        let time: Date?
        let sequence: String?
        let correlationid: String?
        let causationid: String?
        let traceparent: String?
        let republished: Bool?
        let data: E
    }

    /// Reads a whole body as an event of one type.
    ///
    /// - Throws: ``Unacceptable`` that says what is wrong with it.
    static func decode<E: Event>(_ body: [UInt8], as type: E.Type, with decoder: JSONDecoder) throws -> Received<E> {
        guard let head = EnvelopeHead(body), head.type == E.name, head.specversion.hasPrefix("1."),
            let event = try? head.document.value(head.data, as: E.self)
        else { return try decodeThoroughly(body, as: type, with: decoder) }
        return Received(
            event, id: head.id, time: head.time ?? Date(), source: head.source, epoch: epoch(in: head.sequence),
            ownersVersion: version(in: head.sequence), isRepublished: head.isRepublished,
            cause: Cause(
                correlationID: head.correlationID ?? head.id.text, causationID: head.id.text, traceParent: head.traceParent))
    }

    private static func epoch(in sequence: String?) -> Int64 { sequence.flatMap { Int64($0.prefix(6)) } ?? 1 }
    private static func version(in sequence: String?) -> Int64? { sequence.flatMap { Int64($0.dropFirst(6)) } }

    /// The same for everything that the quick way leaves alone, and for what is wrong, to say what.
    static func decodeThoroughly<E: Event>(
        _ body: [UInt8], as type: E.Type, with decoder: JSONDecoder
    ) throws -> Received<E> {
        let wire: Wire<E>
        do {
            wire = try decoder.decode(Wire<E>.self, from: Data(body))
        } catch {
            throw Unacceptable("not a readable \(E.name): \(Self.explain(error))")
        }
        guard wire.specversion.hasPrefix("1.") else { throw Unacceptable("CloudEvents \(wire.specversion) is not known here") }
        guard wire.type == E.name else { throw Unacceptable("it is a \(wire.type), not a \(E.name)") }
        return Received(
            wire.data, id: wire.id, time: wire.time ?? Date(), source: wire.source, epoch: epoch(in: wire.sequence),
            ownersVersion: version(in: wire.sequence), isRepublished: wire.republished ?? false,
            cause: Cause(
                correlationID: wire.correlationid ?? wire.id.text, causationID: wire.id.text, traceParent: wire.traceparent))
    }

    /// What an operator needs of a decoding error: where and what, on one line.
    private static func explain(_ error: any Error) -> String {
        func path(_ context: DecodingError.Context) -> String {
            context.codingPath.map(\.stringValue).joined(separator: ".")
        }
        switch error {
        case DecodingError.keyNotFound(let key, let context): return "\(path(context)) has no \(key.stringValue)"
        case DecodingError.typeMismatch(_, let context): return "\(path(context)): \(context.debugDescription)"
        case DecodingError.valueNotFound(_, let context): return "\(path(context)) is null"
        case DecodingError.dataCorrupted(let context): return "\(path(context)): \(context.debugDescription)"
        default: return "\(error)"
        }
    }

    /// Only the type, for a message that does not say it in its properties.
    static func type(of body: [UInt8]) -> String? {
        struct Head: Decodable { let type: String? }
        return (try? JSONDecoder().decode(Head.self, from: Data(body)))?.type
    }
}

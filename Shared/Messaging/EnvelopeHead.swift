import CSimdJSON
import Foundation
import Kernel

/// The attributes of an envelope, read without a decoder: a service reads tens of thousands of these a second.
struct EnvelopeHead {
    let specversion: String
    let id: UUID
    let source: String
    let type: String
    let time: Date?
    let sequence: String?
    let correlationID: String?
    let traceParent: String?
    let isRepublished: Bool
    /// The text and where the data lies in it.
    let document: QuickDocument
    let data: Int

    /// Nil for what has to be left to the decoder, which says what is wrong with it.
    init?(_ body: [UInt8]) {
        guard let document = try? QuickDocument(body) else { return nil }
        func value(_ name: String) -> Int? { document.field(name, of: 0).flatMap { document.isNull($0) ? nil : $0 } }
        guard let specversion = value("specversion").flatMap(document.text), let id = value("id").flatMap(document.id),
            let source = value("source").flatMap(document.text), let type = value("type").flatMap(document.text),
            let data = value("data")
        else { return nil }
        // What is there must be what it should be.
        var isRight = true
        func optional<T>(_ name: String, _ read: (Int) -> T?) -> T? {
            guard let node = value(name) else { return nil }
            let found = read(node)
            if found == nil { isRight = false }
            return found
        }
        time = optional("time") { document.text($0).flatMap { Date(iso8601: $0) } }
        sequence = optional("sequence", document.text)
        correlationID = optional("correlationid", document.text)
        traceParent = optional("traceparent", document.text)
        isRepublished = optional("republished") { try? document.bool($0) } ?? false
        _ = optional("causationid", document.text)
        guard isRight else { return nil }
        (self.specversion, self.id, self.source, self.type, self.document, self.data) = (specversion, id, source, type, document, data)
    }
}

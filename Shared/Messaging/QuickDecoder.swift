import Foundation
import Kernel

/// Reads the data of events several times as fast as Foundation's decoder, for the JSON that events are made of.
///
/// It never has the last word: where a letter stands as a number, a value is missing or anything is not as expected, it gives up with
/// ``NotQuick`` and the decoder of `EventCoding` reads the same bytes thoroughly, with its own judgement and its own words.
struct QuickDecoder: Decoder {
    /// Not said why: whoever reads thoroughly will find out.
    struct NotQuick: Error {}

    let document: QuickDocument
    let node: Int
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    /// Reads a whole object out of a body.
    static func decode<T: Decodable>(_ type: T.Type, from body: [UInt8], in range: Range<Int>) throws -> T {
        try T(from: QuickDecoder(document: try QuickDocument(body, range), node: 0))
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        guard document.nodes[node].kind == .object else { throw NotQuick() }
        return KeyedDecodingContainer(QuickFields<Key>(document: document, node: node))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        guard document.nodes[node].kind == .array else { throw NotQuick() }
        return QuickElements(document: document, node: node)
    }

    func singleValueContainer() throws -> any SingleValueDecodingContainer { QuickValue(document: document, node: node) }
}

/// A JSON text cut into its values, each with where it lies and what comes after it.
final class QuickDocument {
    enum Kind: UInt8 { case object, array, text, escapedText, number, yes, no, null }

    struct Node {
        var kind: Kind
        var start: Int32
        var end: Int32
        /// The first node that is not part of this one.
        var next: Int32
    }

    let bytes: [UInt8]
    private(set) var nodes: [Node] = []
    private var at: Int
    private let limit: Int

    init(_ bytes: [UInt8], _ range: Range<Int>) throws {
        self.bytes = bytes
        at = range.lowerBound
        limit = range.upperBound
        guard limit < Int32.max else { throw QuickDecoder.NotQuick() }
        nodes.reserveCapacity(64)
        try bytes.withUnsafeBufferPointer { bytes in
            try value(bytes, depth: 0)
            space(bytes)
        }
        guard at == limit else { throw QuickDecoder.NotQuick() }
    }

    private func space(_ bytes: UnsafeBufferPointer<UInt8>) {
        while at < limit, bytes[at] == 32 || bytes[at] == 10 || bytes[at] == 13 || bytes[at] == 9 { at += 1 }
    }

    private func take(_ letter: UInt8, _ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        space(bytes)
        guard at < limit, bytes[at] == letter else { return false }
        at += 1
        return true
    }

    private func value(_ bytes: UnsafeBufferPointer<UInt8>, depth: Int) throws {
        space(bytes)
        guard at < limit, depth < 32 else { throw QuickDecoder.NotQuick() }
        let mine = nodes.count
        let start = at
        switch bytes[at] {
        case UInt8(ascii: "{"):
            nodes.append(Node(kind: .object, start: Int32(start), end: 0, next: 0))
            at += 1
            if !take(UInt8(ascii: "}"), bytes) {
                repeat {
                    space(bytes)
                    try text(bytes)
                    guard nodes[nodes.count - 1].kind == .text, take(UInt8(ascii: ":"), bytes) else { throw QuickDecoder.NotQuick() }
                    try value(bytes, depth: depth + 1)
                } while take(UInt8(ascii: ","), bytes)
                guard take(UInt8(ascii: "}"), bytes) else { throw QuickDecoder.NotQuick() }
            }
        case UInt8(ascii: "["):
            nodes.append(Node(kind: .array, start: Int32(start), end: 0, next: 0))
            at += 1
            if !take(UInt8(ascii: "]"), bytes) {
                repeat { try value(bytes, depth: depth + 1) } while take(UInt8(ascii: ","), bytes)
                guard take(UInt8(ascii: "]"), bytes) else { throw QuickDecoder.NotQuick() }
            }
        case UInt8(ascii: "\""): return try text(bytes)
        case UInt8(ascii: "t"): try word("true", .yes, bytes)
        case UInt8(ascii: "f"): try word("false", .no, bytes)
        case UInt8(ascii: "n"): try word("null", .null, bytes)
        case UInt8(ascii: "-"), 48...57:
            while at < limit, Self.isPartOfNumber(bytes[at]) { at += 1 }
            // A zero in front is no JSON, except alone or before a point.
            let first = bytes[start] == UInt8(ascii: "-") ? start + 1 : start
            guard first < at, bytes[first] != 48 || first + 1 == at || bytes[first + 1] == UInt8(ascii: ".") else {
                throw QuickDecoder.NotQuick()
            }
            nodes.append(Node(kind: .number, start: Int32(start), end: 0, next: 0))
        default: throw QuickDecoder.NotQuick()
        }
        nodes[mine].end = Int32(at)
        nodes[mine].next = Int32(nodes.count)
    }

    private static func isPartOfNumber(_ byte: UInt8) -> Bool {
        switch byte {
        case 48...57, UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"): true
        default: false
        }
    }

    /// A text; its node has the letters between the quotation marks.
    private func text(_ bytes: UnsafeBufferPointer<UInt8>) throws {
        guard at < limit, bytes[at] == UInt8(ascii: "\"") else { throw QuickDecoder.NotQuick() }
        at += 1
        let start = at
        var kind = Kind.text
        while at < limit, bytes[at] != UInt8(ascii: "\"") {
            guard bytes[at] >= 32 else { throw QuickDecoder.NotQuick() }
            if bytes[at] == UInt8(ascii: "\\") {
                kind = .escapedText
                at += 1
            }
            at += 1
        }
        guard at < limit else { throw QuickDecoder.NotQuick() }
        nodes.append(Node(kind: kind, start: Int32(start), end: Int32(at), next: Int32(nodes.count + 1)))
        at += 1
    }

    private func word(_ word: StaticString, _ kind: Kind, _ bytes: UnsafeBufferPointer<UInt8>) throws {
        let start = at
        let count = word.utf8CodeUnitCount
        guard at + count <= limit,
            UnsafeBufferPointer(rebasing: bytes[at..<at + count])
                .elementsEqual(UnsafeBufferPointer(start: word.utf8Start, count: count))
        else { throw QuickDecoder.NotQuick() }
        at += count
        nodes.append(Node(kind: kind, start: Int32(start), end: 0, next: 0))
    }

    // MARK: Values

    func isNull(_ node: Int) -> Bool { nodes[node].kind == .null }

    func bool(_ node: Int) throws -> Bool {
        switch nodes[node].kind {
        case .yes: true
        case .no: false
        default: throw QuickDecoder.NotQuick()
        }
    }

    func string(_ node: Int) throws -> String {
        let found = nodes[node]
        let letters = bytes[Int(found.start)..<Int(found.end)]
        let text =
            switch found.kind {
            case .text: String(validating: letters, as: UTF8.self)
            case .escapedText: String(validating: try Self.unescaped(letters), as: UTF8.self)
            default: nil as String?
            }
        guard let text else { throw QuickDecoder.NotQuick() }
        return text
    }

    /// Ends of lines, quotation marks and their like; letters by number are for the other decoder.
    private static func unescaped(_ letters: ArraySlice<UInt8>) throws -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(letters.count)
        var isEscaped = false
        for letter in letters {
            guard isEscaped else {
                isEscaped = letter == UInt8(ascii: "\\")
                if !isEscaped { result.append(letter) }
                continue
            }
            isEscaped = false
            switch letter {
            case UInt8(ascii: "n"): result.append(10)
            case UInt8(ascii: "r"): result.append(13)
            case UInt8(ascii: "t"): result.append(9)
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): result.append(letter)
            default: throw QuickDecoder.NotQuick()
            }
        }
        return result
    }

    /// Whole numbers as they are written; one with a point or an exponent is for the other decoder.
    func integer<T: FixedWidthInteger>(_ node: Int, as type: T.Type) throws -> T {
        let found = nodes[node]
        guard found.kind == .number else { throw QuickDecoder.NotQuick() }
        var at = Int(found.start)
        let isNegative = bytes[at] == UInt8(ascii: "-")
        if isNegative { at += 1 }
        var number: T = 0
        while at < Int(found.end) {
            let digit = bytes[at] &- 48
            guard digit < 10 else { throw QuickDecoder.NotQuick() }
            let (tens, isTooMuch) = number.multipliedReportingOverflow(by: 10)
            let (sum, isOver) =
                isNegative ? tens.subtractingReportingOverflow(T(digit)) : tens.addingReportingOverflow(T(digit))
            guard !isTooMuch, !isOver else { throw QuickDecoder.NotQuick() }
            number = sum
            at += 1
        }
        return number
    }

    func value<T: Decodable>(_ node: Int, as type: T.Type) throws -> T {
        if type == UUID.self {
            let found = nodes[node]
            guard found.kind == .text,
                let id = bytes.withUnsafeBufferPointer({ UUID(ascii: $0[Int(found.start)..<Int(found.end)]) }), let id = id as? T
            else { throw QuickDecoder.NotQuick() }
            return id
        }
        if type == Date.self {
            guard nodes[node].kind == .text, let date = Date(iso8601: try string(node)) as? T else {
                throw QuickDecoder.NotQuick()
            }
            return date
        }
        // What the decoder of `EventCoding` reads in a way of its own, and no event has.
        if type == Data.self || type == URL.self || type == Decimal.self { throw QuickDecoder.NotQuick() }
        return try T(from: QuickDecoder(document: self, node: node))
    }
}

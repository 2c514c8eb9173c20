import CSimdJSON
import Foundation
import Kernel

/// Reads events several times as fast as Foundation's decoder: simdjson parses, and this hands out what it found.
///
/// It never has the last word: where a text stands as a number, a value is missing or anything is not as expected, it gives up with
/// ``NotQuick`` and the decoder of `EventCoding` reads the same bytes thoroughly, with its own judgement and its own words.
struct QuickDecoder: Decoder {
    /// Not said why: whoever reads thoroughly will find out.
    struct NotQuick: Error {}

    let document: QuickDocument
    let node: Int
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        guard document.kind(node) == zvonok_json_object else { throw NotQuick() }
        return KeyedDecodingContainer(QuickFields<Key>(document: document, node: node))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        guard document.kind(node) == zvonok_json_array else { throw NotQuick() }
        return QuickElements(document: document, node: node)
    }

    func singleValueContainer() throws -> any SingleValueDecodingContainer { QuickValue(document: document, node: node) }
}

/// A JSON text cut into its values.
final class QuickDocument {
    private let json: OpaquePointer
    private let values: UnsafePointer<zvonok_json_value>

    /// - Throws: ``QuickDecoder/NotQuick`` for what is no JSON.
    init(_ bytes: [UInt8]) throws {
        guard let json = zvonok_json_open(bytes, bytes.count), let values = zvonok_json_values(json) else {
            throw QuickDecoder.NotQuick()
        }
        self.json = json
        self.values = values
    }

    deinit { zvonok_json_close(json) }

    func kind(_ node: Int) -> zvonok_json_kind { zvonok_json_kind(UInt32(values[node].kind)) }

    /// The first value that is no part of this one.
    func next(_ node: Int) -> Int { Int(values[node].next) }

    func isNull(_ node: Int) -> Bool { kind(node) == zvonok_json_null }

    /// The value of a field of an object; of two of one name the first.
    func field(_ name: String, of object: Int) -> Int? {
        guard kind(object) == zvonok_json_object else { return nil }
        let end = next(object)
        var name = name
        return name.withUTF8 { wanted in
            guard let first = wanted.baseAddress else { return nil }
            var at = object + 1
            while at < end {
                let found = values[at]
                if Int(found.length) == wanted.count, memcmp(found.text, first, wanted.count) == 0 { return at + 1 }
                at = next(at + 1)
            }
            return nil
        }
    }

    /// The names of an object's fields.
    func names(of object: Int) -> [String] {
        var names: [String] = []
        var at = object + 1
        while at < next(object) {
            if let name = text(at) { names.append(name) }
            at = next(at + 1)
        }
        return names
    }

    private func letters(_ node: Int) -> UnsafeRawBufferPointer? {
        guard kind(node) == zvonok_json_text else { return nil }
        return UnsafeRawBufferPointer(start: values[node].text, count: Int(values[node].length))
    }

    /// Nil when it is no text.
    func text(_ node: Int) -> String? { letters(node).map { String(decoding: $0, as: UTF8.self) } }

    /// Nil when it is no identifier.
    func id(_ node: Int) -> UUID? { letters(node).flatMap { UUID(ascii: $0) } }

    func bool(_ node: Int) throws -> Bool {
        switch kind(node) {
        case zvonok_json_true: true
        case zvonok_json_false: false
        default: throw QuickDecoder.NotQuick()
        }
    }

    func string(_ node: Int) throws -> String {
        guard let text = text(node) else { throw QuickDecoder.NotQuick() }
        return text
    }

    /// Whole numbers; one with a point or an exponent is for the other decoder.
    func integer<T: FixedWidthInteger>(_ node: Int, as type: T.Type) throws -> T {
        let number: T? =
            switch kind(node) {
            case zvonok_json_integer: T(exactly: values[node].integer)
            case zvonok_json_natural: T(exactly: values[node].natural)
            default: nil
            }
        guard let number else { throw QuickDecoder.NotQuick() }
        return number
    }

    func value<T: Decodable>(_ node: Int, as type: T.Type) throws -> T {
        if type == UUID.self {
            guard let id = id(node) as? T else { throw QuickDecoder.NotQuick() }
            return id
        }
        if type == Date.self {
            guard let date = text(node).flatMap({ Date(iso8601: $0) }) as? T else { throw QuickDecoder.NotQuick() }
            return date
        }
        // What the decoder of `EventCoding` reads in a way of its own, and no event has.
        if type == Data.self || type == URL.self || type == Decimal.self { throw QuickDecoder.NotQuick() }
        return try T(from: QuickDecoder(document: self, node: node))
    }
}

extension UUID {
    /// Reads the 36 letters of an identifier, in either case; Foundation's reader goes through `sscanf`.
    init?(ascii text: UnsafeRawBufferPointer) {
        guard text.count == 36 else { return nil }
        var uuid: uuid_t = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        let isRead = withUnsafeMutableBytes(of: &uuid) { bytes -> Bool in
            var at = 0
            for index in 0..<16 {
                if index == 4 || index == 6 || index == 8 || index == 10 {
                    guard text[at] == UInt8(ascii: "-") else { return false }
                    at += 1
                }
                guard let high = Self.digit(text[at]), let low = Self.digit(text[at + 1]) else { return false }
                bytes[index] = high << 4 | low
                at += 2
            }
            return true
        }
        guard isRead else { return nil }
        self.init(uuid: uuid)
    }

    /// The same from a text.
    init?(ascii text: String) {
        var text = text
        let uuid: UUID? = text.withUTF8 { UUID(ascii: UnsafeRawBufferPointer($0)) }
        guard let uuid else { return nil }
        self = uuid
    }

    private static func digit(_ letter: UInt8) -> UInt8? {
        switch letter {
        case 48...57: letter - 48
        case 97...102: letter - 87
        case 65...70: letter - 55
        default: nil
        }
    }
}

import Foundation
import Kernel

/// Finds the JSON Schema of a message by letting it decode itself from nothing and noting what it asks for.
///
/// The keys, their types and which of them may be missing are then exactly those of the decoding, not a second list.
final class SchemaProbe {
    /// Schemas of the structures met, by the name of their Swift type.
    private(set) var components: [String: JSONValue] = [:]

    /// Gives the schema of a type: a reference for structures, whose schema goes to `components`.
    ///
    /// - Throws: when a type decodes itself by hand, or is an enumeration that is not a `DescribedEnum`.
    func schema(of type: any Decodable.Type) throws -> JSONValue {
        if let known = Self.scalar(type) { return known }
        if let described = type as? any DescribedEnum.Type { return Self.enumeration(described) }
        if let list = type as? any Listed.Type {
            return ["type": "array", "items": try schema(of: list.element)]
        }
        let name = String(describing: type)
        let reference: JSONValue = ["$ref": .text("#/components/schemas/\(name)")]
        if components[name] == nil {
            components[name] = .null
            components[name] = try structure(type)
        }
        return reference
    }

    /// A value of the type, however empty, so that the decoding can go on.
    func sample<T: Decodable>(_ type: T.Type) throws -> T {
        let sample: Any? =
            switch type {
            case is UUID.Type: UUID(uuid: Self.nullBytes)
            case is Date.Type: Date(timeIntervalSince1970: 0)
            case is Money.Type: Money.zero
            case is Day.Type: Day(daysSince1970: 0)
            case is TimeOfDay.Type: TimeOfDay.midnight
            case is String.Type: ""
            case is Bool.Type: false
            case is Int.Type: 0
            case is Int64.Type: Int64(0)
            default: nil
            }
        if let sample = sample as? T { return sample }
        if let described = type as? any DescribedEnum.Type, let first = Self.first(of: described) as? T { return first }
        if let list = type as? any Listed.Type, let empty = list.none as? T { return empty }
        return try T(from: ProbingDecoder(probe: self, fields: Fields()))
    }

    private func structure(_ type: any Decodable.Type) throws -> JSONValue {
        let fields = Fields()
        _ = try type.init(from: ProbingDecoder(probe: self, fields: fields))
        guard !fields.schemas.isEmpty else { throw UndescribedType(type: String(describing: type)) }
        return [
            "type": "object", "properties": .object(fields.schemas),
            "required": .array(fields.required.sorted().map { .text($0) }),
        ]
    }

    private static let nullBytes: uuid_t = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)

    private static func scalar(_ type: any Decodable.Type) -> JSONValue? {
        switch type {
        case is UUID.Type: ["type": "string", "format": "uuid"]
        case is Date.Type: ["type": "string", "format": "date-time", "description": "UTC with milliseconds"]
        case is Money.Type: ["type": "integer", "format": "int64", "description": "kopecks"]
        case is Day.Type: ["type": "string", "format": "date"]
        case is TimeOfDay.Type:
            ["type": "string", "pattern": "^[0-2][0-9]:[0-5][0-9]$", "description": "time of day in the school’s zone"]
        case is String.Type: ["type": "string"]
        case is Bool.Type: ["type": "boolean"]
        case is Int.Type, is Int64.Type: ["type": "integer", "format": "int64"]
        default: nil
        }
    }

    private static func enumeration<E: DescribedEnum>(_ type: E.Type) -> JSONValue {
        ["type": "string", "enum": .array(E.allCases.map { .text($0.rawValue) })]
    }

    private static func first<E: DescribedEnum>(of type: E.Type) -> E? { E.allCases.first }
}

/// A type that cannot be described: it asked for no key.
struct UndescribedType: Error, CustomStringConvertible {
    let type: String
    var description: String {
        "\(type) is neither a structure of keyed fields nor a DescribedEnum: its schema cannot be found."
    }
}

private protocol Listed {
    static var element: any Decodable.Type { get }
    static var none: Self { get }
}

extension Array: Listed where Element: Decodable {
    static var element: any Decodable.Type { Element.self }
    static var none: [Element] { [] }
}

/// What one structure asked for.
private final class Fields {
    var schemas: [String: JSONValue] = [:]
    var required: Set<String> = []
}

private struct ProbingDecoder: Decoder {
    let probe: SchemaProbe
    let fields: Fields
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedDecodingContainer<Key> {
        KeyedDecodingContainer(ProbingContainer<Key>(probe: probe, fields: fields))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        throw UndescribedType(type: "An unkeyed container")
    }

    func singleValueContainer() throws -> any SingleValueDecodingContainer {
        throw UndescribedType(type: "A single value")
    }
}

private struct ProbingContainer<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let probe: SchemaProbe
    let fields: Fields
    var codingPath: [any CodingKey] { [] }
    var allKeys: [Key] { [] }

    func contains(_ key: Key) -> Bool { true }
    func decodeNil(forKey key: Key) -> Bool { false }

    func decode<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T {
        fields.schemas[key.stringValue] = try probe.schema(of: type)
        fields.required.insert(key.stringValue)
        return try probe.sample(type)
    }

    func decodeIfPresent<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T? {
        fields.schemas[key.stringValue] = try probe.schema(of: type)
        return nil
    }

    func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool { try note(type, key) }
    func decode(_ type: String.Type, forKey key: Key) throws -> String { try note(type, key) }
    func decode(_ type: Int.Type, forKey key: Key) throws -> Int { try note(type, key) }
    func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 { try note(type, key) }
    func decodeIfPresent(_ type: Bool.Type, forKey key: Key) throws -> Bool? { try noteOptional(type, key) }
    func decodeIfPresent(_ type: String.Type, forKey key: Key) throws -> String? { try noteOptional(type, key) }
    func decodeIfPresent(_ type: Int.Type, forKey key: Key) throws -> Int? { try noteOptional(type, key) }
    func decodeIfPresent(_ type: Int64.Type, forKey key: Key) throws -> Int64? { try noteOptional(type, key) }

    // The other numbers of Swift are in no message; asking for one is a mistake worth hearing about.
    func decode(_ type: Double.Type, forKey key: Key) throws -> Double { throw UndescribedType(type: "Double") }
    func decode(_ type: Float.Type, forKey key: Key) throws -> Float { throw UndescribedType(type: "Float") }
    func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 { throw UndescribedType(type: "Int8") }
    func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 { throw UndescribedType(type: "Int16") }
    func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 { throw UndescribedType(type: "Int32") }
    func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt { throw UndescribedType(type: "UInt") }
    func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 { throw UndescribedType(type: "UInt8") }
    func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 { throw UndescribedType(type: "UInt16") }
    func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 { throw UndescribedType(type: "UInt32") }
    func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 { throw UndescribedType(type: "UInt64") }

    func nestedContainer<NestedKey: CodingKey>(
        keyedBy type: NestedKey.Type, forKey key: Key
    ) throws -> KeyedDecodingContainer<NestedKey> {
        throw UndescribedType(type: "A nested container")
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        throw UndescribedType(type: "A nested container")
    }

    func superDecoder() throws -> any Decoder { throw UndescribedType(type: "A superclass") }
    func superDecoder(forKey key: Key) throws -> any Decoder { throw UndescribedType(type: "A superclass") }

    private func note<T: Decodable>(_ type: T.Type, _ key: Key) throws -> T {
        fields.schemas[key.stringValue] = try probe.schema(of: type)
        fields.required.insert(key.stringValue)
        return try probe.sample(type)
    }

    private func noteOptional<T: Decodable>(_ type: T.Type, _ key: Key) throws -> T? {
        fields.schemas[key.stringValue] = try probe.schema(of: type)
        return nil
    }
}

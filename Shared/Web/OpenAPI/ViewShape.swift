import Events
import Foundation
import Kernel
@_spi(Reflection) import Swift

/// Schemas of view models, read from the stored properties of their types; no value is needed.
///
/// What an encoder writes by default is what is described: a key for each stored property, none for an optional without a
/// value. A type that writes itself otherwise must be known here (``known``), or stays without a schema.
struct ViewShape {
    /// By the name under which others refer to them.
    private(set) var schemas: [String: JSONText] = [:]
    private var names: [ObjectIdentifier: String] = [:]

    /// What our values are in JSON.
    private static let known: [ObjectIdentifier: JSONText] = [
        ObjectIdentifier(String.self): ["type": "string"],
        ObjectIdentifier(Bool.self): ["type": "boolean"],
        ObjectIdentifier(Int.self): ["type": "integer"],
        ObjectIdentifier(Int32.self): ["type": "integer"],
        ObjectIdentifier(Int64.self): ["type": "integer"],
        ObjectIdentifier(Double.self): ["type": "number"],
        ObjectIdentifier(UUID.self): ["type": "string", "format": "uuid"],
        ObjectIdentifier(Date.self): ["type": "string", "format": "date-time"],
        ObjectIdentifier(Day.self): ["type": "string", "format": "date"],
        ObjectIdentifier(TimeOfDay.self): ["type": "string"],
        ObjectIdentifier(Money.self): ["type": "integer", "description": "kopecks"],
        ObjectIdentifier(SchoolZone.self): ["type": "string"],
    ]

    /// The schema of a type, or a reference to it.
    mutating func schema(of type: Any.Type) -> JSONText {
        if let known = Self.known[ObjectIdentifier(type)] { return known }
        if let optional = type as? any OptionalShape.Type { return schema(of: optional.wrapped) }
        if let list = type as? any ListShape.Type { return ["type": "array", "items": schema(of: list.element)] }
        if let table = type as? any TableShape.Type { return ["type": "object", "additionalProperties": schema(of: table.value)] }
        if let choice = type as? any (CaseIterable & RawRepresentable).Type { return Self.choice(choice) }
        if let raw = type as? any RawRepresentable.Type { return schema(of: Self.rawType(raw)) }
        return reference(to: type)
    }

    private mutating func reference(to type: Any.Type) -> JSONText {
        if let name = names[ObjectIdentifier(type)] { return ["$ref": .text("#/components/schemas/\(name)")] }
        var fields: [(name: String, type: Any.Type)] = []
        let isWhole = _forEachField(of: type) { name, _, type, _ in
            fields.append((String(cString: name), type))
            return true
        }
        guard isWhole, !fields.isEmpty else { return [:] }
        let name = freeName(for: type)
        names[ObjectIdentifier(type)] = name
        // Known before its fields are looked at: a type may hold itself.
        var properties: [String: JSONText] = [:]
        var required: [JSONText] = []
        for field in fields {
            properties[field.name] = schema(of: field.type)
            if !(field.type is any OptionalShape.Type) { required.append(.text(field.name)) }
        }
        schemas[name] = ["type": "object", "properties": .object(properties), "required": .list(required)]
        return ["$ref": .text("#/components/schemas/\(name)")]
    }

    /// `PeoplePage.Person`, without its module.
    private func freeName(for type: Any.Type) -> String {
        let parts = String(reflecting: type).split(separator: ".").dropFirst()
        let name = parts.filter { !$0.contains("(") && !$0.contains(" ") }.joined(separator: ".").filter { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "." || $0 == "_") }
        var free = name.isEmpty ? "Value" : name
        while schemas[free] != nil || names.values.contains(free) { free += "_" }
        return free
    }

    private static func choice<Choice: CaseIterable & RawRepresentable>(_ type: Choice.Type) -> JSONText {
        if let texts = type.allCases.map(\.rawValue) as? [String] { return ["type": "string", "enum": .list(texts.map { .text($0) })] }
        return Choice.RawValue.self is any BinaryInteger.Type ? ["type": "integer"] : [:]
    }

    private static func rawType<Raw: RawRepresentable>(_ type: Raw.Type) -> Any.Type { Raw.RawValue.self }
}

private protocol OptionalShape { static var wrapped: Any.Type { get } }
extension Optional: OptionalShape { static var wrapped: Any.Type { Wrapped.self } }

private protocol ListShape { static var element: Any.Type { get } }
extension Array: ListShape { static var element: Any.Type { Element.self } }
extension Set: ListShape { static var element: Any.Type { Element.self } }

private protocol TableShape { static var value: Any.Type { get } }
extension Dictionary: TableShape { static var value: Any.Type { Value.self } }

/// A value of JSON, as documents about an interface are made of.
indirect enum JSONText: Encodable, Sendable, Equatable {
    case text(String)
    case number(Int)
    case flag(Bool)
    case list([JSONText])
    case object([String: JSONText])

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .text(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .flag(let value): try container.encode(value)
        case .list(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }

    /// The same object with more in it; what is there already stays.
    func adding(_ more: [String: JSONText]) -> JSONText {
        guard case .object(let own) = self else { return self }
        return .object(own.merging(more) { own, _ in own })
    }
}

extension JSONText: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    init(stringLiteral value: String) { self = .text(value) }
    init(integerLiteral value: Int) { self = .number(value) }
    init(booleanLiteral value: Bool) { self = .flag(value) }
    init(arrayLiteral elements: JSONText...) { self = .list(elements) }
    init(dictionaryLiteral elements: (String, JSONText)...) { self = .object(Dictionary(elements, uniquingKeysWith: { $1 })) }
}

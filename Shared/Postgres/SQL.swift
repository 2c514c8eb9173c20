/// A statement: its text with a numbered placeholder wherever a value was interpolated, and the values.
///
/// ```swift
/// "select name from pupil where id = \(id)"        // the value is bound, never part of the text
/// "\(columns) where id = any(\(ids))"              // SQL inside SQL, parameters and all; an array binds as an array
/// ```
public struct SQL: ExpressibleByStringInterpolation, Sendable {
    /// The texts between the values: one more than there are values.
    private(set) var pieces: [String]
    private(set) var values: [any Bindable]

    public init(stringLiteral text: String) {
        pieces = [text]
        values = []
    }

    public init(stringInterpolation: StringInterpolation) {
        pieces = stringInterpolation.pieces
        values = stringInterpolation.values
    }

    /// What the server is sent and what a prepared statement is remembered by.
    var text: String {
        guard values.count > 0 else { return pieces[0] }
        var text = pieces[0]
        for index in values.indices {
            text += "$"
            text += String(index + 1)
            text += pieces[index + 1]
        }
        return text
    }

    public struct StringInterpolation: StringInterpolationProtocol {
        var pieces: [String] = [""]
        var values: [any Bindable] = []

        public init(literalCapacity: Int, interpolationCount: Int) {
            pieces.reserveCapacity(interpolationCount + 1)
            values.reserveCapacity(interpolationCount)
            pieces[0].reserveCapacity(literalCapacity)
        }

        public mutating func appendLiteral(_ literal: String) { pieces[pieces.count - 1] += literal }

        /// Binds a value.
        public mutating func appendInterpolation(_ value: some Bindable) {
            values.append(value)
            pieces.append("")
        }

        /// Binds a value or null. An overload of its own, because the compiler warns of an optional that is
        /// interpolated through a generic parameter.
        public mutating func appendInterpolation<Value: Bindable>(_ value: Value?) {
            values.append(value)
            pieces.append("")
        }

        /// Puts a part of a statement in its place, with its values.
        public mutating func appendInterpolation(_ part: SQL) {
            pieces[pieces.count - 1] += part.pieces[0]
            pieces += part.pieces.dropFirst()
            values += part.values
        }

        /// Puts text into the statement as it is: for names that are no values. Never anything that a person typed.
        public mutating func appendInterpolation(unescaped text: String) { appendLiteral(text) }
    }
}

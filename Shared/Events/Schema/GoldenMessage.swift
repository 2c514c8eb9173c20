import Foundation

/// The example of a message as it looks on the wire, kept as a file: what was promised to those who hear it.
public struct GoldenMessage: Sendable {
    /// `ledger.charge.accepted.v1`
    public let name: String
    /// JSON, sorted and indented, with a line break at the end.
    public let text: String

    public var fileName: String { "\(name).json" }

    /// - Throws: what the encoding throws.
    public init<E: Event>(_ type: E.Type) throws {
        let encoder = EventCoding.encoder
        encoder.outputFormatting.insert(.prettyPrinted)
        name = type.name
        text = String(decoding: try encoder.encode(type.example), as: UTF8.self) + "\n"
    }

    /// One for each message of the catalogue.
    public static func all() throws -> [GoldenMessage] {
        try EventCatalogue.all.map { try GoldenMessage($0) }
    }

    /// What is wrong with a type in the eyes of those who rely on its golden file; empty when nothing is.
    ///
    /// - Parameter golden: the contents of the file.
    public static func complaints<E: Event>(about type: E.Type, golden: String) -> [String] {
        let rule =
            "A published message may only gain optional fields. For anything else make a new type whose name ends in "
            + "the next “.v…”, and publish both until nobody hears “\(type.name)”. If the change is such an addition, "
            + "fill the field in `\(type).example` and run: swift run Contracts golden --write"
        let fresh: String
        do { fresh = try GoldenMessage(type).text } catch { return ["\(type) cannot be encoded: \(error)"] }
        var complaints: [String] = []
        if let promised = try? fields(golden), let now = try? fields(fresh) {
            for (path, kind) in promised.sorted(by: { $0.key < $1.key }) {
                guard let present = now[path] else {
                    complaints.append("“\(path)” of \(type.name) is gone or has another name. \(rule)")
                    continue
                }
                if present != kind {
                    complaints.append("“\(path)” of \(type.name) was \(kind) and is \(present) now. \(rule)")
                }
            }
            for path in now.keys.sorted() where promised[path] == nil {
                complaints.append("“\(path)” of \(type.name) is not in its golden file. \(rule)")
            }
        }
        if complaints.isEmpty, fresh != golden {
            complaints.append(
                "The example of \(type.name) encodes differently from its golden file. \(rule)\nNow:\n\(fresh)")
        }
        do {
            let decoded = try EventCoding.decoder.decode(type, from: Data(golden.utf8))
            if decoded != type.example { complaints.append("\(type.name) reads its golden file as \(decoded). \(rule)") }
        } catch {
            complaints.append("\(type.name) cannot read its golden file: \(error). \(rule)")
        }
        return complaints
    }

    /// Every leaf of a JSON text with the kind of its value; elements of an array share a path.
    private static func fields(_ text: String) throws -> [String: String] {
        var fields: [String: String] = [:]
        func walk(_ value: JSONValue, _ path: String) {
            switch value {
            case .object(let object):
                for (key, value) in object { walk(value, path.isEmpty ? key : "\(path).\(key)") }
            case .array(let array):
                fields[path] = "a list"
                for value in array { walk(value, "\(path)[]") }
            case .text: fields[path] = "text"
            case .number: fields[path] = "a whole number"
            case .bool: fields[path] = "true or false"
            case .null: fields[path] = "nothing"
            }
        }
        walk(try JSONDecoder().decode(JSONValue.self, from: Data(text.utf8)), "")
        return fields
    }
}

import Crypto
import Foundation

/// A function or view that has one text, changed in its place: `decide_charges.sql`.
///
/// Its first line is its revision, `-- revision 2`: whoever changes the text raises the number, so that an older program
/// never puts its older text back. Every statement can be repeated: ``repeatable``.
struct LivingText: Sendable, Equatable {
    /// Of the file, without its ending.
    let name: String
    let text: String

    /// The number in the first line; nil when there is none.
    var revision: Int? {
        text.prefixMatch(of: /-- revision ([1-9][0-9]{0,8})\n/).flatMap { Int($0.output.1) }
    }

    var checksum: String { text.checksum }

    /// What a living text may do: nothing that a second time would not leave the same, and nothing that belongs to data.
    static var repeatable: String { "create or replace function, procedure, view or trigger; drop … if exists; comment on" }

    /// The first statement that is none of ``repeatable``, as its beginning; nil when all are.
    var stranger: String? {
        Self.statements(of: text).first { statement in
            statement.prefixMatch(of: /create or replace (function|procedure|view|trigger)\b/) == nil
                && statement.prefixMatch(of: /drop (function|procedure|view) if exists\b/) == nil
                && statement.prefixMatch(of: /comment on (function|procedure|view|trigger)\b/) == nil
        }.map { String($0.prefix(60)) }
    }

    /// The statements of a text in small letters, without comments and with one space for any number; what stands in
    /// quotes, bodies of functions among it, is left out.
    static func statements(of text: String) -> [String] {
        var statements: [String] = []
        var current = ""
        var rest = text[...]
        func skip(past end: String) {
            rest = rest.range(of: end).map { rest[$0.upperBound...] } ?? rest[rest.endIndex...]
        }
        while let character = rest.first {
            if rest.hasPrefix("--") {
                skip(past: "\n")
                current += " "
            } else if rest.hasPrefix("/*") {
                skip(past: "*/")
                current += " "
            } else if character == "'" || character == "\"" {
                rest = rest.dropFirst()
                skip(past: String(character))
                current += "\(character)…\(character)"
            } else if character == "$", let tag = rest.prefixMatch(of: /\$[A-Za-z_]*\$/)?.output {
                rest = rest.dropFirst(tag.count)
                skip(past: String(tag))
                current += "$…$"
            } else if character == ";" {
                statements.append(current)
                current = ""
                rest = rest.dropFirst()
            } else {
                current.append(character.isWhitespace ? " " : character)
                rest = rest.dropFirst()
            }
        }
        return (statements + [current])
            .map { $0.lowercased().split(separator: " ").joined(separator: " ") }
            .filter { !$0.isEmpty }
    }
}

extension LivingText {
    /// What the schema remembers of one that was applied.
    struct Applied: Sendable {
        let revision: Int
        let checksum: String
        /// No numbered file has been applied since: what one of them did to the function is undone by its living text.
        let isLatest: Bool
    }

    /// Those that the schema lacks, in the order of their names.
    ///
    /// - Throws: ``Migrations/Refused`` when the schema has them from a newer program, or a text was changed without its
    ///   number, or is none that may be repeated.
    static func missing(_ texts: [LivingText], of series: String, from applied: [String: Applied]) throws -> [LivingText] {
        for text in texts {
            let file = "\(series)/\(text.name)"
            guard text.revision != nil else {
                throw Migrations.Refused.badFunction(file, "its first line is not «-- revision N»")
            }
            if let stranger = text.stranger {
                throw Migrations.Refused.badFunction(file, "«\(stranger)» is none of: \(repeatable)")
            }
        }
        for (name, known) in applied.sorted(by: { $0.key < $1.key }) {
            guard let text = texts.first(where: { $0.name == name }), let revision = text.revision else {
                throw Migrations.Refused.unknownFunction("\(series)/\(name)")
            }
            guard revision >= known.revision else {
                throw Migrations.Refused.olderFunction("\(series)/\(name)", has: known.revision, brings: revision)
            }
            guard revision > known.revision || text.checksum == known.checksum else {
                throw Migrations.Refused.unraisedFunction("\(series)/\(name)", revision: revision)
            }
        }
        return texts.filter { text in
            guard let known = applied[text.name] else { return true }
            return text.revision != known.revision || !known.isLatest
        }.sorted { $0.name < $1.name }
    }
}

extension String {
    /// SHA-256 of the text, in hexadecimal digits.
    var checksum: String { SHA256.hash(data: Data(utf8)).hexadecimal }
}

extension Sequence<UInt8> {
    var hexadecimal: String {
        map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 2 ? digits : "0" + digits
        }.joined()
    }
}

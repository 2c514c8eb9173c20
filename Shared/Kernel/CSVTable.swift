import Foundation

/// A comma-separated file with a header row (RFC 4180), in which every row knows the line it begins on.
public struct CSVTable: Sendable {
    public struct Row: Sendable {
        /// As a text editor counts them: the header is line 1.
        public let line: Int
        private let fields: [String: String]

        fileprivate init(line: Int, fields: [String: String]) {
            self.line = line
            self.fields = fields
        }

        /// The field without white space around it; empty when the file has no such column.
        public subscript(_ column: String) -> String { fields[column] ?? "" }
    }

    /// What is wrong with a row as such, before anybody looks at its meaning.
    public struct Damage: Sendable, Equatable {
        public let line: Int
        public let reason: String
    }

    public let columns: [String]
    public let rows: [Row]
    public let damage: [Damage]

    /// - Parameter text: UTF-8; a byte order mark and any kind of line end are understood, and so is a semicolon
    ///   instead of the comma, which spreadsheets write in Russian.
    public init(_ text: String) {
        var records: [(line: Int, fields: [String])] = []
        var damage: [Damage] = []
        var fields: [String] = []
        var field = ""
        var isQuoted = false
        var line = 1
        var begins = 1
        let body = text.unicodeScalars.first == "\u{feff}" ? String(text.unicodeScalars.dropFirst()) : text
        let header = body.prefix { !$0.isNewline }
        let separator: Character = !header.contains(",") && header.contains(";") ? ";" : ","

        func finish() {
            fields.append(field)
            if fields.contains(where: { !$0.isEmpty }) { records.append((begins, fields)) }
            fields = []
            field = ""
        }
        var rest = body.makeIterator()
        var next = rest.next()
        while let character = next {
            next = rest.next()
            if isQuoted {
                if character == "\"" {
                    if next == "\"" {
                        field.append("\"")
                        next = rest.next()
                    } else {
                        isQuoted = false
                    }
                } else {
                    if character.isNewline { line += 1 }
                    field.append(character)
                }
            } else if character == "\"", field.isEmpty {
                isQuoted = true
            } else if character == separator {
                fields.append(field)
                field = ""
            } else if character.isNewline {
                finish()
                line += 1
                begins = line
            } else {
                field.append(character)
            }
        }
        if isQuoted {
            damage.append(Damage(line: begins, reason: "a quoted field is not closed"))
        } else if !field.isEmpty || !fields.isEmpty {
            finish()
        }

        columns = records.first?.fields.map { $0.trimmingCharacters(in: .whitespacesAndNewlines).lowercased() } ?? []
        var rows: [Row] = []
        for record in records.dropFirst() {
            guard record.fields.count == columns.count else {
                damage.append(
                    Damage(line: record.line, reason: "\(record.fields.count) fields where the header has \(columns.count)"))
                continue
            }
            var named: [String: String] = [:]
            for (column, value) in zip(columns, record.fields) { named[column] = value.trimmingCharacters(in: .whitespacesAndNewlines) }
            rows.append(Row(line: record.line, fields: named))
        }
        self.rows = rows
        self.damage = damage
    }
}

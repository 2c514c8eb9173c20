import Events
public import Foundation
public import Messaging
public import Postgres

/// A table in which a service keeps something about people, and what becomes of it when one of them is forgotten.
public struct KeptTable: Sendable {
    public enum End: Sendable, Equatable {
        /// The rows go.
        case deleted
        /// The rows stay for those they are tied to, and these columns are emptied: assignments in SQL.
        case blanked(String)
        /// They stay, and why. They have no name, login, telephone or address in them.
        case kept(String)
    }

    public let name: String
    /// The columns that hold a person's id and make the row one about him.
    public let about: [String]
    /// Columns with the id of somebody who had to do with it only.
    public let merely: [String]
    public let end: End
    /// Columns that are shown to nobody: secrets, and what is kept twice.
    public let hides: [String]
    /// Never shown to the pupil himself (D-10, AC-06).
    public let isForGuardians: Bool
    /// Where the rows about somebody are found by more than a column: a condition over the table `t`.
    let condition: (@Sendable (UUID) -> SQL)?

    public init(
        _ name: String, about: [String], merely: [String] = [], hides: [String] = [], isForGuardians: Bool = false,
        where condition: (@Sendable (UUID) -> SQL)? = nil, _ end: End
    ) {
        self.name = name
        self.about = about
        self.merely = merely
        self.hides = hides
        self.isForGuardians = isForGuardians
        self.condition = condition
        self.end = end
    }
}

/// What a service keeps about one person, as a file for him: every value as text, by the names of the tables and columns.
public struct KeptFile: Sendable, Codable, Equatable {
    public struct Part: Sendable, Codable, Equatable {
        public let table: String
        public let rows: [[String: String]]
    }

    public let service: String
    public let personID: UUID
    public let parts: [Part]
}

/// Everything that a service keeps about people. The list is complete: a test compares it with the schema.
///
/// Names are no part of it: they are in Directory, which hears that a person has none any more. Ledger needs no book: it never
/// knew a name, and its books stay by law.
public struct KeptBook: Sendable {
    public let tables: [KeptTable]

    public init(_ tables: [KeptTable]) { self.tables = tables }

    /// What is kept about a person.
    ///
    /// - Parameter isForPupil: the pupil himself asks; what is for his parents alone stays away (D-10).
    public func file(of person: UUID, service: String, isForPupil: Bool, in tx: borrowing Transaction) throws -> KeptFile {
        var parts: [KeptFile.Part] = []
        for table in tables where !(isForPupil && table.isForGuardians) {
            let condition: SQL
            if let own = table.condition {
                condition = own(person)
            } else if table.about.isEmpty {
                continue
            } else {
                let columns = table.about.map { "t.\($0)" }.joined(separator: ", ")
                condition = "\(person) in (\(unescaped: columns))"
            }
            let rows = try tx.rows(
                "select jsonb_strip_nulls(to_jsonb(t) - \(table.hides)::text[]) from \(unescaped: table.name) t where \(condition) order by 1",
                as: JSON<[String: KeptValue]>.self
            ).map { $0.value.mapValues(\.text) }
            if !rows.isEmpty { parts.append(KeptFile.Part(table: table.name, rows: rows)) }
        }
        return KeptFile(service: service, personID: person, parts: parts)
    }

    /// Forgets a person; once more changes nothing.
    public func forget(_ person: UUID, in tx: borrowing Transaction) throws {
        for table in tables where !table.about.isEmpty {
            let columns = table.about.joined(separator: ", ")
            switch table.end {
            case .deleted: try tx.execute("delete from \(unescaped: table.name) where \(person) in (\(unescaped: columns))")
            case .blanked(let assignments):
                try tx.execute(
                    "update \(unescaped: table.name) set \(unescaped: assignments) where \(person) in (\(unescaped: columns))")
            case .kept: continue
            }
        }
    }

    /// What a service listens to about people who are forgotten.
    ///
    /// - Parameter queue: `canteen.erasures`.
    public func hearing(queue: String) -> Hearing {
        Hearing(queue: queue, [.each(PersonErased.self) { erased, tx, _ in try forget(erased.event.personID, in: tx) }])
    }
}

/// A value of any type, as a text.
private struct KeptValue: Codable, Sendable {
    let text: String

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let flag = try? container.decode(Bool.self) {
            text = flag ? "true" : "false"
        } else if let number = try? container.decode(Int64.self) {
            text = "\(number)"
        } else if let number = try? container.decode(Double.self) {
            text = "\(number)"
        } else if let word = try? container.decode(String.self) {
            text = word
        } else {
            // Lists and objects keep their shape as JSON.
            let encoder = JSONEncoder()
            encoder.outputFormatting = .sortedKeys
            if let list = try? container.decode([KeptValue].self) {
                text = String(decoding: try encoder.encode(list.map(\.text)), as: UTF8.self)
            } else {
                text = String(decoding: try encoder.encode(try container.decode([String: KeptValue].self).mapValues(\.text)), as: UTF8.self)
            }
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

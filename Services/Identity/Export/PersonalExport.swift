import Foundation
import Kernel
import Postgres

/// Everything that this service keeps about a person, as he is entitled to have it.
///
/// Each service hands out its own part in this form; the page of one links those of the others. A pupil's own never holds what is
/// for his parents alone (D-10): here there is nothing of the kind.
struct PersonalExport: Sendable, Equatable, Encodable {
    struct Part: Sendable, Equatable, Encodable {
        let table: String
        /// English; the page translates it.
        let title: String
        let labels: [String]
        /// One value per label; none where nothing is kept.
        let rows: [[String?]]
    }

    let service: String
    let personID: UUID
    let parts: [Part]

    static func read(_ personID: UUID, in transaction: borrowing Transaction) throws -> PersonalExport {
        var parts: [Part] = []
        for record in PersonalRecord.all where !record.about.isEmpty {
            parts.append(
                Part(
                    table: record.table, title: record.title, labels: record.columns.map(\.label),
                    rows: try rows(of: record, about: personID, in: transaction)))
        }
        return PersonalExport(service: "identity", personID: personID, parts: parts.filter { !$0.rows.isEmpty })
    }

    /// Every value as text, moments by ISO 8601. The names of tables and columns are this program's own.
    private static func rows(
        of record: PersonalRecord, about personID: UUID, in transaction: borrowing Transaction
    ) throws -> [[String?]] {
        let values = record.columns.map { "to_jsonb(\($0.expression))" }.joined(separator: ", ")
        let condition = "in (" + record.about.map { "t.\($0)" }.joined(separator: ", ") + ")"
        return try transaction.rows(
            """
            select jsonb_build_array(\(unescaped: values)) from \(unescaped: record.table) t \(unescaped: record.joined)
            where \(personID) \(unescaped: condition) order by \(unescaped: record.order)
            """,
            as: JSON<[Value]>.self
        ).map { $0.value.map(\.text) }
    }

    /// A value of any type, as a text.
    private enum Value: Codable, Sendable {
        case none
        case text(String)

        var text: String? { if case .text(let text) = self { text } else { nil } }

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if container.decodeNil() {
                self = .none
            } else if let flag = try? container.decode(Bool.self) {
                self = .text(flag ? "yes" : "no")
            } else if let number = try? container.decode(Int64.self) {
                self = .text("\(number)")
            } else if let facts = try? container.decode([String: String].self) {
                self = facts.isEmpty ? .none : .text(facts.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: "; "))
            } else {
                self = .text(try container.decode(String.self))
            }
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            if let text { try container.encode(text) } else { try container.encodeNil() }
        }
    }
}

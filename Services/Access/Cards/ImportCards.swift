import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// A list of cards: `person_number,kind,number`, people named as the roster names them.
///
/// Repeatable: a line that is true already changes nothing. A line that cannot be used is reported with its number
/// and reason and the rest is taken; a line whose person has not arrived yet is kept and applied when he does.
struct ImportCards {
    /// One usable line.
    struct Line: Sendable, Equatable {
        let row: Int
        let personNumber: String
        let kind: CardKind
        let number: CardNumber
    }

    /// A line that cannot be used.
    struct BadLine: Sendable, Equatable, Codable {
        let line: Int
        let reason: String
    }

    struct Report: Sendable, Equatable, Codable {
        var assigned = 0
        var unchanged = 0
        var waiting = 0
        var bad: [BadLine] = []
    }

    let school: UUID
    let lines: [Line]
    private let unreadable: [BadLine]

    init(_ table: CSVTable, school: UUID) {
        var lines: [Line] = []
        var bad = table.damage.map { BadLine(line: $0.line, reason: $0.reason) }
        if let missing = ["person_number", "kind", "number"].first(where: { !table.columns.contains($0) }) {
            bad.append(BadLine(line: 1, reason: "there is no column \(missing)"))
        } else {
            for row in table.rows {
                guard let kind = CardKind(rawValue: row["kind"]) else {
                    bad.append(BadLine(line: row.line, reason: "unknown kind «\(row["kind"])»"))
                    continue
                }
                do throws(CardNumberRefused) {
                    let number = try CardNumber(row["number"])
                    lines.append(Line(row: row.line, personNumber: row["person_number"], kind: kind, number: number))
                } catch {
                    bad.append(BadLine(line: row.line, reason: "«\(row["number"])» is no card number: \(error)"))
                }
            }
        }
        self.init(lines: lines, unreadable: bad, school: school)
    }

    private init(lines: [Line], unreadable: [BadLine], school: UUID) {
        self.lines = lines
        self.unreadable = unreadable
        self.school = school
    }

    func run(in transaction: borrowing Transaction, outbox: Outbox) throws -> Report {
        var report = Report(bad: unreadable)
        let people = try Self.people(Set(lines.map(\.personNumber)), school: school, in: transaction)
        for line in lines {
            guard let person = people[line.personNumber] else {
                try transaction.execute(
                    """
                    insert into waiting_card (school_id, person_number, number, kind)
                    values (\(school), \(line.personNumber), \(line.number.text), \(line.kind.rawValue))
                    on conflict do nothing
                    """)
                report.waiting += 1
                continue
            }
            do {
                switch try AssignCard(person: person, number: line.number, kind: line.kind)
                    .run(in: transaction, outbox: outbox)
                {
                case .assigned: report.assigned += 1
                case .unchanged: report.unchanged += 1
                }
            } catch AssignCard.Refused.belongsToSomebodyElse {
                report.bad.append(BadLine(line: line.row, reason: "«\(line.number.text)» is somebody else's card"))
            }
        }
        return report
    }

    /// Gives the cards that waited for people of these numbers.
    static func applyWaiting(for numbers: [String], in transaction: borrowing Transaction, outbox: Outbox) throws {
        guard !numbers.isEmpty else { return }
        let waiting = try transaction.rows(
            """
            delete from waiting_card where person_number = any(\(numbers))
            returning school_id, person_number, kind, number
            """, as: UUID.self, String.self, String.self, String.self)
        for (school, rows) in Dictionary(grouping: waiting, by: { $0.0 }) {
            let lines = rows.compactMap { row in
                (try? CardNumber(row.3, as: .hex)).map {
                    Line(row: 0, personNumber: row.1, kind: CardKind(rawValue: row.2) ?? .serviceCard, number: $0)
                }
            }
            _ = try ImportCards(lines: lines, unreadable: [], school: school).run(in: transaction, outbox: outbox)
        }
    }

    /// How many cards wait for their people.
    static func waiting(in transaction: borrowing Transaction) throws -> Int {
        try transaction.first("select count(*) from waiting_card", as: Int.self) ?? 0
    }

    /// Whose roster numbers these are: pupils of the school, and staff, who belong to none.
    private static func people(
        _ numbers: Set<String>, school: UUID, in transaction: borrowing Transaction
    ) throws -> [String: UUID] {
        let rows = try transaction.rows(
            """
            select roster_number, id from directory_person
            where roster_number = any(\(Array(numbers))) and (school_id = \(school) or school_id is null) and not ended
            """, as: String.self, UUID.self)
        return Dictionary(rows.map { ($0.0, $0.1) }, uniquingKeysWith: { first, _ in first })
    }
}

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

    let lines: [Line]
    private let unreadable: [BadLine]

    /// Reads the rows of a list, its header row first.
    init(_ rows: [[String]]) {
        var lines: [Line] = []
        var bad: [BadLine] = []
        let header = rows.first ?? []
        let columns = ["person_number", "kind", "number"].map { header.firstIndex(of: $0) }
        guard let person = columns[0], let kind = columns[1], let number = columns[2] else {
            self.lines = []
            unreadable = [BadLine(line: 1, reason: "the header must name person_number, kind and number")]
            return
        }
        for (index, row) in rows.enumerated().dropFirst() {
            let line = index + 1
            guard row.count > max(person, kind, number) else {
                bad.append(BadLine(line: line, reason: "too few fields"))
                continue
            }
            guard let cardKind = CardKind(rawValue: row[kind]) else {
                bad.append(BadLine(line: line, reason: "unknown kind «\(row[kind])»"))
                continue
            }
            do {
                let cardNumber = try CardNumber(row[number])
                lines.append(Line(row: line, personNumber: row[person], kind: cardKind, number: cardNumber))
            } catch {
                bad.append(BadLine(line: line, reason: "«\(row[number])» is no card number: \(error)"))
            }
        }
        self.lines = lines
        unreadable = bad
    }

    func run(in transaction: borrowing Transaction, outbox: Outbox) throws -> Report {
        var report = Report(bad: unreadable)
        let people = try People.byRosterNumber(Set(lines.map(\.personNumber)), in: transaction)
        for line in lines {
            guard let person = people[line.personNumber] else {
                try transaction.execute(
                    """
                    insert into waiting_card (person_number, number, kind)
                    values (\(line.personNumber), \(line.number.text), \(line.kind.rawValue)) on conflict do nothing
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

    /// Gives the cards that waited for these people.
    static func applyWaiting(for numbers: Set<String>, in transaction: borrowing Transaction, outbox: Outbox) throws {
        guard !numbers.isEmpty else { return }
        let waiting = try transaction.rows(
            """
            delete from waiting_card where person_number = any(\(Array(numbers)))
            returning person_number, kind, number
            """, as: String.self, String.self, String.self)
        guard !waiting.isEmpty else { return }
        _ = try ImportCards([["person_number", "kind", "number"]] + waiting.map { [$0.0, $0.1, $0.2] })
            .run(in: transaction, outbox: outbox)
    }
}

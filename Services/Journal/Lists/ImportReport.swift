import Directory
import Foundation
import Kernel
import Postgres

/// What became of a list.
struct ImportReport: Sendable, Equatable {
    struct BadLine: Sendable, Equatable, Comparable {
        let line: Int
        let reason: String
        static func < (left: BadLine, right: BadLine) -> Bool { left.line < right.line }
    }

    /// Lines that hold now, whether they changed anything or not.
    var taken = 0
    /// Lines about people who are not known yet.
    var waiting = 0
    var bad: [BadLine] = []
    /// What the operator should know besides.
    var notes: [String] = []

    init() {}

    init(_ table: CSVTable, columns: [String]) {
        bad = table.damage.map { BadLine(line: $0.line, reason: $0.reason) }
        let missing = columns.filter { !table.columns.contains($0) }
        if !missing.isEmpty { bad.append(BadLine(line: 1, reason: "columns are missing: \(missing.joined(separator: ", "))")) }
    }

    mutating func refuse(_ line: Int, _ reason: String) { bad.append(BadLine(line: line, reason: reason)) }

    var text: String {
        var parts = ["\(taken) lines taken"]
        if waiting > 0 { parts.append("\(waiting) wait for their pupils") }
        if !bad.isEmpty { parts.append("\(bad.count) not taken") }
        return ([parts.joined(separator: ", ")] + notes).joined(separator: "\n")
    }
}

/// The school that a list is about.
enum ListedSchool {
    struct Unknown: Error, CustomStringConvertible {
        let description: String
    }

    /// - Parameter name: the school's name or identifier; nil, or any other word, when there is only one school.
    static func find(_ name: String?, in transaction: borrowing Transaction) throws -> SchoolRecord {
        let all = try Directory.schools(in: transaction)
        if let name, let found = all.first(where: { $0.name == name || $0.id.text == name.lowercased() }) { return found }
        if all.count == 1, let only = all.first { return only }
        let names = all.map(\.name).joined(separator: ", ")
        if all.isEmpty { throw Unknown(description: "no school is known yet: import the roster into Identity first") }
        throw Unknown(description: "name the school with --school; there are: \(names)")
    }
}

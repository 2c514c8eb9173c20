import Events
import Foundation
import Kernel

/// What the files of a roster say, read and checked as far as that needs no database.
struct Roster: Sendable {
    /// A line with where it stands, so that what is found out later can still name it.
    struct Line<Content: Sendable>: Sendable {
        let content: Content
        let file: String
        let number: Int

        func refused(_ reason: String) -> BadLine { BadLine(file: file, line: number, reason: reason) }
    }

    private(set) var schools: [Line<SchoolLine>] = []
    private(set) var classes: [Line<ClassLine>] = []
    private(set) var pupils: [Line<PupilLine>] = []
    private(set) var guardians: [Line<GuardianLine>] = []
    private(set) var staff: [Line<StaffLine>] = []
    private(set) var contacts: [Line<SchoolContactLine>] = []
    private(set) var bad: [BadLine] = []

    /// The kinds of file, told by their columns and not by their names.
    private enum Kind: CaseIterable {
        case pupils, guardians, staff, contacts, schools, classes

        var columns: [String] {
            switch self {
            case .pupils: ["school", "class", "pupil_number", "surname", "given_name", "gender", "birth_date"]
            case .guardians: ["pupil_number", "guardian_number", "surname", "given_name", "gender"]
            case .staff: ["school", "staff_number", "surname", "given_name", "gender", "role"]
            case .contacts: ["school", "question", "name"]
            case .schools: ["school", "name"]
            case .classes: ["school", "class"]
            }
        }
    }

    /// The file names of a roster in a folder; other files there belong to others.
    static let fileNames = ["school.csv", "classes.csv", "pupils.csv", "guardians.csv", "staff.csv", "contacts.csv"]

    /// Reads files and, of folders, the roster's files in them.
    ///
    /// - Throws: when a path does not exist, a folder has no roster in it, or a file is not UTF-8 or of no known kind.
    init(paths: [String]) throws {
        for path in paths {
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
                throw RosterUnreadable(path: path, reason: "there is no such file")
            }
            var files = [path]
            if isFolder.boolValue {
                files = Self.fileNames.map { path + "/" + $0 }.filter { FileManager.default.fileExists(atPath: $0) }
                guard !files.isEmpty else { throw RosterUnreadable(path: path, reason: "the folder has no roster files") }
            }
            for file in files {
                guard let text = try? String(contentsOfFile: file, encoding: .utf8) else {
                    throw RosterUnreadable(path: file, reason: "the file is not UTF-8")
                }
                try read(text, file: file.split(separator: "/").last.map(String.init) ?? file)
            }
        }
    }

    /// Reads texts as if they were files; for tests and for uploads.
    init(files: [(name: String, text: String)]) throws {
        for file in files { try read(file.text, file: file.name) }
    }

    private mutating func read(_ text: String, file: String) throws {
        let table = CSVTable(text)
        guard let kind = Kind.allCases.first(where: { Set($0.columns).isSubset(of: table.columns) }) else {
            throw RosterUnreadable(
                path: file, reason: "its header (\(table.columns.joined(separator: ","))) is none of a roster's files")
        }
        bad += table.damage.map { BadLine(file: file, line: $0.line, reason: $0.reason) }
        switch kind {
        case .schools: schools += lines(table, file, SchoolLine.init, key: \.code)
        case .classes: classes += lines(table, file, ClassLine.init) { "\($0.school) \($0.name)" }
        case .pupils: pupils += lines(table, file, PupilLine.init, key: \.person.number)
        case .guardians:
            guardians += lines(table, file, GuardianLine.init) { "\($0.person.number) of \($0.pupilNumber)" }
            guardians = agreeing(guardians, number: \.person.number, on: { $0.person.fingerprint + $0.contact.fingerprint })
        case .staff:
            staff += lines(table, file, StaffLine.init) {
                "\($0.person.number) \($0.role.rawValue) \($0.className?.description ?? "") \($0.subject)"
            }
            staff = agreeing(staff, number: \.person.number, on: { $0.person.fingerprint + $0.contact.fingerprint })
        case .contacts: contacts += lines(table, file, SchoolContactLine.init) { $0.school + $0.contact.question + $0.contact.name }
        }
    }

    /// The good lines of a table; the others, and those that say again what an earlier line said, become bad ones.
    private mutating func lines<Content>(
        _ table: CSVTable, _ file: String, _ read: (CSVTable.Row) throws -> Content, key: (Content) -> String
    ) -> [Line<Content>] {
        var seen: [String: Int] = [:]
        var good: [Line<Content>] = []
        for row in table.rows {
            do {
                let content = try read(row)
                if let first = seen.updateValue(row.line, forKey: key(content)) {
                    seen[key(content)] = first
                    throw LineRefused("the same as line \(first): \(key(content))")
                }
                good.append(Line(content: content, file: file, number: row.line))
            } catch let refused as LineRefused {
                bad.append(BadLine(file: file, line: row.line, reason: refused.reason))
            } catch {
                bad.append(BadLine(file: file, line: row.line, reason: "\(error)"))
            }
        }
        return good
    }

    /// Of lines about one person, those that call him as his first line does.
    private mutating func agreeing<Content>(
        _ all: [Line<Content>], number: (Content) -> String, on said: (Content) -> String
    ) -> [Line<Content>] {
        var first: [String: Line<Content>] = [:]
        return all.filter { line in
            let known = first[number(line.content)] ?? line
            first[number(line.content)] = known
            if said(known.content) == said(line.content) { return true }
            bad.append(line.refused("number \(number(line.content)) has another name or contact on line \(known.number)"))
            return false
        }
    }
}

/// A file that cannot be read as part of a roster at all.
struct RosterUnreadable: Error, CustomStringConvertible {
    let path: String
    let reason: String
    var description: String { "\(path): \(reason)" }
}

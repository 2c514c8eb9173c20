import Foundation

/// The files of the repository as the tests read them.
enum SourceTree {
    /// The repository's root: three folders above this file.
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    static let services = ["Access", "Canteen", "Identity", "Journal", "Ledger", "Notifier"]

    /// Paths below `folder`, relative to the root, that end in `ending`.
    static func files(in folder: String, ending: String) -> [String] {
        let start = root.appending(path: folder)
        // Canonical on both sides: the checkout may be reached through a link.
        let prefix = root.resolvingSymlinksInPath().path + "/"
        guard let all = FileManager.default.enumerator(at: start, includingPropertiesForKeys: nil) else { return [] }
        return all.compactMap { $0 as? URL }
            .map { String($0.resolvingSymlinksInPath().path.dropFirst(prefix.count)) }
            .filter { $0.hasSuffix(ending) && !$0.contains("/.") && !$0.hasPrefix(".") && !$0.contains("__pycache__") }
            .sorted()
    }

    static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    /// What a Swift file imports, without the members of a scoped import.
    static func imports(_ path: String) throws -> Set<String> {
        let pattern = /^(?:public |internal |package |private |@testable |@preconcurrency |@_exported )*import (?:struct |enum |class |func |protocol |typealias )?(\w+)/
        return Set(try text(path).split(separator: "\n").compactMap { $0.firstMatch(of: pattern).map { String($0.1) } })
    }

    /// A Swift file without its comments, line by line; a line keeps its place.
    static func code(_ path: String) throws -> [String] {
        try text(path).components(separatedBy: "\n").map { line in
            guard let comment = line.firstRange(of: /(^|\s)\/\//) else { return line }
            return String(line[..<comment.lowerBound])
        }
    }
}

import Foundation
import Testing

@testable import Web

/// The sheet beside every template and drawing of the product: neither knows a class that the other does not.
@Suite("The stylesheet") struct StylesheetTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    private static func files(_ ends: String, in folders: [String] = ["Shared/Web", "Services"]) throws -> [(path: String, text: String)] {
        try folders.flatMap { folder in
            let paths = FileManager.default.enumerator(atPath: root.appendingPathComponent(folder).path)?.compactMap { $0 as? String } ?? []
            return try paths.filter { $0.hasSuffix(ends) }.sorted().map {
                ($0, try String(contentsOf: root.appendingPathComponent("\(folder)/\($0)"), encoding: .utf8))
            }
        }
    }

    /// Letters have no sheet: what they look like stands in them.
    private static func templates() throws -> [(path: String, text: String)] {
        try files(".mustache").filter { !$0.path.contains("/letter/") && !$0.path.hasSuffix("/html.mustache") }
    }

    private static func sheet() throws -> String {
        try String(contentsOf: root.appendingPathComponent("Shared/Web/Assets/zvonok.css"), encoding: .utf8)
            .replacing(/\/\*[\s\S]*?\*\//, with: "")
    }

    /// The classes that the sheet has rules for.
    private static func known() throws -> Set<String> {
        var known: Set<String> = []
        for rule in try sheet().matches(of: /([^{};]+)\{/) {
            for name in rule.output.1.matches(of: /\.([a-zA-Z][\w-]*)/) { known.insert(String(name.output.1)) }
        }
        return known
    }

    /// What stands in `class="…"`: whole names, and beginnings of those whose end is filled in.
    private static func used() throws -> (names: [String: String], beginnings: Set<String>) {
        var names: [String: String] = [:]
        var beginnings: Set<String> = []
        for (path, text) in try templates() {
            for attribute in text.matches(of: /class="([^"]*)"/) {
                let plain = attribute.output.1.replacing(/\{\{[#^\/][^}]*\}\}/, with: " ")
                for word in plain.split(separator: " ") {
                    if let filled = word.firstRange(of: "{{") {
                        beginnings.insert(String(word[..<filled.lowerBound]))
                    } else {
                        names[String(word)] = path
                    }
                }
            }
        }
        return (names, beginnings)
    }

    /// Every word in the string literals of the code: drawings and values name their classes there.
    private static func words() throws -> Set<String> {
        var words: Set<String> = []
        for (_, text) in try files(".swift") + files(".js", in: ["Shared/Web"]) {
            for literal in text.matches(of: /"((?:[^"\\\n]|\\.)*)"/) {
                for word in literal.output.1.matches(of: /[a-zA-Z][\w-]*/) { words.insert(String(word.output)) }
            }
            for attribute in text.matches(of: /class="([^"]*)"/) {
                for word in attribute.output.1.split(separator: " ") { words.insert(String(word)) }
            }
        }
        return words
    }

    @Test("Every class of the sheet stands on a page or in a drawing")
    func nothingIdle() throws {
        let (names, beginnings) = try Self.used()
        let words = try Self.words()
        let idle = try Self.known().filter { name in
            names[name] == nil && !words.contains(name)
                && !beginnings.contains { !$0.isEmpty && name.hasPrefix($0) && words.contains(String(name.dropFirst($0.count))) }
        }
        #expect(idle.sorted() == [])
    }

    @Test("Every class on a page has a rule in the sheet")
    func nothingMissing() throws {
        let known = try Self.known()
        let missing = try Self.used().names.filter { !known.contains($0.key) }.map { "\($0.key) in \($0.value)" }
        #expect(missing.sorted() == [])
    }

    @Test("No template carries a look or a script of its own")
    func nothingInline() throws {
        for (path, text) in try Self.templates() {
            #expect(!text.contains(" style="), "\(path)")
            #expect(!text.contains("<style"), "\(path)")
            #expect(text.firstMatch(of: /\son[a-z]+="/) == nil, "\(path)")
            #expect(text.firstMatch(of: /<script(?![^>]*src=)/) == nil, "\(path)")
        }
    }

    @Test("Colours are named once: what is not among the tokens is paper, print or a shade behind a dialog")
    func colours() throws {
        let sheet = try Self.sheet()
        let tokens = try #require(sheet.firstRange(of: "@layer base {"))
        let rest = sheet[tokens.lowerBound...]
        let said = Set(rest.matches(of: /#[0-9a-f]{3,8}\b/).map { String($0.output) })
        #expect(said.subtracting(["#fff", "#000", "#333", "#666", "#999", "#bbb", "#c3c6cf", "#2d3a56", "#6d7890", "#f49a84", "#d9a544"]).isEmpty, "\(said)")
    }

    @Test("Sides are named by the way one reads: nothing says left, right, width or height")
    func logical() throws {
        let rules = try Self.sheet().matches(of: /[;{]\s*((?:margin|padding|border)-(?:left|right|top|bottom)|left|right|top|bottom|width|height|(?:min|max)-(?:width|height))\s*:/)
        #expect(rules.map { String($0.output.1) } == [])
    }

    @Test("The sheet stays small")
    func size() throws {
        let sheet = try Self.sheet()
        #expect(Assets.compact(sheet).utf8.count < 34_000)
        // Nothing but spaces is gone: the rules are as many, each with as many declarations.
        for sign in ["{", "}", ":", "@", "#"] { #expect(Assets.compact(sheet).filter { "\($0)" == sign }.count == sheet.filter { "\($0)" == sign }.count) }
    }

    @Test("What browsers get is the sheet without its spaces and remarks")
    func compact() {
        let written = "/* a */\n@layer x {\n  a:hover,\n  b > c { margin: 0 auto; padding: calc(1px + 2px); }\n}\n"
        #expect(Assets.compact(written) == "@layer x{a:hover,b > c{margin:0 auto;padding:calc(1px + 2px)}}")
    }
}

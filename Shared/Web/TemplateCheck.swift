import Foundation

/// Looks for names in a page's template that its struct does not have; every service's tests ask it about their pages.
///
/// Mustache shows nothing for a misspelt key, a computed property, a missing partial or layout. This walks the template beside an
/// example of its page and reports each of them. Lists of the example must hold an element and optionals a value, or what stands
/// inside their sections cannot be checked; that is reported too.
public enum TemplateCheck {
    /// What is wrong, a line each; empty when nothing is.
    ///
    /// - Parameters:
    ///   - page: an example with everything in it.
    ///   - bundle: the service's bundle with `Views/`; nil for the shared templates alone.
    ///   - mayBeEmpty: keys of lists and optionals that this example leaves out on purpose.
    public static func problems<P: Page>(with page: P, in bundle: Bundle?, mayBeEmpty: Set<String> = []) throws -> [String] {
        try problems(with: page, template: P.template, in: bundle, mayBeEmpty: mayBeEmpty, isPage: true)
    }

    /// The same for a template that is shown without a frame: a fragment or a letter.
    public static func problems(
        with value: some Sendable, template: String, in bundle: Bundle?, mayBeEmpty: Set<String> = []
    ) throws -> [String] {
        try problems(with: value, template: template, in: bundle, mayBeEmpty: mayBeEmpty, isPage: false)
    }

    private static func problems(
        with value: Any, template: String, in bundle: Bundle?, mayBeEmpty: Set<String>, isPage: Bool
    ) throws -> [String] {
        var walk = Walk(templates: try Pages.sources(bundle), mayBeEmpty: mayBeEmpty)
        // The frame is Web's own and has tests of its own.
        let root = isPage ? Scope.page(value) : Scope(value)
        walk.enter(template, from: template, [root], blocks: [:])
        return walk.found.sorted()
    }

    enum Property {
        case none
        /// There, and not to be looked into.
        case opaque
        case value(Any)
    }

    /// What a key is looked up in: the stored properties of a value.
    struct Scope {
        private let properties: [String: Any]
        /// Keys that are there and not to be looked into.
        private let known: Set<String>

        init(_ value: Any) {
            let mirror = Mirror(reflecting: value)
            let held = mirror.displayStyle == .optional ? mirror.children.first?.value ?? value : value
            properties = Dictionary(
                Mirror(reflecting: held).children.compactMap { child in child.label.map { ($0, child.value) } },
                uniquingKeysWith: { first, _ in first })
            known = []
        }

        private init(properties: [String: Any], known: Set<String>) {
            self.properties = properties
            self.known = known
        }

        static func page(_ page: Any) -> Scope { Scope(properties: ["page": page], known: ["frame"]) }

        func property(_ name: String) -> Property {
            if known.contains(name) { return .opaque }
            return properties[name].map { .value($0) } ?? .none
        }
    }

    private struct Walk {
        let templates: [String: String]
        let mayBeEmpty: Set<String>
        var found: Set<String> = []

        mutating func enter(_ template: String, from place: String, _ scopes: [Scope], blocks: [String: Block], depth: Int = 0) {
            guard let text = templates[template] else {
                found.insert("\(place): there is no template «\(template)»")
                return
            }
            guard depth < 20 else { return }
            walk(Tag.all(in: text), template, scopes, blocks, depth)
        }

        private mutating func walk(_ tags: [Tag], _ place: String, _ scopes: [Scope], _ blocks: [String: Block], _ depth: Int) {
            var rest = tags[...]
            while let tag = rest.popFirst() {
                switch tag.kind {
                case .variable: _ = value(of: tag.name, scopes, place)
                case .partial: enter(tag.name, from: place, scopes, blocks: blocks, depth: depth + 1)
                case .dynamicPartial:
                    if let name = value(of: tag.name, scopes, place) as? String {
                        enter(name, from: place, scopes, blocks: blocks, depth: depth + 1)
                    }
                case .parent:
                    var inside = Self.body(of: tag, in: &rest)[...]
                    var overridden = blocks
                    while let block = inside.popFirst() {
                        guard block.kind == .block else { continue }
                        // What the outermost template says wins.
                        let body = Self.body(of: block, in: &inside)
                        overridden[block.name] = overridden[block.name] ?? Block(place: place, tags: body)
                    }
                    enter(tag.name, from: place, scopes, blocks: overridden, depth: depth + 1)
                case .block:
                    let own = Block(place: place, tags: Self.body(of: tag, in: &rest))
                    let block = blocks[tag.name] ?? own
                    walk(block.tags, block.place, scopes, blocks, depth)
                case .inverted:
                    _ = value(of: tag.name, scopes, place)
                    walk(Self.body(of: tag, in: &rest), place, scopes, blocks, depth)
                case .section: section(tag, Self.body(of: tag, in: &rest), place, scopes, blocks, depth)
                case .end: break
                }
            }
        }

        private mutating func section(
            _ tag: Tag, _ body: [Tag], _ place: String, _ scopes: [Scope], _ blocks: [String: Block], _ depth: Int
        ) {
            guard let held = value(of: tag.name, scopes, place) else { return }
            if held is Bool {
                walk(body, place, scopes, blocks, depth)
                return
            }
            var inner = held
            let mirror = Mirror(reflecting: held)
            if mirror.displayStyle == .collection || mirror.displayStyle == .optional {
                guard let first = mirror.children.first?.value else {
                    if !mayBeEmpty.contains(tag.name) {
                        found.insert("\(place): the example has nothing in «\(tag.name)», so its section is not checked")
                    }
                    return
                }
                inner = first
            }
            walk(body, place, scopes + [Scope(inner)], blocks, depth)
        }

        /// What a key holds; nil when there is nothing to look into.
        private mutating func value(of name: String, _ scopes: [Scope], _ place: String) -> Any? {
            if name == "." { return nil }
            var names = name.split(separator: ".").map(String.init)
            let first = names.removeFirst()
            for scope in name.hasPrefix(".") ? scopes.suffix(1) : scopes.reversed() {
                switch scope.property(first) {
                case .none: continue
                case .opaque: return nil
                case .value(var value):
                    for next in names {
                        guard case .value(let deeper) = Scope(value).property(next) else {
                            found.insert("\(place): «\(name)» is no stored property")
                            return nil
                        }
                        value = deeper
                    }
                    return value
                }
            }
            found.insert("\(place): «\(name)» is no stored property")
            return nil
        }

        /// The tags up to the end of a section, which is taken away with them.
        private static func body(of tag: Tag, in rest: inout ArraySlice<Tag>) -> [Tag] {
            var body: [Tag] = []
            var depth = 0
            while let next = rest.popFirst() {
                if next.kind == .end {
                    if depth == 0 { return body }
                    depth -= 1
                } else if next.opens {
                    depth += 1
                }
                body.append(next)
            }
            return body
        }
    }

    /// What a template puts into its layout, and which template that is.
    private struct Block {
        let place: String
        let tags: [Tag]
    }

    /// A tag of a template.
    private struct Tag {
        enum Kind { case variable, section, inverted, end, partial, dynamicPartial, parent, block }

        let kind: Kind
        let name: String

        var opens: Bool { [.section, .inverted, .parent, .block].contains(kind) }

        static func all(in text: String) -> [Tag] {
            text.matches(of: /\{\{\{?([#^\/&<$!]|>\s*\*?)?\s*([^}]*?)\s*\}\}\}?/).compactMap { match in
                let name = String(match.output.2)
                switch match.output.1?.filter({ !$0.isWhitespace }) ?? "" {
                case "#": return Tag(kind: .section, name: name)
                case "^": return Tag(kind: .inverted, name: name)
                case "/": return Tag(kind: .end, name: name)
                case "<": return Tag(kind: .parent, name: name)
                case "$": return Tag(kind: .block, name: name)
                case ">": return Tag(kind: .partial, name: name)
                case ">*": return Tag(kind: .dynamicPartial, name: name)
                case "!": return nil
                default: return Tag(kind: .variable, name: name)
                }
            }
        }
    }
}

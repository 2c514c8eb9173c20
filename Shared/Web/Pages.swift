public import Foundation
import HTTPTypes
import Mustache

/// Every template of one service together with the shared ones, translated and parsed once at start: one library per
/// language.
public struct Pages: Sendable {
    private var libraries: [Language: MustacheLibrary]
    public let catalogue: Catalogue
    public let assets: Assets
    /// What the forms of the templates send.
    let forms: FormFields

    /// - Parameters:
    ///   - bundle: the service's bundle with `Views/` and in it `ru.po`; nil for the shared templates alone.
    ///   - prefix: the service's prefix, under which its assets are: `/ledger`.
    public init(_ bundle: Bundle?, prefix: String) throws {
        var catalogue = Catalogue()
        let sources = try Self.sources(bundle)
        for root in Self.roots(bundle) {
            let po = root.appendingPathComponent("ru.po").path
            if FileManager.default.fileExists(atPath: po) { try catalogue.add(po) }
        }
        assets = try Assets(prefix: prefix)
        forms = FormFields(sources)
        var libraries: [Language: MustacheLibrary] = [:]
        for language in Language.allCases {
            var library = MustacheLibrary()
            for (name, text) in sources {
                do {
                    try library.register(Self.translated(text, language, catalogue, assets), named: name)
                } catch {
                    throw TemplateUnreadable(name: name, reason: "\(error)")
                }
            }
            libraries[language] = library
        }
        self.libraries = libraries
        self.catalogue = catalogue
    }

    private static func roots(_ bundle: Bundle?) -> [URL] {
        [Bundle.module, bundle].compactMap { $0?.bundleURL.appendingPathComponent("Views") }
    }

    /// The texts of the shared templates and a service's own, by name.
    static func sources(_ bundle: Bundle?) throws -> [String: String] {
        var sources: [String: String] = [:]
        for root in roots(bundle) {
            let paths = FileManager.default.enumerator(atPath: root.path)?.compactMap { $0 as? String } ?? []
            for path in paths where path.hasSuffix(".mustache") {
                let text = try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
                sources[String(path.dropLast(".mustache".count))] = text
            }
        }
        return sources
    }

    /// One more template, translated like the others.
    mutating func add(_ name: String, _ text: String) throws {
        for language in Language.allCases {
            try libraries[language]?.register(Self.translated(text, language, catalogue, assets), named: name)
        }
    }

    /// Without preparing the value first: what the library itself makes of it.
    func renderPlainly(_ value: some Sendable, template: String) -> String? {
        libraries[.russian]?.render(value, withTemplate: template)
    }

    /// A template that cannot be parsed stops the service at its start, not a reader.
    public struct TemplateUnreadable: Error, CustomStringConvertible {
        let name: String
        let reason: String
        public var description: String { "template \(name): \(reason)" }
    }

    /// `[[Text]]` becomes the text of the language, `[[asset:base.css]]` the asset's hashed address.
    static func translated(_ text: String, _ language: Language, _ catalogue: Catalogue, _ assets: Assets) -> String {
        text.replacing(marker) { match in
            let key = String(match.output.1)
            if key.hasPrefix("asset:") { return assets.address(of: String(key.dropFirst("asset:".count))) }
            return catalogue.text(key, language).htmlEscaped
        }
    }

    private static var marker: Regex<(Substring, Substring)> { /\[\[(.+?)\]\]/ }

    /// The texts marked in a template.
    static func markers(in text: String) -> [String] {
        text.matches(of: marker).map { String($0.output.1) }.filter { !$0.hasPrefix("asset:") }
    }

    /// A page with its frame.
    func render(_ page: some Page, frame: Frame) -> String {
        let whole = TemplateValue.prepared(Whole(frame: frame, page: page)) ?? page
        return libraries[frame.texts]?.render(whole, withTemplate: type(of: page).template)
            ?? "template \(type(of: page).template) is missing"
    }

    /// A template with any value, without a frame: letters and fragments.
    public func render(_ value: some Sendable, template: String, language: Language) -> String? {
        libraries[language]?.render(TemplateValue.prepared(value) ?? value, withTemplate: template)
    }
}

/// What a template sees: the page, and the frame around it.
private struct Whole<P: Page> {
    let frame: Frame
    let page: P
}

extension String {
    /// For a place between tags or in a quoted attribute.
    public var htmlEscaped: String {
        guard contains(where: { "&<>\"'".contains($0) }) else { return self }
        return reduce(into: "") { text, character in
            switch character {
            case "&": text += "&amp;"
            case "<": text += "&lt;"
            case ">": text += "&gt;"
            case "\"": text += "&quot;"
            case "'": text += "&#39;"
            default: text.append(character)
            }
        }
    }
}

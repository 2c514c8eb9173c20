import CGettextPO
import Foundation

/// The languages of the interface.
public enum Language: String, Sendable, CaseIterable, Codable {
    case russian = "ru"
    case english = "en"
}

/// Translations from English, the language of the source, into Russian: gettext catalogues (`ru.po`) of the modules.
public struct Catalogue: Sendable {
    private var texts: [String: String] = [:]
    private var plurals: [String: [String]] = [:]

    /// What is wrong with a catalogue; it stops the service at its start, not a reader.
    public struct Unreadable: Error, CustomStringConvertible {
        public let description: String
    }

    /// The plural rule that our Russian catalogues must name in their header.
    static let russianRule =
        "nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2);"

    public init() {}

    private static let reading = NSLock()

    /// Adds the entries of a `.po` file.
    ///
    /// - Throws: ``Unreadable``, also when an entry is there already and says something else: a text has one translation, or a word
    ///   changed for one page would change another's.
    public mutating func add(_ path: String) throws {
        // The library keeps state of its own while it reads: one file at a time in the whole process.
        Self.reading.lock()
        defer { Self.reading.unlock() }
        // The library reports to functions without a context; what it says is asked of the file's error afterwards.
        var handler = po_xerror_handler()
        handler.xerror = { severity, _, file, line, _, _, text in
            guard severity != 0, let text else { return }
            let place = file.map { String(cString: $0) } ?? ""
            FileHandle.standardError.write(Data("\(place):\(line): \(String(cString: text))\n".utf8))
        }
        handler.xerror2 = { severity, _, file, line, _, _, text, _, _, _, _, _, _ in
            guard severity != 0, let text else { return }
            let place = file.map { String(cString: $0) } ?? ""
            FileHandle.standardError.write(Data("\(place):\(line): \(String(cString: text))\n".utf8))
        }
        guard let file = po_file_read_v3(path, &handler) else {
            throw Unreadable(description: "\(path) is no readable catalogue")
        }
        defer { po_file_free(file) }
        guard let header = po_file_domain_header(file, nil) else {
            throw Unreadable(description: "\(path) has no header")
        }
        let rule = String(cString: header).split(separator: "\n").first { $0.hasPrefix("Plural-Forms:") }
            .map { $0.dropFirst("Plural-Forms:".count).filter { !$0.isWhitespace } }
        guard rule == Self.russianRule.filter({ !$0.isWhitespace }) else {
            throw Unreadable(description: "\(path) names another plural rule than «\(Self.russianRule)»")
        }
        let iterator = po_message_iterator(file, nil)
        defer { po_message_iterator_free(iterator) }
        while let message = po_next_message(iterator) {
            guard po_message_is_obsolete(message) == 0, po_message_is_fuzzy(message) == 0 else { continue }
            let id = String(cString: po_message_msgid(message))
            if id.isEmpty { continue }
            if po_message_msgid_plural(message) != nil {
                var forms: [String] = []
                while let form = po_message_msgstr_plural(message, Int32(forms.count)) { forms.append(String(cString: form)) }
                guard forms.count == 3 else { throw Unreadable(description: "\(path): «\(id)» needs three forms") }
                guard forms.allSatisfy({ !$0.isEmpty }) else { continue }
                guard plurals[id] == nil || plurals[id] == forms else { throw Self.contradiction(path, id) }
                plurals[id] = forms
            } else {
                let text = String(cString: po_message_msgstr(message))
                guard text.isEmpty || text.ranges(of: "%@").count == id.ranges(of: "%@").count else {
                    throw Unreadable(description: "\(path): «\(id)» and its translation take different numbers of values")
                }
                guard !text.isEmpty else { continue }
                guard texts[id] == nil || texts[id] == text else { throw Self.contradiction(path, id) }
                texts[id] = text
            }
        }
    }

    private static func contradiction(_ path: String, _ id: String) -> Unreadable {
        Unreadable(description: "\(path): «\(id)» has another translation in a catalogue that was read before")
    }

    /// The text in a language; English when there is no translation.
    public func text(_ english: String, _ language: Language) -> String {
        language == .english ? english : texts[english] ?? english
    }

    /// The text for a number, with `%d` replaced by it.
    public func text(_ count: Int, _ one: String, _ many: String, _ language: Language) -> String {
        let form: String
        switch language {
        case .english: form = count == 1 ? one : many
        case .russian: form = plurals[one]?[Self.russianForm(count)] ?? (count == 1 ? one : many)
        }
        return form.replacing("%d", with: "\(count)")
    }

    /// Whether a text has a translation.
    public func hasText(_ english: String) -> Bool { texts[english] != nil }
    public func hasPlural(_ one: String) -> Bool { plurals[one] != nil }

    /// 0 for 1, 21, 31…; 1 for 2–4, 22–24…; 2 for the rest.
    static func russianForm(_ count: Int) -> Int {
        let (ten, hundred) = (abs(count) % 10, abs(count) % 100)
        if ten == 1, hundred != 11 { return 0 }
        return (2...4).contains(ten) && !(12...14).contains(hundred) ? 1 : 2
    }
}

extension String {
    /// Replaces each `%@` by the next of the values.
    func filled(_ values: [any CustomStringConvertible]) -> String {
        guard !values.isEmpty else { return self }
        var rest = self[...]
        var text = ""
        var next = 0
        while let place = rest.firstRange(of: "%@") {
            text += rest[..<place.lowerBound]
            text += next < values.count ? values[next].description : ""
            next += 1
            rest = rest[place.upperBound...]
        }
        return text + rest
    }
}

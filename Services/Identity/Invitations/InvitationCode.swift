import Kernel

/// The code on an invitation (ID-05): eight signs in two groups, «K7MT-43QX».
///
/// The alphabet has no two signs that look or sound alike in print (no B beside 8, no S beside 5, no Z beside 2, no
/// O, I, L, 0, 1), so 28 signs are left: 28⁸ ≈ 3.8 · 10¹¹ codes, 38 bits. What people type instead of them is
/// understood: small letters, spaces and dashes, B for 8, S for 5, Z for 2, and the Cyrillic letters that look like
/// Latin ones, because most keyboards here stand in Russian.
struct InvitationCode: Equatable, Sendable {
    static let alphabet = Array("23456789ACDEFGHJKMNPQRTUVWXY")
    static let length = 8

    /// The eight signs without the dash: what is hashed.
    let signs: String

    /// As printed: two groups of four.
    var text: String { "\(signs.prefix(4))-\(signs.suffix(4))" }

    /// A new code from the system's random generator.
    static func random() -> InvitationCode {
        var generator = SystemRandomNumberGenerator()
        return random(using: &generator)
    }

    static func random(using generator: inout some RandomNumberGenerator) -> InvitationCode {
        InvitationCode(signs: String((0..<length).map { _ in alphabet.randomElement(using: &generator) ?? "2" }))
    }

    private init(signs: String) { self.signs = signs }

    /// Reads a code as typed; nil when it cannot be one.
    init?(_ typed: String) {
        guard let signs = Self.signs(of: typed, count: Self.length) else { return nil }
        self.signs = signs
    }

    /// So many signs of the alphabet, in whatever of the accepted ways they were typed; nil when it is something else.
    static func signs(of typed: String, count: Int) -> String? {
        var signs = ""
        for character in typed.uppercased() {
            if character.isWhitespace || "-–—‑.".contains(character) { continue }
            let sign = Self.typedInstead[character] ?? character
            guard Self.alphabet.contains(sign) else { return nil }
            signs.append(sign)
        }
        return signs.count == count ? signs : nil
    }

    /// Codes written one under another or separated by commas, as in the field «Дети» (ID-12).
    ///
    /// - Returns: every code that could be read, without repeats, and every piece that could not.
    static func list(_ typed: String) -> (codes: [InvitationCode], unreadable: [String]) {
        var codes: [InvitationCode] = []
        var unreadable: [String] = []
        for piece in typed.split(whereSeparator: { ",;\n\r\r\n".contains($0) || $0 == "\r\n" }) {
            let text = piece.trimmed
            if text.isEmpty { continue }
            if let code = InvitationCode(text) {
                if !codes.contains(code) { codes.append(code) }
                continue
            }
            // Several codes on one line with spaces between them.
            let words = text.split(separator: " ").map { InvitationCode(String($0)) }
            if words.allSatisfy({ $0 != nil }) {
                for case let code? in words where !codes.contains(code) { codes.append(code) }
            } else {
                unreadable.append(text)
            }
        }
        return (codes, unreadable)
    }

    private static let typedInstead: [Character: Character] = [
        "B": "8", "S": "5", "Z": "2",
        "А": "A", "В": "8", "Е": "E", "К": "K", "М": "M", "Н": "H", "Р": "P", "С": "C", "Т": "T", "У": "Y", "Х": "X",
    ]
}

extension StringProtocol {
    /// Without white space at both ends.
    var trimmed: String {
        var rest = Substring(self)
        while let first = rest.first, first.isWhitespace { rest.removeFirst() }
        while let last = rest.last, last.isWhitespace { rest.removeLast() }
        return String(rest)
    }
}

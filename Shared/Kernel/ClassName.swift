/// A class of a school: grade and letter, `7 «Б»`.
public struct ClassName: Sendable, Hashable, Codable {
    /// 0 (preparatory) to 13.
    public let grade: Int
    /// Upper case; empty where a grade has one class only.
    public let letter: String

    public init(grade: Int, letter: String) {
        self.grade = grade
        self.letter = letter.uppercased()
    }

    /// Reads every way in which rosters and people write it: `7Б`, `7 б`, `7-Б`, `7 «Б»`, `7"Б"`, `07Б`, `11`.
    ///
    /// Latin letters that look like Russian ones are read as Russian: a wrong keyboard layout leaves them in
    /// spreadsheets. A letter without a Russian twin (`7D`) leaves the whole name as it is.
    public init?(_ text: String) {
        let digits = text.drop(while: \.isWhitespace).prefix { $0.isASCII && $0.isNumber }
        guard (1...2).contains(digits.count), let grade = Int(digits), (0...13).contains(grade) else { return nil }
        let rest = text[digits.endIndex...].filter { !$0.isWhitespace && !Self.ornaments.contains($0) }
        guard rest.count <= 12, rest.allSatisfy({ $0.isLetter || $0.isNumber }), rest.first?.isNumber != true else {
            return nil
        }
        let upper = rest.uppercased()
        let russian = upper.compactMap { Self.twins[$0] ?? ($0.isASCII && $0.isLetter ? nil : $0) }
        self.init(grade: grade, letter: russian.count == upper.count ? String(russian) : upper)
    }

    /// `7 «Б»` with a space that does not break.
    public var text: String { letter.isEmpty ? "\(grade)" : "\(grade)\u{A0}«\(letter)»" }

    /// `7Б`, for tables and files.
    public var compact: String { "\(grade)\(letter)" }

    private static let ornaments: Set<Character> = ["«", "»", "\"", "'", "“", "”", "„", "-", "–", "—", ".", "(", ")"]
    private static let twins: [Character: Character] = [
        "A": "А", "B": "В", "C": "С", "E": "Е", "H": "Н", "K": "К", "M": "М", "O": "О", "P": "Р", "T": "Т", "X": "Х",
    ]
}

extension ClassName: Comparable {
    /// By grade, then by letter in the order of the alphabet (Unicode has Ё in front of А).
    public static func < (left: ClassName, right: ClassName) -> Bool {
        (left.grade, key(left.letter)) < (right.grade, key(right.letter))
    }

    private static func key(_ letter: String) -> String {
        String(letter.flatMap { $0 == "Ё" ? ["Е", "\u{10FFFF}"] : [$0] })
    }
}

extension ClassName: CustomStringConvertible {
    public var description: String { text }
}

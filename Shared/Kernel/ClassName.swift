/// A class of a school: grade and letter, `7 «Б»`.
public struct ClassName: Sendable, Hashable, Comparable, Codable, CustomStringConvertible {
    /// 1 to 11 (12 in evening schools).
    public let grade: Int
    /// Upper case; empty where a grade has one class only.
    public let letter: String

    public init(grade: Int, letter: String) {
        self.grade = grade
        self.letter = letter.uppercased()
    }

    /// Reads `7Б`, `7 б`, `7-Б` and `7 «Б»`; nil for anything that does not begin with a grade.
    public init?(_ text: String) {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let grade = Int(digits), (1...12).contains(grade) else { return nil }
        let letter = text.dropFirst(digits.count).filter { !$0.isWhitespace && !"«»\"-–".contains($0) }
        guard letter.count <= 2, letter.allSatisfy({ $0.isLetter || $0.isNumber }) else { return nil }
        self.init(grade: grade, letter: letter)
    }

    /// `7 «Б»` with a space that does not break.
    public var description: String { letter.isEmpty ? "\(grade)" : "\(grade)\u{A0}«\(letter)»" }

    public static func < (left: ClassName, right: ClassName) -> Bool {
        (left.grade, left.letter) < (right.grade, right.letter)
    }
}

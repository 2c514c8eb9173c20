/// СНИЛС, the number of a person's pension account: nine digits and two that check them.
struct Snils: Sendable, Equatable {
    /// Eleven digits.
    let digits: String

    /// Reads `112-233-445 95`, `11223344595` and the like; nil for what is none.
    ///
    /// The sum of the first nine digits times 9, 8 … 1, taken modulo 101 (100 counts as 0), must be the last two. Numbers up
    /// to 001-001-998 were given out before there was a check.
    init?(_ text: String) {
        guard text.allSatisfy({ $0.isASCII && $0.isNumber || " -\u{a0}\u{2011}\u{2013}".contains($0) }) else { return nil }
        let digits = text.compactMap(\.wholeNumberValue)
        guard digits.count == 11 else { return nil }
        let number = digits.prefix(9).reduce(0) { $0 * 10 + $1 }
        guard number > 0 else { return nil }
        if number > 1_001_998 {
            let sum = zip(digits, stride(from: 9, through: 1, by: -1)).reduce(0) { $0 + $1.0 * $1.1 }
            guard sum % 101 % 100 == digits[9] * 10 + digits[10] else { return nil }
        }
        self.digits = digits.map(String.init).joined()
    }

    /// The last four, by which whoever holds the card knows his own: `45 95`.
    var lastDigits: String { "\(digits.dropFirst(7).prefix(2)) \(digits.suffix(2))" }
}

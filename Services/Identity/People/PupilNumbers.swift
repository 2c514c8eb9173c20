/// A child's account number in the contract: ten digits, the last of which checks the others (Luhn), so that a
/// mistyped digit at the terminal never reaches another child's account (ID-31).
///
/// The digits are random and not counted up: whoever knows one number does not know the neighbour's.
struct AccountNumber: Equatable, Sendable {
    let text: String

    static func random(using generator: inout some RandomNumberGenerator) -> AccountNumber {
        let number = String(Int.random(in: 0...999_999_999, using: &generator))
        let digits = String(repeating: "0", count: 9 - number.count) + number
        return AccountNumber(text: digits + String(checkDigit(digits)))
    }

    private init(text: String) { self.text = text }

    /// Nil when it is not ten digits or its last digit does not fit.
    init?(_ text: String) {
        guard text.count == 10, text.allSatisfy({ $0.isASCII && $0.isNumber }),
            text.last?.wholeNumberValue == Self.checkDigit(text.dropLast())
        else { return nil }
        self.text = text
    }

    /// `0270 391 482`, as it is read aloud.
    static func spaced(_ digits: String) -> String {
        "\(digits.prefix(4))\u{a0}\(digits.dropFirst(4).prefix(3))\u{a0}\(digits.suffix(3))"
    }

    private static func checkDigit(_ digits: some StringProtocol) -> Int {
        var sum = 0
        for (index, character) in digits.reversed().enumerated() {
            let digit = character.wholeNumberValue ?? 0
            let value = index.isMultiple(of: 2) ? digit * 2 : digit
            sum += value > 9 ? value - 9 : value
        }
        return (10 - sum % 10) % 10
    }
}

/// The code of depersonalised data, ИДН (ID-31, ID-33): what money, terminal and payment-agent pages call a pupil,
/// in the form of the source's «I44F2EUE5W».
struct PupilCode: Equatable, Sendable {
    let text: String

    static func random(using generator: inout some RandomNumberGenerator) -> PupilCode {
        let signs = InvitationCode.alphabet
        return PupilCode(text: "I" + String((0..<9).map { _ in signs.randomElement(using: &generator) ?? "2" }))
    }
}

/// A mobile number in one form: `+79161234567`.
struct PhoneNumber: Equatable, Sendable {
    let text: String

    /// Reads a number as people write it: «8 (916) 123-45-67», «+7 916 1234567», «9161234567», or another country's
    /// beginning with «+». Nil when it cannot be one.
    init?(_ typed: String) {
        var digits = ""
        for (index, character) in typed.trimmed.enumerated() {
            if let digit = character.wholeNumberValue, character.isASCII { digits.append(String(digit)); continue }
            if index == 0, character == "+" { continue }
            guard " ()-–\u{a0}.".contains(character) else { return nil }
        }
        let isInternational = typed.trimmed.hasPrefix("+")
        switch digits.count {
        case 10 where digits.hasPrefix("9") && !isInternational: text = "+7" + digits
        case 11 where digits.hasPrefix("8") && !isInternational: text = "+7" + digits.dropFirst()
        case 11 where digits.hasPrefix("7"): text = "+" + digits
        case 8...15 where isInternational && !digits.hasPrefix("0") && !digits.hasPrefix("7"): text = "+" + digits
        default: return nil
        }
    }

    /// As people read it: «+7 916 123-45-67».
    static func spaced(_ text: String) -> String {
        let digits = Array(text)
        guard text.hasPrefix("+7"), digits.count == 12 else { return text }
        return "+7 \(String(digits[2..<5])) \(String(digits[5..<8]))-\(String(digits[8..<10]))-\(String(digits[10..<12]))"
    }
}

/// An e-mail address that a mail server can be asked to deliver to.
///
/// Only the plain form is read: nothing in it may be taken for a second address or a header line.
struct EmailAddress: Equatable, Sendable {
    let text: String

    init?(_ typed: String) {
        let text = typed.trimmed
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        guard text.utf8.count <= 254, parts.count == 2 else { return nil }
        let (local, domain) = (parts[0], parts[1].lowercased())
        guard !local.isEmpty, local.utf8.count <= 64,
            local.allSatisfy({ ($0.isLetter || $0.isNumber || "!#$%&'*+/=?^_`{|}~.-".contains($0)) && $0.isASCII }),
            !local.hasPrefix("."), !local.hasSuffix("."), !local.contains("..")
        else { return nil }
        let labels = domain.split(separator: ".", omittingEmptySubsequences: false)
        guard labels.count >= 2,
            labels.allSatisfy({ label in
                !label.isEmpty && label.count <= 63 && !label.hasPrefix("-") && !label.hasSuffix("-")
                    && label.allSatisfy { $0.isLetter || $0.isNumber || $0 == "-" }
            })
        else { return nil }
        self.text = local + "@" + domain
    }
}

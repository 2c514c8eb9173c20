import Foundation

/// The four digits with which a family enters the cabinet at the terminal (ID-31).
struct Pin: Sendable, Equatable {
    let digits: String

    /// Nil when it is not four digits.
    init?(_ text: String) {
        guard text.count == 4, text.allSatisfy({ $0.isASCII && $0.isNumber }) else { return nil }
        digits = text
    }

    /// The ones that are tried first; of ten thousand they are a handful.
    var isTrivial: Bool {
        let numbers = digits.compactMap(\.wholeNumberValue)
        let steps = zip(numbers.dropFirst(), numbers).map { $0 - $1 }
        return Set(steps).count == 1 && [-1, 0, 1].contains(steps[0]) || digits == "2580" || digits == "1212"
    }

    /// Whether it stands in the account number, which is typed beside it.
    func isPart(of accountNumber: String) -> Bool { accountNumber.hasPrefix(digits) || accountNumber.hasSuffix(digits) }

    static func random(notIn accountNumber: String, using generator: inout some RandomNumberGenerator) -> Pin {
        while true {
            let text = String(Int.random(in: 10_000...19_999, using: &generator)).dropFirst()
            if let pin = Pin(String(text)), !pin.isTrivial, !pin.isPart(of: accountNumber) { return pin }
        }
    }
}

/// An amount of roubles in whole kopecks. Never floating; negative for what goes out.
public struct Money: Sendable, Hashable, Comparable, Codable {
    public let kopecks: Int64

    public static let zero = Money(kopecks: 0)

    public init(kopecks: Int64) { self.kopecks = kopecks }

    /// Reads an amount as people type it: `45`, `45,5`, `45.50`, `1 200,00`, with a sign or without.
    ///
    /// Gives nil for anything else, for more than two decimals, and for what does not fit.
    public init?(_ text: String) {
        var digits = text.filter { !$0.isWhitespace }
        var sign: Int64 = 1
        if let first = digits.first, "+-−".contains(first) {
            if first != "+" { sign = -1 }
            digits.removeFirst()
        }
        let parts = digits.replacing(",", with: ".").split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), parts.allSatisfy({ $0.allSatisfy { "0123456789".contains($0) } }),
            let roubles = Int64(parts[0])
        else { return nil }
        var kopecks: Int64 = 0
        if parts.count == 2 {
            guard (1...2).contains(parts[1].count), let read = Int64(parts[1]) else { return nil }
            kopecks = parts[1].count == 1 ? read * 10 : read
        }
        let (whole, overflows) = roubles.multipliedReportingOverflow(by: 100 * sign)
        guard !overflows, case let (sum, tooLarge) = whole.addingReportingOverflow(sign * kopecks), !tooLarge else {
            return nil
        }
        self.init(kopecks: sum)
    }

    /// An amount of whole roubles.
    public init(roubles: Int64) { self.init(kopecks: roubles * 100) }

    /// Without its sign.
    public var absolute: Money { Money(kopecks: abs(kopecks)) }

    public static func + (left: Money, right: Money) -> Money { Money(kopecks: left.kopecks + right.kopecks) }
    public static func - (left: Money, right: Money) -> Money { Money(kopecks: left.kopecks - right.kopecks) }
    public static prefix func - (money: Money) -> Money { Money(kopecks: -money.kopecks) }
    public static func * (money: Money, count: Int) -> Money { Money(kopecks: money.kopecks * Int64(count)) }
    public static func += (left: inout Money, right: Money) { left = left + right }
    public static func -= (left: inout Money, right: Money) { left = left - right }
    public static func < (left: Money, right: Money) -> Bool { left.kopecks < right.kopecks }

    /// One whole number of kopecks.
    public init(from decoder: any Decoder) throws {
        kopecks = try decoder.singleValueContainer().decode(Int64.self)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(kopecks)
    }
}

extension Money: CustomStringConvertible {
    /// `-12.50`: for logs and machines; people are shown the money format of their language.
    public var description: String {
        let (roubles, rest) = kopecks.magnitude.quotientAndRemainder(dividingBy: 100)
        return "\(kopecks < 0 ? "-" : "")\(roubles).\(rest < 10 ? "0" : "")\(rest)"
    }
}

extension Sequence where Element == Money {
    /// All of it together; zero of nothing.
    public var total: Money { reduce(.zero, +) }
}

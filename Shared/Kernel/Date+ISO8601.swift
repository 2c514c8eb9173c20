import Foundation

extension Date {
    /// `2026-11-20T05:03:12.450Z`: UTC with milliseconds, rounded down.
    public var iso8601: String {
        let total = Int((timeIntervalSince1970 * 1000).rounded(.down) + (hasRoundingDust ? 1 : 0))
        let (days, rest) = total.quotientAndRemainder(dividingBy: 86_400_000)
        let milliseconds = rest < 0 ? rest + 86_400_000 : rest
        let day = Day(daysSince1970: rest < 0 ? days - 1 : days)
        let (seconds, millisecond) = milliseconds.quotientAndRemainder(dividingBy: 1000)
        func digits(_ number: Int, _ width: Int) -> [UInt8] {
            var rest = number
            var result = [UInt8](repeating: 48, count: width)
            for index in stride(from: width - 1, through: 0, by: -1) {
                result[index] += UInt8(rest % 10)
                rest /= 10
            }
            return result
        }
        let text: [UInt8] =
            digits(day.year, 4) + [45] + digits(day.month, 2) + [45] + digits(day.day, 2) + [84]
            + digits(seconds / 3600, 2) + [58] + digits(seconds / 60 % 60, 2) + [58] + digits(seconds % 60, 2) + [46]
            + digits(millisecond, 3) + [90]
        return String(decoding: text, as: UTF8.self)
    }

    /// Reads an RFC 3339 moment with any number of fractional digits and `Z` or an offset; nil for anything else.
    public init?(iso8601 text: String) {
        var text = text
        let date: Date? = text.withUTF8 { Date(ascii: UnsafeRawBufferPointer($0)) }
        guard let date else { return nil }
        self = date
    }

    private init?(ascii bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= 20, let day = Day(ascii: UnsafeRawBufferPointer(rebasing: bytes[0..<10])),
            bytes[10] == 84 || bytes[10] == 116 || bytes[10] == 32, let hour = bytes.number(at: 11, digits: 2), bytes[13] == 58,
            let minute = bytes.number(at: 14, digits: 2), bytes[16] == 58, let second = bytes.number(at: 17, digits: 2),
            hour < 24, minute < 60, second <= 60
        else { return nil }
        var index = 19
        var fraction = 0.0
        if bytes[index] == 46 || bytes[index] == 44 {
            index += 1
            let start = index
            while index < bytes.count, (48...57).contains(bytes[index]) { index += 1 }
            // Nanoseconds are more than a Date can hold; what comes after them is dropped.
            let count = min(index - start, 9)
            guard count > 0, let digits = bytes.number(at: start, digits: count) else { return nil }
            fraction = Double(digits) / [1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9][count]
        }
        guard index < bytes.count else { return nil }
        var offset = 0
        switch bytes[index] {
        case 90, 122:
            guard index + 1 == bytes.count else { return nil }
        case 43, 45:
            guard index + 6 == bytes.count, bytes[index + 3] == 58, let hours = bytes.number(at: index + 1, digits: 2),
                let minutes = bytes.number(at: index + 4, digits: 2), hours < 24, minutes < 60
            else { return nil }
            offset = (hours * 60 + minutes) * 60 * (bytes[index] == 45 ? -1 : 1)
        default:
            return nil
        }
        let seconds = day.daysSince1970 * 86_400 + hour * 3600 + minute * 60 + second - offset
        self.init(timeIntervalSince1970: Double(seconds) + fraction)
    }

    /// Whether this moment is a whole millisecond that binary fractions hold a hair too small.
    private var hasRoundingDust: Bool {
        let milliseconds = timeIntervalSince1970 * 1000
        return milliseconds.rounded(.up) != milliseconds && milliseconds.rounded(.up) - milliseconds < 0.001
    }
}

extension UnsafeRawBufferPointer {
    /// The number that so many decimal digits make; nil when something else stands there, or the text ends before.
    func number(at start: Int, digits: Int) -> Int? {
        guard start + digits <= count else { return nil }
        var result = 0
        for index in start..<start + digits {
            let digit = Int(self[index]) - 48
            guard (0...9).contains(digit) else { return nil }
            result = result * 10 + digit
        }
        return result
    }
}

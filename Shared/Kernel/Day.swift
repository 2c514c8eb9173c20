/// A calendar day without a time or a zone: school days, birth dates, terms.
///
/// Counted by the proleptic Gregorian calendar; `2026-11-20` in every text form.
public struct Day: Sendable, Hashable, Comparable, Codable, CustomStringConvertible {
    public let year: Int
    /// 1 to 12.
    public let month: Int
    /// 1 to 31.
    public let day: Int

    /// Gives nil for a day that the calendar does not have.
    public init?(year: Int, month: Int, day: Int) {
        guard (1...9999).contains(year), (1...12).contains(month), (1...31).contains(day) else { return nil }
        let count = Self.count(year, month, day)
        let real = Day(daysSince1970: count)
        guard real.month == month, real.day == day else { return nil }
        self = real
    }

    /// The day that many days after 1 January 1970.
    public init(daysSince1970: Int) {
        // Howard Hinnant's civil_from_days: years begin in March, so that the leap day is the last of a year.
        let shifted = daysSince1970 + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    /// Reads `2026-11-20`; nil for any other form.
    public init?(_ iso: String) {
        var iso = iso
        let day: Day? = iso.withUTF8 { Day(ascii: UnsafeRawBufferPointer($0)) }
        guard let day else { return nil }
        self = day
    }

    /// The same from its letters.
    init?(ascii text: UnsafeRawBufferPointer) {
        guard text.count == 10, text[4] == UInt8(ascii: "-"), text[7] == UInt8(ascii: "-"),
            let year = text.number(at: 0, digits: 4), let month = text.number(at: 5, digits: 2), let day = text.number(at: 8, digits: 2)
        else { return nil }
        self.init(year: year, month: month, day: day)
    }

    public var daysSince1970: Int { Self.count(year, month, day) }

    /// 1 for Monday to 7 for Sunday.
    public var weekday: Int { ((daysSince1970 + 3) % 7 + 7) % 7 + 1 }

    /// The Monday of its week.
    public var monday: Day { adding(days: 1 - weekday) }

    public func adding(days: Int) -> Day { Day(daysSince1970: daysSince1970 + days) }

    /// How many days it is to another; negative when that has been.
    public func days(until other: Day) -> Int { other.daysSince1970 - daysSince1970 }

    public static func + (day: Day, days: Int) -> Day { day.adding(days: days) }
    public static func - (day: Day, days: Int) -> Day { day.adding(days: -days) }

    public static func < (left: Day, right: Day) -> Bool {
        (left.year, left.month, left.day) < (right.year, right.month, right.day)
    }

    public var description: String { iso }

    /// `2026-11-20`.
    public var iso: String {
        let two = { (number: Int) in number < 10 ? "0\(number)" : "\(number)" }
        return String(repeating: "0", count: 4 - String(year).count) + "\(year)-\(two(month))-\(two(day))"
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let day = Day(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "«\(text)» is no day")
        }
        self = day
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    private static func count(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let year = month <= 2 ? year - 1 : year
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}

extension Day: Strideable {
    public func distance(to other: Day) -> Int { days(until: other) }
    public func advanced(by days: Int) -> Day { adding(days: days) }
}

import Foundation

/// The time zone of a school: it decides which day it is and when a day begins.
public struct SchoolZone: Sendable, Hashable, Codable {
    /// The name in the IANA database, such as `Europe/Moscow`.
    public let identifier: String
    private let calendar: Calendar

    /// Where a school says nothing.
    public static let moscow = SchoolZone(known: "Europe/Moscow")

    /// Gives nil for a zone that is not in the IANA database.
    public init?(_ identifier: String) {
        guard TimeZone(identifier: identifier) != nil else { return nil }
        self.init(known: identifier)
    }

    private init(known identifier: String) {
        self.identifier = identifier
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = TimeZone(identifier: identifier) ?? .gmt
        self.calendar = calendar
    }

    /// The day it is there at a moment.
    public func day(of date: Date) -> Day {
        let seconds = date.timeIntervalSince1970 + Double(calendar.timeZone.secondsFromGMT(for: date))
        return Day(daysSince1970: Int((seconds / 86_400).rounded(.down)))
    }

    /// The time its clocks show at a moment.
    public func timeOfDay(of date: Date) -> TimeOfDay {
        let seconds = date.timeIntervalSince1970 + Double(calendar.timeZone.secondsFromGMT(for: date))
        let minutes = Int((seconds / 60).rounded(.down))
        // A remainder by 1440 is always a time of day.
        return TimeOfDay(minutes: (minutes % 1440 + 1440) % 1440)!
    }

    /// The moment when its clocks show a time on a day. A time that the change to summer time leaves out is the moment
    /// after the gap; of a time that comes twice it is the first.
    public func date(_ day: Day, _ time: TimeOfDay) -> Date {
        var parts = DateComponents()
        parts.year = day.year
        parts.month = day.month
        parts.day = day.day
        parts.hour = time.hour
        parts.minute = time.minute
        // A day of the Gregorian calendar with a time has a moment in every zone.
        return calendar.date(from: parts)!
    }

    /// The first moment of a day.
    public func start(of day: Day) -> Date {
        // Midnight itself is a time of day.
        calendar.startOfDay(for: date(day, TimeOfDay(minutes: 12 * 60)!))
    }

    public static func == (left: SchoolZone, right: SchoolZone) -> Bool { left.identifier == right.identifier }
    public func hash(into hasher: inout Hasher) { hasher.combine(identifier) }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let zone = SchoolZone(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "«\(text)» is no time zone")
        }
        self = zone
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(identifier)
    }
}

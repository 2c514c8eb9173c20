import Foundation

/// The time zone of a school: it decides which day it is and when a day begins.
public struct SchoolZone: Sendable, Hashable, Codable {
    /// The name in the IANA database, such as `Europe/Moscow`.
    public let identifier: String
    private let zone: TimeZone

    /// UTC+3 all the year round since 2014; where a school says nothing.
    public static let moscow =
        SchoolZone("Europe/Moscow")
        ?? SchoolZone(identifier: "Europe/Moscow", zone: TimeZone(secondsFromGMT: 3 * 3600) ?? .gmt)

    /// Gives nil for a zone that is not in the IANA database.
    public init?(_ identifier: String) {
        guard let zone = TimeZone(identifier: identifier) else { return nil }
        self.init(identifier: identifier, zone: zone)
    }

    private init(identifier: String, zone: TimeZone) {
        self.identifier = identifier
        self.zone = zone
    }

    /// The day it is there at a moment.
    public func day(of moment: Date) -> Day { Day(daysSince1970: wall(moment).day) }

    /// The time its clocks show at a moment.
    public func timeOfDay(of moment: Date) -> TimeOfDay { .midnight.adding(minutes: wall(moment).second / 60) }

    /// The moment when its clocks show a time on a day.
    ///
    /// When the clocks are put back and show it twice, the first time; when they are put forward and never show it, the
    /// moment as late after midnight as it would have been without the change.
    public func date(_ day: Day, _ time: TimeOfDay) -> Date {
        let wall = day.daysSince1970 * 86_400 + time.minutes * 60
        let before = offset(at: wall - 86_400)
        let after = offset(at: wall + 86_400)
        let moments = [wall - before, wall - after].filter { offset(at: $0) == wall - $0 }
        return Date(timeIntervalSince1970: Double(moments.min() ?? wall - before))
    }

    /// The first moment of a day.
    public func start(of day: Day) -> Date { date(day, .midnight) }

    /// The whole day as half-open bounds for a query.
    public func bounds(of day: Day) -> Range<Date> { start(of: day)..<start(of: day + 1) }

    public static func == (left: SchoolZone, right: SchoolZone) -> Bool { left.identifier == right.identifier }
    public func hash(into hasher: inout Hasher) { hasher.combine(identifier) }

    private func offset(at secondsSince1970: Int) -> Int {
        zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(secondsSince1970)))
    }

    private func wall(_ moment: Date) -> (day: Int, second: Int) {
        let seconds = Int(moment.timeIntervalSince1970.rounded(.down)) + zone.secondsFromGMT(for: moment)
        let (day, second) = seconds.quotientAndRemainder(dividingBy: 86_400)
        return second < 0 ? (day - 1, second + 86_400) : (day, second)
    }

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

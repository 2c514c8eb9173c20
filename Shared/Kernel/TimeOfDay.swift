/// What the clock on the wall of the school shows, to the minute.
public struct TimeOfDay: Hashable, Sendable {
    /// Minutes since midnight, 0 ..< 1440.
    public let minutes: Int

    /// 00:00.
    public static let midnight = TimeOfDay(clamped: 0)

    public init?(minutes: Int) {
        guard (0..<1440).contains(minutes) else { return nil }
        self.minutes = minutes
    }

    public init?(hour: Int, minute: Int) {
        guard (0..<24).contains(hour), (0..<60).contains(minute) else { return nil }
        minutes = hour * 60 + minute
    }

    /// Reads `8:09`, `08:09`, `8.09` and, as Postgres writes it, `08:09:00`.
    public init?(_ text: String) {
        let parts = text.split(omittingEmptySubsequences: false, whereSeparator: { $0 == ":" || $0 == "." })
        guard (2...3).contains(parts.count), (1...2).contains(parts[0].count),
            parts.dropFirst().allSatisfy({ $0.count == 2 }), parts.allSatisfy({ $0.utf8.allSatisfy { (48...57).contains($0) } }),
            let hour = Int(parts[0]), let minute = Int(parts[1])
        else { return nil }
        self.init(hour: hour, minute: minute)
    }

    public var hour: Int { minutes / 60 }
    public var minute: Int { minutes % 60 }

    /// `8:09`, as people write it.
    public var text: String { "\(hour):\(minute < 10 ? "0" : "")\(minute)" }

    /// `08:09`, as programs write it.
    public var iso: String { hour < 10 ? "0\(text)" : text }

    /// Later by so many minutes (earlier, if negative), but never beyond this day.
    public func adding(minutes more: Int) -> TimeOfDay {
        TimeOfDay(clamped: minutes + more)
    }

    private init(clamped minutes: Int) {
        self.minutes = min(1439, max(0, minutes))
    }
}

extension TimeOfDay: Comparable {
    public static func < (left: TimeOfDay, right: TimeOfDay) -> Bool { left.minutes < right.minutes }
}

extension TimeOfDay: CustomStringConvertible {
    public var description: String { iso }
}

extension TimeOfDay: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let time = TimeOfDay(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "“\(text)” is no time like 08:09")
        }
        self = time
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(iso)
    }
}

import Foundation
import Kernel

/// A calendar month, as statements are read.
struct Month: Equatable, Comparable {
    let year: Int
    let month: Int

    init(of day: Day) {
        year = day.year
        month = day.month
    }

    /// Reads `2026-11`; nil for anything else.
    init?(_ iso: String) {
        guard iso.count == 7, let day = Day(iso + "-01") else { return nil }
        self.init(of: day)
    }

    /// `2026-11`.
    var iso: String { String(first.iso.prefix(7)) }

    /// The first of the month.
    var first: Day { Day("\(Self.padded(year, 4))-\(Self.padded(month, 2))-01") ?? Day(daysSince1970: 0) }

    var next: Month { Month(of: first.adding(days: 31)) }
    var previous: Month { Month(of: first.adding(days: -1)) }
    /// How many days it has.
    var length: Int { first.days(until: next.first) }

    static func < (left: Month, right: Month) -> Bool { left.first < right.first }

    private static func padded(_ number: Int, _ width: Int) -> String {
        String(repeating: "0", count: max(0, width - String(number).count)) + String(number)
    }
}

import Foundation
import Kernel

/// What a certificate can still pay in its year (SE-03, D-06): until a certified programme is chosen it shrinks every month to the
/// share of the months that are left, this one included, rounded down to kopecks. A rule without I/O.
struct Nominal: Equatable {
    let year: Int
    /// For the whole year, as the municipality set it (SE-02).
    let yearly: Money
    /// When a certified programme was chosen; from then on it shrinks no more.
    let chosenOn: Day?

    /// What is shown, and therefore usable (SE-04), on a day; nil outside of its year.
    func shown(on day: Day) -> Money? {
        guard day.year == year else { return nil }
        let counted = chosenOn.map { min($0, day) } ?? day
        return Money(kopecks: yearly.kopecks * Int64(13 - counted.month) / 12)
    }

    /// What is shown in each month from a day to the end of the year when nothing more is chosen.
    func months(from day: Day) -> [(month: Month, shown: Money)] {
        guard day.year == year else { return [] }
        return (day.month...12).compactMap { number in
            let first = number == day.month ? day : Day(year: year, month: number, day: 1)
            return first.flatMap { first in shown(on: first).map { (Month(of: first), $0) } }
        }
    }
}

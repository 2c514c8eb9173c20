import Events
import Foundation
import Kernel

/// What is owed at once: a month, a visit or the whole of a service, and what it costs. A rule without I/O (ID-35).
struct ServicePeriod: Equatable {
    /// Names it among the periods of a child's service, so that it is owed once: `2026-11`, `2026-11-20`, `once`.
    let key: String
    let first: Day
    /// The last day, included. What has not been paid by then lapses: no money, no service (AC-11).
    let last: Day
    let amount: Money

    /// How many days a teacher may note a visit late, and try again where the money was missing.
    static let daysForVisit = 14
    /// How many days what is paid once waits for money, where the offer has no end.
    static let daysForOnce = 30
}

/// When a service is there and how it is paid for.
struct ServiceTerms: Equatable {
    let rhythm: ServiceRhythm
    let from: Day
    /// The last day, included.
    let until: Day?

    /// The period in which a day lies; nil when nothing is owed for that day by the calendar, or for a visit on it.
    ///
    /// - Parameters:
    ///   - startsOn: the first day of the subscription.
    ///   - price: what a whole period costs when it begins on a day.
    func period(holding day: Day, startsOn: Day, price: (Day) -> Money?) -> ServicePeriod? {
        guard day >= startsOn, day >= from, until.map({ day <= $0 }) ?? true else { return nil }
        switch rhythm {
        case .once:
            let last = until ?? startsOn + ServicePeriod.daysForOnce
            guard day <= last, let price = price(startsOn) else { return nil }
            return ServicePeriod(key: "once", first: startsOn, last: last, amount: price)
        case .month:
            let month = Month(of: day)
            let first = max(month.first, startsOn, from)
            let end = month.next.first - 1
            let last = until.map { min($0, end) } ?? end
            guard let price = price(first) else { return nil }
            return ServicePeriod(
                key: month.iso, first: first, last: last, amount: Self.share(of: price, days: first.days(until: last) + 1, of: month.length))
        case .visit:
            guard let price = price(day) else { return nil }
            return ServicePeriod(key: day.iso, first: day, last: day + ServicePeriod.daysForVisit, amount: price)
        }
    }

    /// The month after the one in which a day lies, where the service goes on.
    func next(after day: Day, startsOn: Day, price: (Day) -> Money?) -> ServicePeriod? {
        guard rhythm == .month else { return day < startsOn ? period(holding: startsOn, startsOn: startsOn, price: price) : nil }
        return period(holding: max(Month(of: day).next.first, startsOn), startsOn: startsOn, price: price)
    }

    /// A part of a month costs its share by days, rounded down to kopecks, and never nothing.
    static func share(of price: Money, days: Int, of length: Int) -> Money {
        days >= length ? price : max(Money(kopecks: price.kopecks * Int64(days) / Int64(length)), Money(kopecks: 1))
    }
}

/// What a family owes when it leaves a service today, said before it confirms. A rule without I/O (ID-35).
enum Leaving: Equatable {
    /// Nothing was paid for the period that runs, so nothing is owed and the service ends at once (AC-11).
    case atOnce
    /// The period that has begun is paid: it is the child's until its last day, and nothing more is charged.
    case afterPaid(Day)
    /// It is paid for once and as a whole: there is nothing to leave.
    case paidForGood

    init(_ rhythm: ServiceRhythm, paidUntil: Day?, today: Day) {
        switch (rhythm, paidUntil) {
        case (.once, _?): self = .paidForGood
        case (.month, let last?) where last >= today: self = .afterPaid(last)
        default: self = .atOnce
        }
    }
}

/// Whom a service is offered to: nobody named means the whole school. A rule without I/O.
struct ServiceAudience: Equatable {
    let grades: [Int]
    let classes: [UUID]

    func includes(grade: Int?, classID: UUID?) -> Bool {
        if grades.isEmpty, classes.isEmpty { return true }
        return grade.map(grades.contains) ?? false || classID.map(classes.contains) ?? false
    }
}

/// Whom a service is offered to as a person writes it: `1–4, 7Б`.
struct AudienceText: Equatable {
    var grades: [Int] = []
    var classes: [ClassName] = []

    /// Nil when a piece is neither a grade, nor a row of grades, nor a class.
    init?(_ text: String) {
        for piece in text.split(separator: ",").map({ String($0).trimmed }) where !piece.isEmpty {
            let ends = piece.split(omittingEmptySubsequences: false, whereSeparator: { "-–—".contains($0) }).map { Int(String($0).trimmed) }
            if ends.count == 1, let grade = ends[0], (0...13).contains(grade) {
                grades.append(grade)
            } else if ends.count == 2, let first = ends[0], let last = ends[1], first <= last, (0...13).contains(first), last <= 13 {
                grades += Array(first...last)
            } else if let name = ClassName(piece) {
                classes.append(name)
            } else {
                return nil
            }
        }
        grades = Array(Set(grades)).sorted()
        classes = Array(Set(classes)).sorted()
    }

    init(grades: [Int], classes: [ClassName]) {
        self.grades = grades.sorted()
        self.classes = classes.sorted()
    }

    /// `1–4, 7 «Б»`; empty for everybody.
    var text: String {
        var rows: [(Int, Int)] = []
        for grade in grades {
            if let last = rows.last, last.1 + 1 == grade { rows[rows.count - 1].1 = grade } else { rows.append((grade, grade)) }
        }
        return (rows.map { $0.0 == $0.1 ? "\($0.0)" : "\($0.0)–\($0.1)" } + classes.map(\.text)).joined(separator: ", ")
    }
}

import Foundation
import Kernel
import Postgres

/// Which timetable a school follows on a day: its weekday's, another's, or none.
struct SchoolCalendar: Sendable, Equatable {
    struct Term: Sendable, Equatable {
        let name: String
        let starts: Day
        let ends: Day
    }

    struct UnusualDay: Sendable, Equatable {
        /// The weekday that is followed; nil for a day off.
        let worksAs: Int?
        let name: String
    }

    let terms: [Term]
    let unusual: [Day: UnusualDay]

    func term(on day: Day) -> Term? { terms.first { $0.starts <= day && day <= $0.ends } }

    /// The weekday (1 = Monday) whose lessons are held, nil when there are none.
    ///
    /// A day that the calendar names counts even between terms: a working Saturday, a moved Monday.
    func weekday(followedOn day: Day) -> Int? {
        if let special = unusual[day] { return special.worksAs }
        return term(on: day) == nil ? nil : day.weekday
    }

    /// «Third week» of the term, counted from the week in which it begins.
    func week(of day: Day) -> Int? {
        term(on: day).map { $0.starts.monday.days(until: day) / 7 + 1 }
    }

    static func of(school: UUID, in transaction: borrowing Transaction) throws -> SchoolCalendar {
        let terms = try transaction.rows(
            "select name, starts_on, ends_on from term where school_id = \(school) order by starts_on",
            as: String.self, Day.self, Day.self)
        let unusual = try transaction.rows(
            "select day, works_as, name from unusual_day where school_id = \(school)",
            as: Day.self, Int?.self, String.self)
        return SchoolCalendar(
            terms: terms.map { Term(name: $0.0, starts: $0.1, ends: $0.2) },
            unusual: Dictionary(
                unusual.map { ($0.0, UnusualDay(worksAs: $0.1, name: $0.2)) }, uniquingKeysWith: { first, _ in first }))
    }
}

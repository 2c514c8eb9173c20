import Events
import Foundation
import Kernel
import Postgres

/// Who looked at a child in some days, newest first (BY-10).
struct WhoLooked: Sendable {
    /// How long a look is kept: a school year and the summer after it.
    static let keptDays = 400
    /// The most that a page of a month holds.
    static let most = 500

    struct Look: Sendable, Equatable {
        let day: Day
        let viewerID: UUID
        /// Nil for somebody whom nobody knows any more.
        let name: PersonName?
        let permission: String
        let service: String
        let asGuardian: Bool
        let roles: [Role]
        let firstAt: Date
        let lastAt: Date
        let times: Int
    }

    let childID: UUID
    let days: ClosedRange<Day>

    func read(in transaction: borrowing Transaction) throws -> [Look] {
        try transaction.rows(
            """
            select l.day_on, l.viewer_id, p.surname, p.given_name, p.patronymic, l.permission, l.service, l.as_guardian, l.roles,
                   l.first_at, l.last_at, l.times
            from look l left join person p on p.id = l.viewer_id
            where l.child_id = \(childID) and l.day_on between \(days.lowerBound) and \(days.upperBound)
            order by l.day_on desc, l.last_at desc, l.viewer_id, l.permission limit \(Self.most)
            """,
            as: Day.self, UUID.self, String?.self, String?.self, String?.self, String.self, String.self, Bool.self,
            [String].self, Date.self, Date.self, Int.self
        ).map { row in
            Look(
                day: row.0, viewerID: row.1,
                name: row.2.flatMap { surname in row.3.map { PersonName(surname: surname, given: $0, patronymic: row.4) } },
                permission: row.5, service: row.6, asGuardian: row.7, roles: row.8.compactMap(Role.init(rawValue:)),
                firstAt: row.9, lastAt: row.10, times: row.11)
        }
    }

    /// The first month of which anything is kept about a child; nil when nothing is.
    static func beginning(of child: UUID, in transaction: borrowing Transaction) throws -> Day? {
        try transaction.first("select min(day_on) from look where child_id = \(child)", as: Day?.self) ?? nil
    }

    static func sweep(now: Date, in transaction: borrowing Transaction) throws {
        let last = SchoolZone.moscow.day(of: now) - keptDays
        try transaction.execute("delete from look where day_on < \(last)")
    }
}

/// What somebody looked at, in words.
enum LookSection {
    private static let byPermission = [
        "seeDiary": "Diary", "seeMarks": "Marks", "seeRemarks": "Remarks", "enterLessons": "Remarks", "seeAttendance": "Attendance",
        "seeMeals": "Meals", "seeMenu": "Meals", "requestClassMeals": "Meals", "seePurchases": "Purchases", "seeMoney": "Money",
        "seeBans": "Purchases", "setBans": "Purchases", "setLimit": "Daily limit", "topUpAtDesk": "Account at the cash desk",
        "seeTimetable": "Timetable", "seeHome": "The day",
        "seeFeed": "The day", "watchGate": "Passages", "manageCards": "Cards", "managePeople": "Data of the person",
    ]
    private static let byService = [
        "journal": "Diary", "ledger": "Money", "canteen": "Meals", "access": "Passages", "notifier": "The day",
    ]

    /// English; the catalogue has the Russian. A permission without a name of its own goes by its service.
    static func english(_ permission: String, service: String) -> String {
        byPermission[permission] ?? byService[service] ?? "Data of the person"
    }

    static let all = Set(byPermission.values).union(byService.values)
}

import Directory
import Events
import Foundation
import Kernel
import Postgres

/// What several children's days are told from: one statement for each kind of thing, however many children there are.
struct DayMaterial: Sendable {
    struct Account: Sendable { let balance: Money; let limit: Money?; let spent: Money; let day: Day }
    struct ClassDay: Sendable { let day: Day; let lessons: [LessonSlot]; let termName: String?; let termStarts: Day? }

    let day: Day
    /// Newest first.
    private let notices: [UUID: [Notice]]
    /// By class: the day itself, then the next one with lessons.
    private let days: [UUID: [ClassDay]]
    /// By class and subject, what was set last.
    private let homework: [UUID: [String: String]]
    private let accounts: [UUID: Account]
    private let meals: [UUID: Money]
    private let zones: [UUID: SchoolZone]

    init(of children: [ChildRecord], on day: Day, in tx: borrowing Transaction) throws {
        let ids = Array(Set(children.map(\.id)))
        let classes = Array(Set(children.compactMap(\.classID)))
        self.day = day
        notices = Dictionary(grouping: try Notice.of(ids, on: day, in: tx), by: \.childID)
        var days: [UUID: [ClassDay]] = [:]
        for (id, day, lessons, term, starts) in try tx.rows(
            """
            select k.class_id, k.day, k.lessons, k.term_name, k.term_starts
            from unnest(\(classes)) as wanted (id) cross join lateral (
                (select * from class_day where class_id = wanted.id and day = \(day))
                union all
                (select * from class_day where class_id = wanted.id and day > \(day) and exists (
                    select from jsonb_array_elements(lessons) as lesson
                    where not (lesson ->> 'isCancelled')::boolean and not (lesson ->> 'isClub')::boolean)
                order by day limit 1)) as k
            order by k.class_id, k.day
            """, as: UUID.self, Day.self, JSON<[LessonSlot]>.self, String?.self, Day?.self)
        {
            days[id, default: []].append(ClassDay(day: day, lessons: lessons.value, termName: term, termStarts: starts))
        }
        self.days = days
        var homework: [UUID: [String: String]] = [:]
        for (id, subject, text) in try tx.rows(
            """
            select distinct on (class_id, subject) class_id, subject, homework from lesson_record
            where class_id = any(\(classes)) and day <= \(day) and day > \(day.adding(days: -14))
            order by class_id, subject, day desc, number desc
            """, as: UUID.self, String.self, String?.self)
        {
            homework[id, default: [:]][subject] = text
        }
        self.homework = homework
        accounts = Dictionary(
            try tx.rows(
                """
                select child_id, balance_kopecks, daily_limit_kopecks, spent_kopecks, day from child_account
                where child_id = any(\(ids))
                """, as: UUID.self, Money.self, Money?.self, Money.self, Day.self
            ).map { ($0.0, Account(balance: $0.1, limit: $0.2, spent: $0.3, day: $0.4)) }, uniquingKeysWith: { first, _ in first })
        meals = Dictionary(
            try tx.rows(
                """
                select wanted.id, (
                    select sum((n.facts ->> 'amount')::bigint)::bigint from notice n
                    where n.child_id = wanted.id and n.kind = 'purchase' and not n.ended and n.day = last.day
                        and n.facts ->> 'purchaseKind' = 'collective')
                from unnest(\(ids)) as wanted (id) cross join lateral (
                    select n.day from notice n where n.child_id = wanted.id and n.kind = 'purchase' and not n.ended
                        and n.facts ->> 'purchaseKind' = 'collective' and n.day > \(day.adding(days: -30))
                    order by n.day desc limit 1) as last
                """, as: UUID.self, Money?.self
            ).compactMap { id, sum in sum.map { (id, $0) } }, uniquingKeysWith: { first, _ in first })
        zones = Dictionary(
            try Directory.schools(Array(Set(children.map(\.schoolID))), in: tx).map { ($0.id, $0.zone) },
            uniquingKeysWith: { first, _ in first })
    }

    func notices(of child: UUID) -> [Notice] { notices[child] ?? [] }
    func days(of schoolClass: UUID?) -> [ClassDay] { schoolClass.flatMap { days[$0] } ?? [] }
    func homework(in subject: String, of schoolClass: UUID?) -> String? { schoolClass.flatMap { homework[$0]?[subject] } }
    func account(of child: UUID) -> Account? { accounts[child] }
    /// What the last school day's meals cost by the class's request; nil when none is known.
    func mealsOfDay(of child: UUID) -> Money? { meals[child] }
    func zone(of school: UUID) -> SchoolZone { zones[school] ?? .moscow }
}

import Directory
import Events
import Foundation
import Kernel
import Logging
import Messaging
import Postgres
import Service

/// Tells what lessons the classes of a school have this week and in the seven days that come; only what is new.
struct AnnounceClassDays {
    let school: UUID

    /// - Returns: how many days of classes were told.
    @discardableResult
    func run(at now: Date, in transaction: borrowing Transaction, outbox: Outbox) throws -> Int {
        // Two at once would give one version twice.
        try transaction.execute("select pg_advisory_xact_lock(hashtext('class_day'), hashtext(\(school.uuidString)))")
        let today = try Directory.zone(of: school, in: transaction).day(of: now)
        let timetable = try SchoolTimetable.of(school: school, in: transaction)
        let (from, to) = (today.monday, today + 7)
        var known: [UUID: (version: Int64, lessons: [LessonSlot], term: String?)] = [:]
        for row in try transaction.rows(
            """
            select id, version, lessons, term_name from class_day
            where school_id = \(school) and day between \(from) and \(to)
            """, as: UUID.self, Int64.self, JSON<[LessonSlot]>.self, String?.self)
        {
            known[row.0] = (row.1, row.2.value, row.3)
        }
        var changed: [ClassDayChanged] = []
        for schoolClass in try Directory.classes(ofSchool: school, in: transaction) {
            for day in from...to {
                let id = UUID.derived(from: schoolClass.id, "day \(day)")
                let lessons = timetable.lessons(of: schoolClass.id, on: day)
                let (term, termStarts) = (timetable.calendar.term(on: day)?.name, timetable.calendar.term(on: day)?.starts)
                if let old = known[id] {
                    guard old.lessons != lessons || old.term != term else { continue }
                } else if lessons.isEmpty {
                    continue
                }
                changed.append(
                    ClassDayChanged(
                        classDayID: id, classID: schoolClass.id, schoolID: school, day: day,
                        version: (known[id]?.version ?? 0) + 1, lessons: lessons, termName: term,
                        termStarts: termStarts, ended: false))
            }
        }
        for one in changed {
            try transaction.execute(
                """
                insert into class_day (id, class_id, school_id, day, version, lessons, term_name)
                values (\(one.classDayID), \(one.classID), \(one.schoolID), \(one.day), \(one.version),
                    \(JSON(one.lessons)), \(one.termName))
                on conflict (id) do update set version = excluded.version, lessons = excluded.lessons,
                    term_name = excluded.term_name
                """)
        }
        try outbox.publish(changed, in: transaction)
        return changed.count
    }
}

/// Every hour: a new day has come into sight, a teacher has a new name, a pupil has arrived for whom lines wait.
struct HourlyRound: RepeatedWork {
    static let name = "class days and waiting lines"
    let database: Database
    let outbox: Outbox
    let logger: Logger
    var pause = Duration.seconds(3600)

    func round() async throws -> Int { try await round(at: Date()) }

    /// - Returns: how many class days were announced anew.
    @discardableResult
    func round(at now: Date) async throws -> Int {
        var count = 0
        let schools = try await database.read { try Directory.schools(in: $0).map(\.id) }
        for school in schools {
            count += try await database.transaction { [outbox] in
                try AnnounceClassDays(school: school).run(at: now, in: $0, outbox: outbox)
            }
            try await database.transaction { [outbox] in
                _ = try WaitingLines.apply(school: school, at: now, in: $0, outbox: outbox)
            }
        }
        return count
    }
}

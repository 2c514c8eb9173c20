import ArgumentParser
import Directory
import Events
import Foundation
import Kernel
import Messaging
import Postgres
import Service
import ServiceLifecycle
import Web

/// Lessons: when they are, what was done in them, who was there and how he did.
///
/// Hears of people from Identity; serves the family's diary and the teacher's gradebook; tells everyone of lessons, marks, absences,
/// remarks and comments.
@main struct JournalService: SchoolService {
    static let name = "journal"
    static let bundle = Bundle.module

    static func main() async { await run() }

    static func hearings(_ parts: Parts) -> [Hearing] { [DirectoryParts.hearing(queue: "journal.directory")] }

    static func routes(_ parts: Parts) -> RouteBook { JournalRoutes(database: parts.database, outbox: parts.outbox).book }

    static let republications: [Republication] = [
        .of(ClassDayChanged.self) { tx, after, limit in
            try tx.rows(
                """
                select id, class_id, school_id, day, version, lessons, term_name from class_day
                where \(after)::uuid is null or id > \(after)::uuid order by id limit \(limit)
                """, as: UUID.self, UUID.self, UUID.self, Day.self, Int64.self, JSON<[LessonSlot]>.self, String?.self
            ).map {
                ClassDayChanged(
                    classDayID: $0.0, classID: $0.1, schoolID: $0.2, day: $0.3, version: $0.4, lessons: $0.5.value, termName: $0.6, ended: false)
            }
        },
        .of(MarkChanged.self) { tx, after, limit in
            try tx.rows(
                """
                select mark.id, mark.version, person_id, class_id, lesson_id, day, number, subject, value, weight, work, comment, previous,
                    given_by_name, given_at, ended
                from mark join lesson on lesson.id = lesson_id
                where \(after)::uuid is null or mark.id > \(after)::uuid order by mark.id limit \(limit)
                """, as: UUID.self, Int64.self, UUID.self, UUID.self, UUID.self, Day.self, Int.self, String.self, String.self, Int.self,
                String?.self, String?.self, String?.self, String.self, Date.self, Bool.self
            ).map {
                MarkChanged(
                    markID: $0.0, version: $0.1, personID: $0.2, classID: $0.3, lessonID: $0.4, day: $0.5, lessonNumber: $0.6, subject: $0.7,
                    value: $0.8, weight: $0.9, work: $0.10, comment: $0.11, previous: $0.12, by: $0.13, at: $0.14, ended: $0.15)
            }
        },
    ]

    static func work(_ parts: Parts) -> [any ServiceLifecycle.Service] {
        [HourlyRound(database: parts.database, outbox: parts.outbox, logger: parts.logger)]
    }

    static let commands: [any AsyncParsableCommand.Type] = [
        ImportBellsCommand.self, ImportTermsCommand.self, ImportCalendarCommand.self, ImportTimetableCommand.self, ImportXHSTTCommand.self,
        ImportMarksCommand.self, ImportAbsencesCommand.self,
    ]
}

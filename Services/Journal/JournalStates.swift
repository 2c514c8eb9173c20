import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// What Journal can say again, state by state.
enum JournalStates {
    static let all: [Republication] = [
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
        .of(LessonRecorded.self) { tx, after, limit in
            try tx.rows(
                """
                select id, version, class_id, day, number, subject, topic, homework from lesson
                where (\(after)::uuid is null or id > \(after)::uuid) order by id limit \(limit)
                """, as: UUID.self, Int64.self, UUID.self, Day.self, Int.self, String.self, String?.self, String?.self
            ).map {
                LessonRecorded(
                    lessonID: $0.0, version: $0.1, classID: $0.2, day: $0.3, number: $0.4, subject: $0.5, topic: $0.6,
                    homework: $0.7, ended: false)
            }
        },
        .of(AttendanceChanged.self) { tx, after, limit in
            try tx.rows(
                """
                select attendance.id, attendance.version, person_id, class_id, lesson_id, day, number, subject, state, late_minutes,
                    topic, noted_at
                from attendance join lesson on lesson.id = lesson_id
                where (\(after)::uuid is null or attendance.id > \(after)::uuid) order by attendance.id limit \(limit)
                """, as: UUID.self, Int64.self, UUID.self, UUID.self, UUID.self, Day.self, Int.self, String.self, String.self, Int?.self,
                String?.self, Date.self
            ).map {
                AttendanceChanged(
                    attendanceID: $0.0, version: $0.1, personID: $0.2, classID: $0.3, lessonID: $0.4, day: $0.5, lessonNumber: $0.6,
                    subject: $0.7, state: AttendanceState(rawValue: $0.8) ?? .present, lateMinutes: $0.9, topic: $0.10, at: $0.11,
                    ended: false)
            }
        },
        .of(RemarkChanged.self) { tx, after, limit in
            try words("remark", after, limit, in: tx).map {
                RemarkChanged(
                    remarkID: $0.0, version: $0.1, personID: $0.2, day: $0.3, subject: $0.4, text: $0.5, by: $0.6, at: $0.7, ended: $0.8)
            }
        },
        .of(CommentChanged.self) { tx, after, limit in
            try words("comment", after, limit, in: tx).map {
                CommentChanged(
                    commentID: $0.0, version: $0.1, personID: $0.2, day: $0.3, subject: $0.4, text: $0.5, by: $0.6, at: $0.7, ended: $0.8)
            }
        },
    ]

    private static func words(
        _ table: String, _ after: UUID?, _ limit: Int, in transaction: borrowing Transaction
    ) throws -> [(UUID, Int64, UUID, Day, String?, String, String, Date, Bool)] {
        try transaction.rows(
            """
            select id, version, person_id, day, subject, body, written_by_name, written_at, ended from \(unescaped: table)
            where (\(after)::uuid is null or id > \(after)::uuid) order by id limit \(limit)
            """, as: UUID.self, Int64.self, UUID.self, Day.self, String?.self, String.self, String.self, Date.self, Bool.self)
    }
}

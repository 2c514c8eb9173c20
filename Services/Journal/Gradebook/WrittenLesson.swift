import Foundation
import Kernel
import Postgres

/// What is written about a lesson as a whole.
struct WrittenLesson: Sendable, Equatable {
    let id: UUID
    let day: Day
    let number: Int
    let subject: String
    let topic: String?
    let homework: String?
    let work: String?
    let weight: Int

    private static let columns: SQL = "select id, day, number, subject, topic, homework, work, weight from lesson"

    private static func found(_ sql: SQL, in transaction: borrowing Transaction) throws -> [WrittenLesson] {
        try transaction.rows(
            sql, as: UUID.self, Day.self, Int.self, String.self, String?.self, String?.self, String?.self, Int.self
        ).map {
            WrittenLesson(id: $0.0, day: $0.1, number: $0.2, subject: $0.3, topic: $0.4, homework: $0.5, work: $0.6, weight: $0.7)
        }
    }

    static func find(_ id: UUID, in transaction: borrowing Transaction) throws -> WrittenLesson? {
        try found("\(columns) where id = \(id)", in: transaction).first
    }

    /// A class's lessons within days, by their place in the week.
    static func of(_ schoolClass: UUID, from: Day, to: Day, in transaction: borrowing Transaction) throws -> [UUID: WrittenLesson] {
        Dictionary(
            try found("\(columns) where class_id = \(schoolClass) and day between \(from) and \(to)", in: transaction).map { ($0.id, $0) },
            uniquingKeysWith: { first, _ in first })
    }

    /// The last lessons of a subject before a place in the timetable, oldest first.
    static func before(
        _ key: LessonKey, subject: String, limit: Int, in transaction: borrowing Transaction
    ) throws -> [WrittenLesson] {
        try found(
            """
            \(columns) where class_id = \(key.classID) and subject = \(subject) and (day, number) < (\(key.day), \(key.number))
            order by day desc, number desc limit \(limit)
            """, in: transaction
        ).reversed()
    }
}

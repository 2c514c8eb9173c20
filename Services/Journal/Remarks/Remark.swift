import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// Words of a teacher about a pupil: a remark for the parents alone (JR-15), or a comment for both (JR-16).
struct Remark: Sendable, Equatable {
    let id: UUID
    let personID: UUID
    let day: Day
    let subject: String?
    let text: String
    let by: String
    let isForParentsOnly: Bool
    let writtenBy: UUID

    /// The longest, in characters.
    static let longest = 1000

    /// Pupils' remarks and comments within days. The caller says whether the reader may see remarks; nobody else decides.
    static func of(
        _ people: [UUID], from: Day, to: Day, withRemarks: Bool, in transaction: borrowing Transaction
    ) throws -> [Remark] {
        let comments = try read("comment", people, from, to, isForParentsOnly: false, in: transaction)
        guard withRemarks else { return comments }
        return try read("remark", people, from, to, isForParentsOnly: true, in: transaction) + comments
    }

    private static func read(
        _ table: String, _ people: [UUID], _ from: Day, _ to: Day, isForParentsOnly: Bool, in transaction: borrowing Transaction
    ) throws -> [Remark] {
        try transaction.rows(
            """
            select id, person_id, day, subject, body, written_by_name, written_by from \(unescaped: table)
            where person_id = any(\(people)) and day between \(from) and \(to) and not ended order by written_at
            """, as: UUID.self, UUID.self, Day.self, String?.self, String.self, String.self, UUID.self
        ).map {
            Remark(id: $0.0, personID: $0.1, day: $0.2, subject: $0.3, text: $0.4, by: $0.5, isForParentsOnly: isForParentsOnly, writtenBy: $0.6)
        }
    }
}

/// A teacher writes a remark or a comment. The form's id makes a repeat harmless.
struct WriteRemark {
    let id: UUID
    let school: UUID
    let person: UUID
    let day: Day
    let subject: String?
    let text: String
    let isForParentsOnly: Bool
    let by: UUID
    let byName: String

    func run(at now: Date, in transaction: borrowing Transaction, outbox: Outbox) throws {
        let table = isForParentsOnly ? "remark" : "comment"
        let written = try transaction.execute(
            """
            insert into \(unescaped: table)
                (id, school_id, person_id, day, subject, body, written_by, written_by_name, written_at)
            values (\(id), \(school), \(person), \(day), \(subject), \(text), \(by), \(byName), \(now)) on conflict (id) do nothing
            """)
        guard written == 1 else { return }
        if isForParentsOnly {
            try outbox.publish(
                RemarkChanged(
                    remarkID: id, version: 1, personID: person, day: day, subject: subject, text: text, by: byName, at: now, ended: false),
                in: transaction)
        } else {
            try outbox.publish(
                CommentChanged(
                    commentID: id, version: 1, personID: person, day: day, subject: subject, text: text, by: byName, at: now, ended: false),
                in: transaction)
        }
    }
}

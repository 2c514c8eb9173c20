import Events
import Foundation
import Kernel
import Postgres

/// One happening in a child's day, told to those who may know.
///
/// It keeps facts, not sentences: the page and the letter say it in the reader's language.
struct Notice: Sendable, Equatable {
    enum Kind: String, Sendable, Codable, CaseIterable {
        case entered, left, mark, absence, late, lesson, remark, comment, purchase, refusal, topUp, lowBalance, transfer, service
    }

    /// Who may read it.
    enum Audience: String, Sendable {
        /// The guardians and the pupil himself.
        case family
        /// Never the pupil (JR-15).
        case guardians
    }

    /// What can happen to a paid service (ID-35).
    enum ServiceNews: String, Sendable, Codable, CaseIterable {
        case subscribed, ended, charged, refused, refunded
    }

    /// What happened, as far as the kind needs it.
    struct Facts: Sendable, Equatable, Codable {
        var place: String?
        var subject: String?
        var lessonNumber: Int?
        var value: String?
        var previous: String?
        var work: String?
        var text: String?
        var by: String?
        var amount: Money?
        var purchaseKind: PurchaseKind?
        var meal: String?
        var items: [SoldItem]?
        var reason: DeclineReason?
        var method: TopUpMethod?
        var minutes: Int?
        /// The sum that the guardians named.
        var below: Money?
        /// The first day in a new place.
        var movedOn: Day?
        /// What became of a paid service, and until when it holds or is tried.
        var service: ServiceNews?
        var until: Day?
    }

    let id: UUID
    let childID: UUID
    let schoolID: UUID?
    let day: Day
    let at: Date
    let kind: Kind
    let audience: Audience
    /// Which grant shows it to a second adult.
    let topic: Topic
    let facts: Facts
    /// The owner's version of the thing, so that a late message never undoes a newer one.
    let version: Int64
    var isEnded = false
    /// Said again to fill this service: known from now on, but news to nobody.
    var isOld = false

    /// Writes notices; each only where it is newer than what is there. A repeat changes nothing.
    static func tell(_ notices: [Notice], in transaction: borrowing Transaction) throws {
        // One row per notice in a statement: the newest of each.
        var newest: [UUID: Notice] = [:]
        for notice in notices where (newest[notice.id]?.version ?? .min) < notice.version { newest[notice.id] = notice }
        let told = newest.values.sorted { $0.id.uuidString < $1.id.uuidString }
        guard !told.isEmpty else { return }
        try transaction.execute(
            """
            insert into notice as known
                (id, child_id, school_id, day, happened_at, kind, audience, topic, facts, version, ended, changed_at)
            select told.id, child, school, day, at, kind, audience, topic, facts, version, ended,
                case when old then at else clock_timestamp() end from unnest(\(told.map(\.id)), \(told.map(\.childID)), \(told.map(\.schoolID)), \(told.map(\.day)),
                \(told.map(\.at)), \(told.map(\.kind.rawValue)), \(told.map(\.audience.rawValue)),
                \(told.map(\.topic.rawValue)), \(told.map { JSON($0.facts) }), \(told.map(\.version)), \(told.map(\.isEnded)))
                as told (id, child, school, day, at, kind, audience, topic, facts, version, ended)
            join unnest(\(told.map(\.id)), \(told.map(\.isOld))) as age (id, old) using (id)
            on conflict (id) do update set day = excluded.day, happened_at = excluded.happened_at, kind = excluded.kind,
                audience = excluded.audience, topic = excluded.topic, facts = excluded.facts, version = excluded.version,
                ended = excluded.ended,
                changed_at = case when excluded.changed_at = excluded.happened_at then known.changed_at else excluded.changed_at end
            where excluded.version > known.version
            """)
    }

    private static let columns: SQL = """
        select id, child_id, school_id, day, happened_at, kind, audience, topic, facts, version, ended, changed_at from notice
        """

    private static func found(_ sql: SQL, in transaction: borrowing Transaction) throws -> [(notice: Notice, changedAt: Date)] {
        try transaction.rows(
            sql, as: UUID.self, UUID.self, UUID?.self, Day.self, Date.self, String.self, String.self, String.self,
            JSON<Facts>.self, Int64.self, Bool.self, Date.self
        ).compactMap {
            guard let kind = Kind(rawValue: $0.5), let audience = Audience(rawValue: $0.6), let topic = Topic(rawValue: $0.7)
            else { return nil }
            let notice = Notice(
                id: $0.0, childID: $0.1, schoolID: $0.2, day: $0.3, at: $0.4, kind: kind, audience: audience, topic: topic,
                facts: $0.8.value, version: $0.9, isEnded: $0.10)
            return (notice, $0.11)
        }
    }

    /// Children's notices of one day, newest first.
    static func of(_ children: [UUID], on day: Day, in transaction: borrowing Transaction) throws -> [Notice] {
        try found(
            """
            \(columns) where child_id = any(\(children)) and day = \(day) and not ended
            order by happened_at desc, id
            """, in: transaction
        ).map(\.notice)
    }

    /// What changed for children after one moment and up to another, and when; oldest first, ended notices too.
    static func changes(
        of children: [UUID], after since: Date, upTo until: Date, in transaction: borrowing Transaction
    ) throws -> [(notice: Notice, changedAt: Date)] {
        try found(
            """
            \(columns) where child_id = any(\(children)) and changed_at > \(since) and changed_at <= \(until)
            order by happened_at, id
            """, in: transaction)
    }
}

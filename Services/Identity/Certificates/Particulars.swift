import Foundation
import Kernel
import Postgres

/// «Персональные данные для подачи заявлений» of a guardian about a child (ID-39), with the convenient address (SC-09).
struct Particulars: Sendable, Equatable {
    enum Item: String, Sendable, CaseIterable {
        case address, passport
        case passportIssued = "passport-issued"
        case registeredAt = "registered-at"
        case childDocument = "child-document"

        /// English; the catalogue has the Russian.
        var text: String {
            switch self {
            case .address: "Convenient address for lessons"
            case .passport: "Series and number of your passport"
            case .passportIssued: "Issued by whom and when"
            case .registeredAt: "Your registered address"
            case .childDocument: "The child's document: kind, series and number"
            }
        }
    }

    /// The longest text of an item.
    static let most = 300

    private(set) var values: [Item: String]

    init(values: [Item: String] = [:]) { self.values = values }

    subscript(item: Item) -> String? { values[item] }

    /// As typed: without outer spaces, empty ones left out. Nil when one is too long, with that one.
    init(typed: (Item) -> String?) throws(TooLong) {
        values = [:]
        for item in Item.allCases {
            let text = (typed(item) ?? "").trimmed
            guard text.count <= Self.most else { throw TooLong(item: item) }
            if !text.isEmpty { values[item] = text }
        }
    }

    struct TooLong: Error, Equatable { let item: Item }

    static func read(guardian: UUID, child: UUID, in transaction: borrowing Transaction) throws -> Particulars {
        let found = try transaction.first(
            """
            select address, passport, passport_issued, registered_at, child_document from particulars
            where guardian_id = \(guardian) and child_id = \(child)
            """,
            as: String?.self, String?.self, String?.self, String?.self, String?.self)
        guard let row = found else { return Particulars() }
        let texts: [(Item, String?)] = [
            (.address, row.0), (.passport, row.1), (.passportIssued, row.2), (.registeredAt, row.3), (.childDocument, row.4),
        ]
        return Particulars(values: Dictionary(uniqueKeysWithValues: texts.compactMap { item, text in text.map { (item, $0) } }))
    }

    func save(guardian: UUID, child: UUID, now: Date, in transaction: borrowing Transaction) throws {
        try transaction.execute(
            """
            insert into particulars (guardian_id, child_id, address, passport, passport_issued, registered_at, child_document, changed_at)
            values (\(guardian), \(child), \(self[.address]), \(self[.passport]), \(self[.passportIssued]), \(self[.registeredAt]),
                \(self[.childDocument]), \(now))
            on conflict (guardian_id, child_id) do update set address = excluded.address, passport = excluded.passport,
                passport_issued = excluded.passport_issued, registered_at = excluded.registered_at,
                child_document = excluded.child_document, changed_at = excluded.changed_at
            """)
    }
}

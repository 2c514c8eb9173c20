import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// What Identity says of consents: whether the school may act by one. Who has never decided is not spoken of.
enum ConsentFacts {
    static func publish(_ person: UUID, _ purpose: ConsentPurpose, to outbox: Outbox, in transaction: borrowing Transaction) throws {
        if let fact = try fact(person, purpose, in: transaction) { try outbox.publish(fact, in: transaction) }
    }

    /// Several of one person and kind may stand beside each other, his school's and the installation's: it holds while one does.
    private static func fact(_ person: UUID, _ purpose: ConsentPurpose, in transaction: borrowing Transaction) throws -> ConsentChanged? {
        let decided = try transaction.first(
            """
            select count(*), max(c.at) from consent c join consent_text t on t.id = c.text_id
            where c.person_id = \(person) and t.purpose = \(purpose.rawValue)
            """, as: Int64.self, Date?.self)
        guard let (version, last) = decided, let last else { return nil }
        let holds = try ConsentsOf.read(person, in: transaction).contains { $0.purpose == purpose && $0.state.holds }
        return ConsentChanged(
            consentID: id(person, purpose), version: version, personID: person, kind: purpose.kind, holds: holds, at: last)
    }

    private static func id(_ person: UUID, _ purpose: ConsentPurpose) -> UUID { .derived(from: person, "consent \(purpose.rawValue)") }

    /// By person: whoever has decided anything, all his kinds together. The identifiers that follow are the persons'.
    static func page(after: UUID?, limit: Int, in transaction: borrowing Transaction) throws -> [ConsentChanged] {
        let decided = try transaction.rows(
            "select distinct c.person_id, t.purpose from consent c join consent_text t on t.id = c.text_id", as: UUID.self, String.self)
        let known = decided.compactMap { person, word in ConsentPurpose(rawValue: word).map { (id(person, $0), person, $0) } }
            .sorted { $0.0.text < $1.0.text }.filter { one in after.map { $0.text < one.0.text } ?? true }
        return try known.prefix(limit).compactMap { try fact($0.1, $0.2, in: transaction) }
    }
}

extension ConsentPurpose {
    var kind: ConsentKind {
        switch self {
        case .personalData: .personalData
        case .photos: .photos
        case .results: .results
        case .health: .health
        }
    }

    /// What happens when it is taken back; English, the catalogue has the Russian.
    ///
    /// - Parameter isOfChild: whether it is about a child, decided by who answers for him.
    func effect(isOfChild: Bool) -> String {
        switch self {
        case .personalData:
            isOfChild
                ? "Once it is taken back, no letter tells anybody of the child. The cabinet stays open to you."
                : "Once it is taken back, the evening letter does not come any more; letters about your own access still do."
        case .photos: "Without it the child is not photographed, and pictures that are shown are taken down within seven days."
        case .results: "Without it the child's name is taken from the lists that the school keeps itself."
        case .health: "Without it the kitchen and the nurse are told nothing of allergies and diet."
        }
    }
}

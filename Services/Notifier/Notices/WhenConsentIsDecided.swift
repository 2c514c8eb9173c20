import Events
import Foundation
import Messaging
import Postgres

/// A consent is given or taken back: letters that stand on one that was taken back do not go out (ID-38).
///
/// A guardian's own is about letters to him, that for a child about every letter that tells of the child. Letters about
/// somebody's own access stand on none: he asked for them.
enum WhenConsentIsDecided {
    static func remember(_ received: [Received<ConsentChanged>], in tx: borrowing Transaction) throws {
        var newest: [UUID: Received<ConsentChanged>] = [:]
        for one in received where (newest[one.event.consentID]?.version ?? .min) < one.version { newest[one.event.consentID] = one }
        let known = newest.values.sorted { $0.event.consentID.uuidString < $1.event.consentID.uuidString }
        guard !known.isEmpty else { return }
        try tx.execute(
            """
            insert into consent as known (person_id, kind, holds, version)
            select * from unnest(\(known.map(\.event.personID)), \(known.map(\.event.kind.rawValue)), \(known.map { $0.event.holds && !$0.event.ended }),
                \(known.map(\.version)))
            on conflict (person_id, kind) do update set holds = excluded.holds, version = excluded.version
            where excluded.version > known.version
            """)
    }

    /// Which of these people, or who answers for them, have taken back the consent to keep and use their data.
    static func withdrawn(_ people: [UUID], in tx: borrowing Transaction) throws -> Set<UUID> {
        Set(
            try tx.rows(
                "select person_id from consent where person_id = any(\(people)) and kind = \(ConsentKind.personalData.rawValue) and not holds",
                as: UUID.self))
    }
}

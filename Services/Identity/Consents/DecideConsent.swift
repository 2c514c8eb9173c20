import Foundation
import Kernel
import Messaging
import Postgres

/// A consent is given or withdrawn, for oneself or for the child one answers for.
struct DecideConsent: Sendable {
    let personID: UUID
    /// The text as it was shown.
    let textID: UUID
    let isGiven: Bool
    let by: UUID
    let now: Date

    enum Outcome: Sendable, Equatable {
        case done
        /// Another wording has been published since the page was shown: nobody agrees to what he has not read.
        case changedMeanwhile
    }

    func run(in transaction: borrowing Transaction, _ outbox: Outbox) throws -> Outcome {
        // Two decisions at the same time stand one after the other.
        try transaction.execute("select from person where id = \(personID) for update")
        guard let line = try ConsentsOf.read(personID, in: transaction).first(where: { $0.textID == textID }) else {
            return .changedMeanwhile
        }
        let isSame = isGiven ? line.state == .given : !line.state.holds && line.state == .withdrawn
        guard !isSame else { return .done }
        try transaction.execute(
            """
            insert into consent (id, text_id, person_id, given, at, by_person_id)
            values (\(UUID.v7(at: now)), \(textID), \(personID), \(isGiven), \(now), \(by))
            """)
        try Audit.note(
            isGiven ? .consentGiven : .consentWithdrawn, by: by, about: personID, school: line.schoolID,
            detail: ["purpose": line.purpose.text, "version": "\(line.version)"], at: now, in: transaction)
        try ConsentFacts.publish(personID, line.purpose, to: outbox, in: transaction)
        return .done
    }
}

/// Another wording of a text.
struct PublishConsentText: Sendable {
    let purpose: ConsentPurpose
    /// Nil for the whole installation, which is the operator's to say.
    let school: UUID?
    let title: String
    let text: String
    let by: UUID?
    let now: Date
    static let longestTitle = 200
    static let longestText = 20_000

    /// What is wrong, by field; English.
    func refusal() -> [String: FieldMessage] {
        var wrong: [String: FieldMessage] = [:]
        if title.trimmed.isEmpty { wrong["title"] = "The title is missing." }
        if title.count > Self.longestTitle { wrong["title"] = "The title is longer than 200 characters." }
        if text.trimmed.isEmpty { wrong["text"] = "The text is missing." }
        if text.count > Self.longestText { wrong["text"] = "The text is longer than 20,000 characters." }
        return wrong
    }

    /// - Returns: the version.
    @discardableResult
    func run(in transaction: borrowing Transaction) throws -> Int {
        try transaction.execute("select pg_advisory_xact_lock(hashtext('identity.consent-text'))")
        let present = try transaction.first(
            "select max(version) from consent_text where purpose = \(purpose.rawValue) and school_id is not distinct from \(school)",
            as: Int?.self)
        let version = ((present ?? nil) ?? 0) + 1
        try transaction.execute(
            """
            insert into consent_text (id, purpose, school_id, version, title, body, published_at, published_by)
            values (\(UUID.v7(at: now)), \(purpose.rawValue), \(school), \(version), \(title.trimmed), \(text.trimmed), \(now), \(by))
            """)
        let schools = try school.map { [$0] } ?? transaction.rows("select id from school where not ended", as: UUID.self)
        for school in schools {
            try Audit.note(
                .consentTextPublished, by: by, school: school, detail: ["purpose": purpose.text, "version": "\(version)"], at: now,
                in: transaction)
        }
        return version
    }
}

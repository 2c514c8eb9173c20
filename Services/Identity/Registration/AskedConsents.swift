import Foundation
import Kernel
import Postgres

/// A text that somebody agrees to by registering.
struct AskedConsent: Sendable, Equatable {
    let textID: UUID
    let title: String
    let version: Int
    let paragraphs: [String]
}

/// What somebody who registers is asked to agree to (ID-38): adults the processing of their own data, parents that of their
/// child's too. A pupil is asked nothing: his parent decides.
struct AskedConsents: Sendable, Equatable {
    var own: AskedConsent?
    /// Nil too when the other parent has agreed already.
    var child: AskedConsent?

    static func by(_ invitation: Invitation, in transaction: borrowing Transaction) throws -> AskedConsents {
        guard invitation.kind != .pupil else { return AskedConsents() }
        let text = try text(of: invitation.schoolID, in: transaction)
        guard invitation.kind == .guardian, let child = invitation.childID else { return AskedConsents(own: text) }
        let isOpen = try ConsentsOf.read(child, in: transaction).contains { $0.purpose == .personalData && $0.state != .given }
        return AskedConsents(own: text, child: isOpen ? text : nil)
    }

    /// The school's own words where it has some, else the installation's.
    private static func text(of school: UUID, in transaction: borrowing Transaction) throws -> AskedConsent? {
        try transaction.first(
            """
            select id, title, version, body from consent_text
            where purpose = \(ConsentPurpose.personalData.rawValue) and (school_id = \(school) or school_id is null)
            order by school_id is null, version desc limit 1
            """, as: UUID.self, String.self, Int.self, String.self
        ).map { AskedConsent(textID: $0.0, title: $0.1, version: $0.2, paragraphs: $0.3.split(separator: "\n").map(String.init)) }
    }

    /// What is wrong with the boxes, by field; English. Nobody agrees to words he was not shown.
    func refusal(own ticked: UUID?, child tickedForChild: UUID?) -> [String: FieldMessage] {
        var wrong: [String: FieldMessage] = [:]
        for (field, asked, given) in [("own-consent", own, ticked), ("child-consent", child, tickedForChild)] {
            guard let asked else { continue }
            if given == nil {
                wrong[field] = "Without this consent the school may not keep a cabinet."
            } else if given != asked.textID {
                wrong[field] = "The text has changed meanwhile. Read it before you decide."
            }
        }
        return wrong
    }
}

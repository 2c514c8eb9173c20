import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// A registered guardian adds another child by its code: «Профиль – Мои данные», field «Дети» (ID-25).
struct AddChild: Sendable {
    let guardianID: UUID
    let code: String
    let address: String
    let now: Date

    enum Outcome: Sendable, Equatable {
        case added(PersonName)
        case refused(String)
        case wait(until: Date)
    }

    func run(_ database: Database, _ outbox: Outbox, _ bench: HashingBench) async throws -> Outcome {
        guard let code = InvitationCode(code) else { return .refused(InvitationRefused.unknown.text) }
        let verdict = try await database.transaction { try Guessing.countCode(address: address, now: now, in: $0) }
        if case .wait(let until) = verdict { return .wait(until: until) }
        let hash = try await bench.run { try PasswordHash.ofCode(code) }
        do {
            return try await database.transaction { transaction in
                let invitation = try Invitation.find(hash, now: now, lock: true, in: transaction)
                guard invitation.kind.isForGuardian, let child = invitation.childName else {
                    return .refused("This code is for the pupil, not for the parent.")
                }
                // ID-26: combining access to several diaries is possible only for parents.
                let kind = try transaction.first("select kind from person where id = \(guardianID)", as: String.self)
                guard kind == "guardian" else { return .refused("Only parents can see several diaries.") }
                // ID-29: two logins of one parent cannot be merged by himself.
                if invitation.isRegistered, invitation.personID != guardianID {
                    return .refused("Somebody has registered with this invitation already. Ask the curator.")
                }
                var touched = TouchedPeople()
                let isNew = try Self.grant(guardianID, [invitation], now: now, &touched, in: transaction)
                // Who sees everything already keeps it, and the family its code.
                if invitation.kind == .family, !isNew { throw NothingNew() }
                try touched.publish(to: outbox, in: transaction)
                try Guessing.forgiveCode(address: address, in: transaction)
                try Audit.note(
                    .childAdded, by: guardianID, about: invitation.childID, school: invitation.schoolID, at: now, in: transaction)
                return .added(child)
            }
        } catch let refused as InvitationRefused {
            return .refused(refused.text)
        } catch is NothingNew {
            return .refused("You see this child already.")
        }
    }

    private struct NothingNew: Error {}

    /// Gives a guardian the children of invitations, uses the codes up, and counts the change of his rights.
    ///
    /// The school's code opens everything. A family's opens what the family said (ID-30), to nobody who has more already, and
    /// makes nobody the first guardian.
    /// - Returns: whether his rights are others now.
    @discardableResult
    static func grant(
        _ guardianID: UUID, _ invitations: [Invitation], now: Date, _ touched: inout TouchedPeople,
        in transaction: borrowing Transaction
    ) throws -> Bool {
        var isChanged = false
        for invitation in invitations {
            if let giver = invitation.giverID {
                for offer in invitation.offers {
                    isChanged = try letIn(guardianID, offer, by: giver, now: now, in: transaction) || isChanged
                }
                try invitation.use(by: guardianID, now: now, in: transaction)
                continue
            }
            guard let childID = invitation.childID else { continue }
            // The school may have named him already; then the code only proves that it is he.
            isChanged = try transaction.execute(
                """
                insert into guardianship as g (guardian_id, child_id, topics, is_primary, source, granted_at)
                values (\(guardianID), \(childID), \(Topic.allCases.map(\.rawValue)),
                        not exists (select from guardianship where child_id = \(childID) and is_primary and not ended),
                        'code', \(now))
                on conflict (guardian_id, child_id) do update set ended = false, ended_by = null, source = 'code',
                    topics = excluded.topics, granted_at = excluded.granted_at, is_primary = excluded.is_primary,
                    until_on = null, granted_by = null
                where g.ended or g.source = 'family'
                """) == 1 || isChanged
            try invitation.use(by: guardianID, now: now, in: transaction)
        }
        guard isChanged else { return false }
        try transaction.execute(
            "update person set rights_number = rights_number + 1 where id = \(guardianID)")
        touched.rights.insert(guardianID)
        return true
    }

    private static func letIn(
        _ guardianID: UUID, _ offer: OfferedGrant, by giver: UUID, now: Date, in transaction: borrowing Transaction
    ) throws -> Bool {
        guard guardianID != offer.childID, guardianID != giver else { return false }
        let isChanged = try transaction.execute(
            """
            insert into guardianship as g
                (guardian_id, child_id, topics, is_primary, source, granted_at, until_on, granted_by)
            values (\(guardianID), \(offer.childID), \(offer.terms.listed.map(\.rawValue)), false, 'family', \(now),
                    \(offer.terms.until), \(giver))
            on conflict (guardian_id, child_id) do update set ended = false, ended_by = null, source = 'family',
                topics = excluded.topics, granted_at = excluded.granted_at, is_primary = false,
                until_on = excluded.until_on, granted_by = excluded.granted_by
            where g.ended or g.source = 'family'
            """) == 1
        if isChanged { try Audit.note(.accessShared, by: giver, about: offer.childID, at: now, in: transaction) }
        return isChanged
    }
}

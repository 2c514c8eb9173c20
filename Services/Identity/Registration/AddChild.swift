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
                guard invitation.kind == .guardian, let child = invitation.childName else {
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
                try Self.grant(guardianID, [invitation], now: now, &touched, in: transaction)
                try touched.publish(to: outbox, in: transaction)
                try Guessing.forgiveCode(address: address, in: transaction)
                try Audit.note(
                    .childAdded, by: guardianID, about: invitation.childID, school: invitation.schoolID, at: now, in: transaction)
                return .added(child)
            }
        } catch let refused as InvitationRefused {
            return .refused(refused.text)
        }
    }

    /// Gives a guardian the children of invitations, uses the codes up, and counts the change of his rights.
    static func grant(
        _ guardianID: UUID, _ invitations: [Invitation], now: Date, _ touched: inout TouchedPeople,
        in transaction: borrowing Transaction
    ) throws {
        var isChanged = false
        for invitation in invitations {
            guard let childID = invitation.childID else { continue }
            // The school may have named him already; then the code only proves that it is he.
            isChanged = try transaction.execute(
                """
                insert into guardianship as g (guardian_id, child_id, topics, is_primary, source, granted_at)
                values (\(guardianID), \(childID), \(Topic.allCases.map(\.rawValue)),
                        not exists (select from guardianship where child_id = \(childID) and is_primary and not ended),
                        'code', \(now))
                on conflict (guardian_id, child_id) do update set ended = false, ended_by = null, source = 'code',
                    topics = excluded.topics, granted_at = excluded.granted_at, is_primary = excluded.is_primary
                where g.ended
                """) == 1 || isChanged
            try invitation.use(by: guardianID, now: now, in: transaction)
        }
        guard isChanged else { return }
        try transaction.execute(
            "update person set rights_number = rights_number + 1 where id = \(guardianID)")
        touched.rights.insert(guardianID)
    }
}

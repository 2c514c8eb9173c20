import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// Why two accounts cannot become one, or not become two again.
enum MergingRefused: Error, Equatable, Sendable {
    case sameAccount
    case notGuardians
    case ended
    case worksAtSchool
    case ownAccount
    case elsewhere
    case otherWayRound
    case unlikeGrants
    case tooLate
    case mergedAgain
    case undone

    /// English; the catalogue has the Russian.
    var text: String {
        switch self {
        case .sameAccount: "This is one account already."
        case .notGuardians: "Only accounts of parents can be merged."
        case .ended: "One of the accounts has ended already."
        case .worksAtSchool: "One of the accounts belongs to somebody who works at a school. Such accounts are not merged."
        case .ownAccount: "Nobody merges his own account. Another curator has to do it."
        case .elsewhere: "A child of one of the accounts learns at a school that is not yours."
        case .otherWayRound: "The account that stays has no login yet. Merge the other way round."
        case .unlikeGrants: "Both accounts were let in to the same child with different topics and terms. The family has to make them alike first."
        case .tooLate: "The time for taking it back is over."
        case .mergedAgain: "One of the accounts was merged once more since. Take that back first."
        case .undone: "This has been taken back already."
        }
    }

    static let all: [MergingRefused] = [
        .sameAccount, .notGuardians, .ended, .worksAtSchool, .ownAccount, .elsewhere, .otherWayRound, .unlikeGrants, .tooLate,
        .mergedAgain, .undone,
    ]
}

/// What a merging changed, as far as it can be taken back.
struct MergingTrace: Codable, Sendable, Equatable {
    struct Contact: Codable, Sendable, Equatable {
        let phone: String?
        let email: String?
        let isConfirmed: Bool
        let isFromSchool: Bool
    }

    struct Given: Codable, Sendable, Equatable {
        let guardian: UUID
        let child: UUID
    }

    /// Of the account that stays, about the children of the other one.
    let keptBefore: [GuardianshipState]
    let extraBefore: [GuardianshipState]
    let after: [GuardianshipState]
    /// Adults whom the ended account had let in, and its unused invitations.
    let given: [Given]
    let invitations: [UUID]
    /// Accounts that had become part of the ended one before.
    let earlier: [UUID]
    /// What the account that stays had for a contact, if it got something of the other's; with the version that this made.
    let contact: Contact?
    let contactVersion: Int64?
    /// When the СНИЛС was entered that came to the account that stays.
    var snilsEnteredAt: Date?
}

/// The curator makes one account of two of the same guardian (ID-29): children, grants given and what the one lacks of
/// contact come to the account that stays; the other ends with its sessions.
struct MergeAccounts: Sendable {
    let keptID: UUID
    let extraID: UUID
    let by: UUID
    let now: Date
    /// How long it can be taken back.
    static let undoDays = 7

    /// - Returns: the merging.
    /// - Throws: ``MergingRefused``.
    func run(in transaction: borrowing Transaction, _ outbox: Outbox) throws -> UUID {
        // Both rows first, in one order: whatever else happens to the two waits.
        try transaction.execute("select 1 from person where id = any(\([keptID, extraID])) order by id for update")
        let check = MergingCheck(keptID: keptID, extraID: extraID, by: by, now: now)
        let kept = try GuardianshipState.of(keptID, in: transaction)
        let extra = try GuardianshipState.of(extraID, in: transaction)
        let (after, schools) = try check.run(kept: kept, extra: extra, in: transaction)
        let children = Set(extra.map(\.childID))

        try transaction.execute(
            """
            update guardianship set ended_by = case when ended then ended_by else 'merged' end, ended = true, is_primary = false
            where guardian_id = \(extraID)
            """)
        try GuardianshipState.write(after, of: keptID, about: children, in: transaction)
        let given = try transaction.rows(
            """
            update guardianship set granted_by = \(keptID)
            where granted_by = \(extraID) and guardian_id not in (\(keptID), \(extraID)) returning guardian_id, child_id
            """, as: UUID.self, UUID.self
        ).map { MergingTrace.Given(guardian: $0, child: $1) }
        let invitations = try transaction.rows(
            """
            update invitation set issued_by = \(keptID)
            where issued_by = \(extraID) and kind = 'family' and used_at is null and revoked_at is null returning id
            """, as: UUID.self)
        let earlier = try transaction.rows(
            "update person set merged_into = \(keptID) where merged_into = \(extraID) returning id", as: UUID.self)
        let (contact, contactVersion) = try fillContact(in: transaction)

        // Who came in through Gosuslugi comes in to the account that stays; a number of its own stays its own.
        let snils = try transaction.first(
            """
            update snils set person_id = \(keptID)
            where person_id = \(extraID) and not exists (select from snils where person_id = \(keptID)) returning entered_at
            """, as: Date.self)
        try transaction.execute(
            "update person set ended = true, merged_into = \(keptID), version = version + 1 where id = \(extraID)")
        try transaction.execute(
            "update person set rights_number = rights_number + 1 where id = any(\([keptID, extraID]))")
        try transaction.execute("update contact set version = version + 1 where person_id = \(extraID)")
        // Ways in that are under way belong to nobody any more.
        try transaction.execute("delete from letter_token where person_id = \(extraID)")
        try transaction.execute("delete from password_ticket where person_id = \(extraID)")
        try transaction.execute("delete from device where person_id = \(extraID)")
        try EndSessions.of([extraID], because: "merged", now: now, in: transaction, outbox)

        let id = UUID.v7(at: now)
        let trace = MergingTrace(
            keptBefore: kept.filter { children.contains($0.childID) }, extraBefore: extra, after: after, given: given,
            invitations: invitations, earlier: earlier, contact: contact, contactVersion: contactVersion,
            snilsEnteredAt: snils)
        try transaction.execute(
            """
            insert into merging (id, kept_id, extra_id, schools, merged_at, merged_by, undo_until, trace)
            values (\(id), \(keptID), \(extraID), \(schools), \(now), \(by),
                    \(now.addingTimeInterval(Double(Self.undoDays) * 86_400)), \(JSON(trace)))
            """)
        try Audit.note(.merged, by: by, about: keptID, at: now, in: transaction)
        try TouchedPeople(people: [extraID], rights: [keptID, extraID], contacts: [keptID, extraID])
            .publish(to: outbox, in: transaction)
        return id
    }

    /// What the account that stays lacks comes from the other one; what it has stays. Only an address that the school gave
    /// comes along, and unconfirmed: nobody recovers this account by a mailbox that was not proven for it (ID-15).
    private func fillContact(in transaction: borrowing Transaction) throws -> (MergingTrace.Contact?, Int64?) {
        let before = try transaction.first(
            "select phone, email, email_confirmed, email_from_school from contact where person_id = \(keptID) for update",
            as: String?.self, String?.self, Bool.self, Bool.self)
        let version = try transaction.first(
            """
            insert into contact as k (person_id, phone, email, email_confirmed, email_from_school, language)
            select \(keptID), e.phone, case when e.email_from_school then e.email end, false, e.email_from_school, e.language
            from contact e where e.person_id = \(extraID) and (e.phone is not null or e.email_from_school and e.email is not null)
            on conflict (person_id) do update set
                phone = coalesce(k.phone, excluded.phone),
                email = case when k.email is null and k.new_email is null then excluded.email else k.email end,
                email_from_school = case when k.email is null and k.new_email is null then excluded.email_from_school
                    else k.email_from_school end,
                version = k.version + 1
            where k.phone is null and excluded.phone is not null
               or k.email is null and k.new_email is null and excluded.email is not null
            returning version
            """, as: Int64.self)
        guard let version else { return (nil, nil) }
        return (
            MergingTrace.Contact(
                phone: before?.0, email: before?.1, isConfirmed: before?.2 ?? false, isFromSchool: before?.3 ?? false), version
        )
    }
}

/// Whether two accounts may become one, and what of children the one that stays would have.
struct MergingCheck: Sendable {
    let keptID: UUID
    let extraID: UUID
    /// The curator.
    let by: UUID
    let now: Date

    /// - Returns: the rows of the account that stays, and the schools of the children of both.
    /// - Throws: ``MergingRefused``.
    func run(
        kept: [GuardianshipState], extra: [GuardianshipState], in transaction: borrowing Transaction
    ) throws -> (after: [GuardianshipState], schools: [UUID]) {
        guard keptID != extraID else { throw MergingRefused.sameAccount }
        guard by != keptID, by != extraID else { throw MergingRefused.ownAccount }
        let people = try transaction.rows(
            """
            select p.id, p.kind, p.ended or p.merged_into is not null,
                exists (select from role_held r where r.person_id = p.id and not r.ended),
                exists (select from login l where l.person_id = p.id)
            from person p where p.id = any(\([keptID, extraID]))
            """, as: UUID.self, String.self, Bool.self, Bool.self, Bool.self)
        guard let first = people.first(where: { $0.0 == keptID }), let other = people.first(where: { $0.0 == extraID }) else {
            throw MergingRefused.notGuardians
        }
        guard first.1 == "guardian", other.1 == "guardian" else { throw MergingRefused.notGuardians }
        guard !first.2, !other.2 else { throw MergingRefused.ended }
        // Roles do not travel: nobody of a school's staff ends by a merging, and none gets a family by one.
        guard !first.3, !other.3 else { throw MergingRefused.worksAtSchool }
        let places = try Self.places(of: kept + extra, in: transaction)
        let schools = Set((kept + extra).filter { !$0.ended }.compactMap { places[$0.childID]?.school })
        let mine = Set(try SchoolsOf.keeper(by, [.curator], in: transaction))
        guard schools.isSubset(of: mine), !schools.isEmpty else { throw MergingRefused.elsewhere }
        guard first.4 || !other.4 else { throw MergingRefused.otherWayRound }
        do {
            let after = try JoinedGuardianships.joined(kept: kept, extra: extra) { child in
                (places[child]?.zone ?? .moscow).day(of: now)
            }
            return (after, schools.sorted { $0.uuidString < $1.uuidString })
        } catch {
            throw MergingRefused.unlikeGrants
        }
    }

    static func places(
        of states: [GuardianshipState], in transaction: borrowing Transaction
    ) throws -> [UUID: (school: UUID, zone: SchoolZone)] {
        Dictionary(
            try transaction.rows(
                """
                select u.person_id, s.id, s.time_zone from pupil u join school s on s.id = u.school_id
                where u.person_id = any(\(states.map(\.childID)))
                """, as: UUID.self, UUID.self, String.self
            ).map { ($0.0, ($0.1, SchoolZone($0.2) ?? .moscow)) }, uniquingKeysWith: { $1 })
    }
}

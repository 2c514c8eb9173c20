import Foundation
import Kernel
import Postgres

/// For whom a code is (ID-06): pupils and guardians get different ones.
enum InvitationKind: String, Sendable, Codable, CaseIterable {
    case pupil, guardian, staff
    /// From a parent to another adult (ID-30).
    case family

    /// Whether it makes somebody a guardian.
    var isForGuardian: Bool { self == .guardian || self == .family }

    /// English; the catalogue has the Russian. Stands in the top right corner of the sheet (ID-06).
    var text: String {
        switch self {
        case .pupil: "pupil"
        case .guardian: "parent"
        case .staff: "staff"
        case .family: "second adult"
        }
    }
}

/// An invitation as its code finds it.
struct Invitation: Sendable, Equatable {
    let id: UUID
    let kind: InvitationKind
    let schoolID: UUID
    let schoolName: String
    let allowsPasswordSigns: Bool
    let childID: UUID?
    let childName: PersonName?
    /// The person it was printed for; nil for a guardian the school did not name.
    let personID: UUID?
    let personName: PersonName?
    /// Whether that person has a login already.
    let isRegistered: Bool
    let birthDate: Day?
    let rooms: [String]
    /// The children whom it opens, what of them and until when.
    let offers: [OfferedGrant]
    /// Who lets the other adult in; nil for the school's own invitations.
    let giverID: UUID?

    /// Finds what a code opens.
    ///
    /// - Throws: ``InvitationRefused`` when there is no such code or it is good no more.
    static func find(
        _ hash: Data, now: Date, lock: Bool = false, in transaction: borrowing Transaction
    ) throws -> Invitation {
        // Two registrations with one code must meet at its row.
        if lock { try transaction.execute("select 1 from invitation where code_hash = \(hash) for update") }
        let found = try transaction.first(
            """
            select i.id, i.kind, i.expires_at, i.used_at is not null, i.revoked_at is not null
            from invitation i where i.code_hash = \(hash)
            """,
            as: UUID.self, String.self, Date.self, Bool.self, Bool.self)
        guard let (id, kindText, expiresAt, isUsed, isRevoked) = found, let kind = InvitationKind(rawValue: kindText)
        else { throw InvitationRefused.unknown }
        if isUsed { throw InvitationRefused.used }
        if isRevoked { throw InvitationRefused.revoked }
        if expiresAt <= now { throw InvitationRefused.expired }
        return try read(id, kind, now: now, in: transaction)
    }

    private static func read(
        _ id: UUID, _ kind: InvitationKind, now: Date, in transaction: borrowing Transaction
    ) throws -> Invitation {
        let found = try transaction.first(
            """
            select i.school_id, s.name, s.password_signs, i.child_id, i.person_id,
                   coalesce(c.surname, ''), coalesce(c.given_name, ''), c.patronymic,
                   coalesce(p.surname, ''), coalesce(p.given_name, ''), p.patronymic,
                   l.person_id is not null, coalesce(p.ended, false) or coalesce(c.ended, false), i.issued_by
            from invitation i join school s on s.id = i.school_id
                left join person c on c.id = i.child_id left join person p on p.id = i.person_id
                left join login l on l.person_id = i.person_id
            where i.id = \(id)
            """,
            as: UUID.self, String.self, Bool.self, UUID?.self, UUID?.self, String.self, String.self, String?.self,
            String.self, String.self, String?.self, Bool.self, Bool.self, UUID?.self)
        guard let row = found, !row.12 else { throw InvitationRefused.revoked }
        let details = try transaction.first(
            """
            select p.birth_on, p.room, c.grade || c.letter
            from person p left join pupil u on u.person_id = p.id left join class c on c.id = u.class_id
            where p.id = \(row.4)
            """,
            as: Day?.self, String?.self, String?.self)
        var offers: [OfferedGrant] = []
        if kind == .family {
            offers = try OfferedGrant.standing(of: id, now: now, in: transaction)
            // Whoever offered it answers for the child no more, or its term is over.
            if offers.isEmpty { throw InvitationRefused.revoked }
        } else if kind == .guardian, let child = row.3 {
            let name = PersonName(surname: row.5, given: row.6, patronymic: row.7)
            offers = [OfferedGrant(childID: child, childName: name, terms: .whole)]
        }
        return Invitation(
            id: id, kind: kind, schoolID: row.0, schoolName: row.1, allowsPasswordSigns: row.2, childID: row.3,
            childName: row.3 == nil ? nil : PersonName(surname: row.5, given: row.6, patronymic: row.7),
            personID: row.4,
            personName: row.4 == nil ? nil : PersonName(surname: row.8, given: row.9, patronymic: row.10),
            isRegistered: row.11, birthDate: details?.0,
            rooms: [details?.1, details?.2].compactMap(\.self), offers: offers, giverID: kind == .family ? row.13 : nil)
    }

    /// Marks it used: a code is good once (ID-05).
    func use(by personID: UUID, now: Date, in transaction: borrowing Transaction) throws {
        try transaction.execute(
            "update invitation set used_at = \(now), used_by = \(personID) where id = \(id) and used_at is null")
    }
}

/// Why a code opens nothing.
enum InvitationRefused: Error, Equatable, Sendable {
    case unknown
    case used
    case expired
    case revoked

    /// English; the catalogue has the Russian.
    var text: String {
        switch self {
        case .unknown: "There is no such code. Check every sign against the invitation."
        case .used: "This code has been used. Sign in, or ask the curator for a new one."
        case .expired: "This code has expired. Ask the curator for a new one."
        case .revoked: "This code is no longer valid. Ask the curator for a new one."
        }
    }
}

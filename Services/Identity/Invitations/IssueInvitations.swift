import Foundation
import Kernel
import Postgres

/// An invitation with its code, which exists in the open only here and on the printed sheet.
struct IssuedInvitation: Sendable, Equatable {
    let code: InvitationCode
    let kind: InvitationKind
    /// Whom the sheet is handed to: the pupil, the guardian if the school knows him, the member of staff.
    let personName: PersonName?
    let personNumber: String?
    let childName: PersonName?
    let childNumber: String?
    let className: ClassName?
    let schoolName: String
    let expiresAt: Date
    /// What a bank's app reads to pay onto the child's account, for his guardians; nil where the school has told no bank.
    var payment: PaymentCode?
}

/// New codes for people who have not registered yet (ID-05, ID-06): one for each pupil, one for each guardian and
/// child, one for a guardian of a child of whom the school names none.
///
/// A new code takes the place of the person's earlier unused one.
struct IssueInvitations: Sendable {
    /// Whose codes.
    enum Circle: Sendable, Equatable {
        case schoolClass(UUID)
        case staff(school: UUID)
    }

    let circle: Circle
    var kinds: Set<InvitationKind> = [.pupil, .guardian]
    /// Only these people (pupils by themselves, guardians by their child), everybody when nil.
    var only: Set<UUID>?
    /// Only this one of a child's guardians (ID-31: whoever has signed the contract).
    var guardian: UUID?
    let issuedBy: UUID?
    let now: Date
    /// How long a code is good.
    static let goodFor: TimeInterval = 45 * 86_400

    private struct Candidate: Sendable {
        let kind: InvitationKind
        let schoolID: UUID
        let classID: UUID?
        let childID: UUID?
        let personID: UUID?
        var issued: IssuedInvitation
    }

    func run(_ database: Database, _ bench: HashingBench) async throws -> [IssuedInvitation] {
        let found = try await database.read { transaction -> [Candidate] in try candidates(in: transaction) }
        let codes = found.map(\.issued.code)
        let hashes = try await bench.run { try codes.map { try PasswordHash.ofCode($0) } }
        try await database.transaction { transaction in
            try write(found, hashes, in: transaction)
            guard let first = found.first else { return }
            var detail = ["count": "\(found.count)"]
            if let name = first.issued.className { detail["class"] = name.description }
            try Audit.note(.invitationsIssued, by: issuedBy, school: first.schoolID, detail: detail, at: now, in: transaction)
        }
        return found.map(\.issued)
    }

    private func write(
        _ candidates: [Candidate], _ hashes: [Data], in transaction: borrowing Transaction
    ) throws {
        guard !candidates.isEmpty else { return }
        let none = UUID.least
        let people = candidates.map { $0.personID ?? none }
        let children = candidates.map { $0.childID ?? none }
        try transaction.execute(
            """
            update invitation i set revoked_at = \(now)
            from unnest(\(candidates.map(\.kind.rawValue))::text[], \(people)::uuid[], \(children)::uuid[])
                 as t (kind, person, child)
            where i.kind = t.kind and coalesce(i.person_id, \(none)) = t.person
              and coalesce(i.child_id, \(none)) = t.child and i.used_at is null and i.revoked_at is null
            """)
        try transaction.execute(
            """
            insert into invitation (id, kind, code_hash, school_id, class_id, child_id, person_id, issued_at, issued_by,
                                    expires_at)
            select t.id, t.kind, t.hash, t.school, nullif(t.class, \(none)), nullif(t.child, \(none)),
                   nullif(t.person, \(none)), \(now), \(issuedBy), \(now.addingTimeInterval(Self.goodFor))
            from unnest(\(candidates.map { _ in UUID.v7(at: now) })::uuid[],
                        \(candidates.map(\.kind.rawValue))::text[], \(hashes)::bytea[],
                        \(candidates.map(\.schoolID))::uuid[], \(candidates.map { $0.classID ?? none })::uuid[],
                        \(children)::uuid[], \(people)::uuid[])
                 as t (id, kind, hash, school, class, child, person)
            """)
    }

    private func candidates(in transaction: borrowing Transaction) throws -> [Candidate] {
        switch circle {
        case .schoolClass(let id): try ofClass(id, in: transaction)
        case .staff(let school): try ofStaff(school, in: transaction)
        }
    }

    private func ofClass(_ classID: UUID, in transaction: borrowing Transaction) throws -> [Candidate] {
        guard let (schoolID, schoolName, grade, letter) = try transaction.first(
            "select s.id, s.name, c.grade, c.letter from class c join school s on s.id = c.school_id where c.id = \(classID)",
            as: UUID.self, String.self, Int.self, String.self)
        else { return [] }
        let className = ClassName(grade: grade, letter: letter)
        let expiresAt = now.addingTimeInterval(Self.goodFor)
        var result: [Candidate] = []
        let people = try ClassPeople.read(classID, now: now, in: transaction)
        // A pupil neither pays nor sees money (ID-35).
        let codes = try transaction.paymentCodes(of: people.filter { $0.kind == .guardian }.map(\.childID), school: schoolID)
        for person in people {
            guard only?.contains(person.childID) ?? true, kinds.contains(person.kind), !person.isRegistered,
                guardian == nil || person.personID == guardian
            else { continue }
            result.append(
                Candidate(
                    kind: person.kind, schoolID: schoolID, classID: classID, childID: person.childID,
                    personID: person.personID,
                    issued: IssuedInvitation(
                        code: .random(), kind: person.kind, personName: person.name, personNumber: person.number,
                        childName: person.childName, childNumber: person.childNumber, className: className,
                        schoolName: schoolName, expiresAt: expiresAt, payment: person.kind == .guardian ? codes[person.childID] : nil)))
        }
        return result
    }

    private func ofStaff(_ school: UUID, in transaction: borrowing Transaction) throws -> [Candidate] {
        let expiresAt = now.addingTimeInterval(Self.goodFor)
        return try transaction.rows(
            """
            select p.surname, p.given_name, p.patronymic, p.id, p.roster_number, s.name
            from person p join school s on s.id = \(school)
            where not p.ended and not exists (select from login l where l.person_id = p.id)
              and exists (select from role_held r where r.person_id = p.id and r.school_id = s.id and not r.ended)
            order by p.search_name, p.id
            """,
            as: String.self, String.self, String?.self, UUID.self, String?.self, String.self
        ).filter { only?.contains($0.3) ?? true }.map { surname, given, patronymic, id, number, schoolName in
            Candidate(
                kind: .staff, schoolID: school, classID: nil, childID: nil, personID: id,
                issued: IssuedInvitation(
                    code: .random(), kind: .staff,
                    personName: PersonName(surname: surname, given: given, patronymic: patronymic),
                    personNumber: number, childName: nil, childNumber: nil, className: nil, schoolName: schoolName,
                    expiresAt: expiresAt))
        }
    }
}

/// A code that must not be used any more: lost, or handed to the wrong person.
struct RevokeInvitation: Sendable {
    let id: UUID
    let by: UUID?
    let now: Date

    func run(in transaction: borrowing Transaction) throws {
        let revoked = try transaction.first(
            """
            update invitation set revoked_at = \(now) where id = \(id) and used_at is null and revoked_at is null
            returning school_id, coalesce(person_id, child_id)
            """,
            as: UUID.self, UUID?.self)
        guard let (school, person) = revoked else { return }
        try Audit.note(.invitationRevoked, by: by, about: person, school: school, at: now, in: transaction)
    }
}

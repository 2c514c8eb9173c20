import Events
import Foundation
import Kernel
import Postgres

/// A pupil comes or goes, told to the staff concerned (SC-01, SC-02).
///
/// It is addressed to roles: who holds one when it is read, reads it; who has given it up does not.
struct StaffNotice: Sendable, Equatable {
    enum Kind: String, Sendable, Codable, CaseIterable {
        case asked, comes, leaves, refused, withdrawn, arrived
    }

    let id: UUID
    let schoolID: UUID
    /// Only roles that name this class; nil for roles over the whole school.
    let classID: UUID?
    let roles: [Role]
    let childID: UUID
    let transferID: UUID
    let kind: Kind
    /// The class he comes to, or leaves.
    let aboutClassID: UUID?
    /// The first day in the new place.
    let movedOn: Day?
    let at: Date

    /// Whether somebody who holds this role reads it.
    func isFor(_ held: RoleHeld) -> Bool {
        held.schoolID == schoolID && held.classID == classID && roles.contains(held.role)
    }

    /// Who decides for a school (SC-02), and who keeps its lists.
    static let deciders: [Role] = [.curator, .secretary, .director, .deputyHead]

    /// What a state of a transfer tells the staff, on both sides.
    ///
    /// The school that is left learns of it when it has happened: until the confirmation nothing has changed (D-09). Its class
    /// teacher reads that the pupil leaves, not where to.
    static func notices(of transfer: TransferChanged, at moment: Date) -> [StaffNotice] {
        func notice(_ kind: Kind, school: UUID, class own: UUID?, about: UUID?) -> StaffNotice {
            StaffNotice(
                id: .derived(from: transfer.transferID, "\(kind.rawValue) \(own == nil ? "school" : "class")"), schoolID: school, classID: own,
                roles: own == nil ? deciders : [.classTeacher], childID: transfer.personID, transferID: transfer.transferID,
                kind: kind, aboutClassID: about, movedOn: transfer.movedOn, at: moment)
        }
        func receivers(_ kind: Kind, andTeacher: Bool) -> [StaffNotice] {
            let school = notice(kind, school: transfer.toSchoolID, class: nil, about: transfer.toClassID)
            guard andTeacher else { return [school] }
            return [school, notice(kind, school: transfer.toSchoolID, class: transfer.toClassID, about: transfer.toClassID)]
        }
        switch transfer.state {
        case .asked: return receivers(.asked, andTeacher: false)
        case .refused: return receivers(.refused, andTeacher: false)
        case .withdrawn: return receivers(.withdrawn, andTeacher: false)
        case .done: return receivers(.arrived, andTeacher: true)
        case .confirmed:
            var told = receivers(.comes, andTeacher: true)
            if let left = transfer.fromClassID {
                told.append(notice(.leaves, school: transfer.fromSchoolID, class: left, about: left))
            }
            if transfer.fromSchoolID != transfer.toSchoolID {
                told.append(notice(.leaves, school: transfer.fromSchoolID, class: nil, about: transfer.fromClassID))
            }
            return told
        }
    }

    // MARK: - Kept

    /// Writes notices; one that is there stays as it is, so a repeat is told to nobody twice.
    ///
    /// - Parameter isOld: said again to fill this service: known from now on, but news to nobody.
    static func tell(_ notices: [StaffNotice], isOld: Bool, in transaction: borrowing Transaction) throws {
        for told in notices {
            try transaction.execute(
                """
                insert into staff_notice
                    (id, school_id, class_id, roles, child_id, transfer_id, kind, about_class_id, moved_on, happened_at, changed_at)
                values (\(told.id), \(told.schoolID), \(told.classID), \(told.roles.map(\.rawValue)), \(told.childID), \(told.transferID),
                    \(told.kind.rawValue), \(told.aboutClassID), \(told.movedOn), \(told.at),
                    case when \(isOld) then \(told.at) else clock_timestamp() end)
                on conflict do nothing
                """)
        }
    }

    private static let columns: SQL = """
        select id, school_id, class_id, roles, child_id, transfer_id, kind, about_class_id, moved_on, happened_at, changed_at
        from staff_notice
        """

    private static func found(_ sql: SQL, in transaction: borrowing Transaction) throws -> [(notice: StaffNotice, changedAt: Date)] {
        try transaction.rows(
            sql, as: UUID.self, UUID.self, UUID?.self, [String].self, UUID.self, UUID.self, String.self, UUID?.self, Day?.self, Date.self,
            Date.self
        ).compactMap { row in
            guard let kind = Kind(rawValue: row.6) else { return nil }
            let notice = StaffNotice(
                id: row.0, schoolID: row.1, classID: row.2, roles: row.3.compactMap(Role.init), childID: row.4, transferID: row.5,
                kind: kind, aboutClassID: row.7, movedOn: row.8, at: row.9)
            return (notice, row.10)
        }
    }

    /// What somebody with these roles reads since a moment, newest first; each happening once, however many roles he holds.
    static func of(_ roles: [RoleHeld], since: Date, in transaction: borrowing Transaction) throws -> [StaffNotice] {
        let all = try found(
            "\(columns) where school_id = any(\(Array(Set(roles.map(\.schoolID))))) and happened_at > \(since) order by happened_at desc, id limit 1000",
            in: transaction)
        return unique(all.map(\.notice), for: roles)
    }

    /// What was heard after one moment and up to another, for whomever; oldest first.
    static func changes(
        at schools: [UUID], after since: Date, upTo until: Date, in transaction: borrowing Transaction
    ) throws -> [(notice: StaffNotice, changedAt: Date)] {
        try found(
            """
            \(columns) where school_id = any(\(schools)) and changed_at > \(since) and changed_at <= \(until)
            order by happened_at, id
            """, in: transaction)
    }

    /// A curator who is a class teacher too reads each happening once.
    static func unique(_ all: [StaffNotice], for roles: [RoleHeld]) -> [StaffNotice] {
        struct Happening: Hashable {
            let transfer: UUID
            let kind: Kind
        }
        var told: Set<Happening> = []
        return all.filter { notice in
            roles.contains(where: notice.isFor) && told.insert(Happening(transfer: notice.transferID, kind: notice.kind)).inserted
        }
    }
}

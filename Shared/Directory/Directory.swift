public import Events
public import Foundation
public import Kernel
public import Postgres

/// What a service knows of people, classes and guardianship, and the one decision made from it.
///
/// Everything here reads the service's own tables, filled by `DirectoryParts.hearing`; nobody is asked.
public enum Directory {
    /// Decides whether the viewer may do something about a child, class or school.
    ///
    /// One statement; a second one when families share in what is asked about a class or school.
    /// - Parameter day: The date in the school's zone: grants end.
    public static func decide(
        _ viewer: Viewer, _ permission: Permission, about subject: Subject, on day: Day, in tx: borrowing Transaction
    ) throws -> Decision {
        try judge(viewer, permission, about: subject, on: day, in: tx).decision
    }

    /// A decision, and whom the viewer looks at by what he is allowed.
    public struct Judgement: Sendable {
        public let decision: Decision
        /// Empty unless it is allowed, and for whoever looks at himself or at a child for whom he answers.
        public let looks: [Entitlement.Look]
    }

    /// The same decision with what the access log needs (BY-10), from the same statement.
    public static func judge(
        _ viewer: Viewer, _ permission: Permission, about subject: Subject, on day: Day, in tx: borrowing Transaction
    ) throws -> Judgement {
        let known = try Known(of: viewer, about: subject, in: tx)
        var family: [UUID: Entitlement.Place] = [:]
        if known.place != nil, Entitlement.needsFamily(for: permission, about: subject) {
            let people = (known.rights?.children.map(\.childID) ?? []) + (viewer.isPupil ? [viewer.personID] : [])
            family = try places(of: people, in: tx)
        }
        return judge(viewer, permission, about: subject, on: day, by: known, family: family)
    }

    /// The same decision where nothing else is read with it: one statement by itself, where one is enough.
    public static func judge(
        _ viewer: Viewer, _ permission: Permission, about subject: Subject, on day: Day, in database: Database
    ) async throws -> Judgement {
        guard !Entitlement.needsFamily(for: permission, about: subject) else {
            return try await database.read { try judge(viewer, permission, about: subject, on: day, in: $0) }
        }
        let known = Known(
            try await database.rows(
                Known.statement(viewer, subject),
                as: Int64?.self, Bool?.self, JSON<[RoleHeld]>?.self, JSON<[Guardianship]>?.self, Bool.self, UUID?.self,
                UUID?.self, Bool?.self
            ).first)
        return judge(viewer, permission, about: subject, on: day, by: known, family: [:])
    }

    private static func judge(
        _ viewer: Viewer, _ permission: Permission, about subject: Subject, on day: Day, by known: Known,
        family: [UUID: Entitlement.Place]
    ) -> Judgement {
        let entitlement = Entitlement(
            viewer: viewer, rights: known.rights, sessionHasEnded: known.sessionHasEnded, on: day)
        let decision = entitlement.decide(permission, about: subject, place: known.place, family: family)
        return Judgement(
            decision: decision, looks: decision == .allowed ? entitlement.looks(permission, about: subject) : [])
    }

    /// The children about whom the viewer, as their guardian, holds the permission at a moment: each grant ends by the clock of
    /// the child's own school.
    public static func children(
        of viewer: Viewer, _ permission: Permission, at moment: Date, in tx: borrowing Transaction
    ) throws -> [ChildRecord] {
        let known = try Known(of: viewer, about: .oneself, in: tx)
        let all = known.rights?.children ?? []
        var zones: [UUID: SchoolZone] = [:]
        if all.contains(where: { $0.until != nil }) {
            for (child, zone) in try tx.rows(
                """
                select p.id, s.time_zone from directory_pupil p join directory_school s on s.id = p.school_id
                where p.id = any(\(all.map(\.childID)))
                """, as: UUID.self, String.self)
            {
                zones[child] = SchoolZone(zone)
            }
        }
        let entitlement = Entitlement(
            viewer: viewer, rights: known.rights, sessionHasEnded: known.sessionHasEnded,
            on: SchoolZone.moscow.day(of: moment))
        let ids = entitlement.children(for: permission) { (zones[$0] ?? .moscow).day(of: moment) }
        return try children(ids, in: tx)
    }

    /// The schools in which the viewer holds the permission by a role, and the class to which it is confined, if any.
    public static func places(
        of viewer: Viewer, _ permission: Permission, in tx: borrowing Transaction
    ) throws -> [RoleHeld] {
        guard let rights = try Known(of: viewer, about: .oneself, in: tx).rights else { return [] }
        return rights.roles.filter { held in
            guard let reach = permission.roles[held.role] else { return false }
            return held.classID != nil || reach == .wholeSchool
        }
    }

    /// The schools in which the viewer holds the permission by a role over the whole of it.
    public static func schools(
        of viewer: Viewer, _ permission: Permission, in tx: borrowing Transaction
    ) throws -> [SchoolRecord] {
        let ids = try places(of: viewer, permission, in: tx).filter { $0.classID == nil }.map(\.schoolID)
        return try schools(Array(Set(ids)), in: tx)
    }

    /// All roles that a person holds; empty when nothing is known of him.
    public static func roles(of person: UUID, in tx: borrowing Transaction) throws -> [RoleHeld] {
        try tx.first(
            "select roles from directory_rights where id = \(person) and not ended", as: JSON<[RoleHeld]>.self)?.value
            ?? []
    }

    /// The roles that each of several people holds, in one statement; whoever is not known is not there.
    public static func roles(of people: Set<UUID>, in tx: borrowing Transaction) throws -> [UUID: [RoleHeld]] {
        guard !people.isEmpty else { return [:] }
        let rows = try tx.rows(
            "select id, roles from directory_rights where id = any(\(Array(people))) and not ended", as: UUID.self, JSON<[RoleHeld]>.self)
        return Dictionary(rows.map { ($0.0, $0.1.value) }, uniquingKeysWith: { $1 })
    }

    private static func places(
        of people: [UUID], in tx: borrowing Transaction
    ) throws -> [UUID: Entitlement.Place] {
        guard !people.isEmpty else { return [:] }
        let rows = try tx.rows(
            "select id, school_id, class_id, ended from directory_pupil where id = any(\(people))",
            as: UUID.self, UUID.self, UUID?.self, Bool.self)
        return Dictionary(
            rows.map { ($0.0, Entitlement.Place(schoolID: $0.1, classID: $0.2, hasLeft: $0.3)) },
            uniquingKeysWith: { $1 })
    }
}

/// What one statement tells of a viewer and of what he asks about.
private struct Known {
    let rights: Entitlement.Rights?
    let sessionHasEnded: Bool
    let place: Entitlement.Place?

    typealias Row = (Int64?, Bool?, JSON<[RoleHeld]>?, JSON<[Guardianship]>?, Bool, UUID?, UUID?, Bool?)

    init(of viewer: Viewer, about subject: Subject, in tx: borrowing Transaction) throws {
        self.init(
            try tx.first(
                Known.statement(viewer, subject),
                as: Int64?.self, Bool?.self, JSON<[RoleHeld]>?.self, JSON<[Guardianship]>?.self, Bool.self, UUID?.self,
                UUID?.self, Bool?.self))
    }

    init(_ row: Row?) {
        guard let (version, ended, roles, children, sessionHasEnded, schoolID, classID, hasLeft) = row else {
            rights = nil
            self.sessionHasEnded = false
            place = nil
            return
        }
        let isVoid = ended ?? true
        rights = version.map {
            Entitlement.Rights(
                version: $0, roles: isVoid ? [] : roles?.value ?? [], children: isVoid ? [] : children?.value ?? [])
        }
        self.sessionHasEnded = sessionHasEnded
        place = schoolID.map { Entitlement.Place(schoolID: $0, classID: classID, hasLeft: hasLeft ?? false) }
    }

    /// The texts are constant, so that each is prepared once per connection.
    static func statement(_ viewer: Viewer, _ subject: Subject) -> SQL {
        let person = viewer.personID
        let session = viewer.sessionID
        switch subject {
        case .child(let id):
            return """
                select r.version, r.ended, r.roles, r.children,
                    exists (select from directory_ended_session where id = \(session)),
                    s.school_id, s.class_id, s.ended
                from (values (1)) one
                left join directory_rights r on r.id = \(person)
                left join directory_pupil s on s.id = \(id)
                """
        case .schoolClass(let id):
            return """
                select r.version, r.ended, r.roles, r.children,
                    exists (select from directory_ended_session where id = \(session)),
                    s.school_id, s.id, s.ended
                from (values (1)) one
                left join directory_rights r on r.id = \(person)
                left join directory_class s on s.id = \(id)
                """
        case .school(let id):
            return """
                select r.version, r.ended, r.roles, r.children,
                    exists (select from directory_ended_session where id = \(session)),
                    s.id, null::uuid, s.ended
                from (values (1)) one
                left join directory_rights r on r.id = \(person)
                left join directory_school s on s.id = \(id)
                """
        case .oneself, .anySchool:
            return """
                select r.version, r.ended, r.roles, r.children,
                    exists (select from directory_ended_session where id = \(session)),
                    null::uuid, null::uuid, null::boolean
                from (values (1)) one
                left join directory_rights r on r.id = \(person)
                """
        }
    }
}

import Events
public import Foundation
public import Kernel
public import Postgres

/// What a viewer may do about some children: decided as often as a page needs it, from what one statement told.
///
/// The same decisions as `Directory.decide` makes one by one.
public struct Powers: Sendable {
    private let entitlement: Entitlement
    private let places: [UUID: Entitlement.Place]
    private let zones: [UUID: SchoolZone]
    private let moment: Date

    /// Whether he holds a permission about a child. Of a child that was not asked for nothing is known.
    public func may(_ permission: Permission, _ child: UUID) -> Bool {
        entitlement.decide(permission, about: .child(child), place: places[child]) == .allowed
    }

    /// The children about whom he, as their guardian, holds a permission: each grant ends by the clock of the child's school.
    public func children(for permission: Permission) -> [UUID] {
        entitlement.children(for: permission) { (zones[$0] ?? .moscow).day(of: moment) }.filter { places[$0] != nil }
    }

    fileprivate init(_ entitlement: Entitlement, _ places: [UUID: Entitlement.Place], _ zones: [UUID: SchoolZone], at moment: Date) {
        self.entitlement = entitlement
        self.places = places
        self.zones = zones
        self.moment = moment
    }
}

extension Directory {
    /// What the viewer may do about these children and his own, in one statement.
    ///
    /// - Parameters:
    ///   - moment: by which each school's own clock says whether a grant to its child still holds (`Powers.children(for:)`).
    ///   - day: by which it is decided about one child (`Powers.may`): the date in the zone of the school that is asked about.
    public static func powers(
        of viewer: Viewer, about children: Set<UUID>, at moment: Date, on day: Day, in tx: borrowing Transaction
    ) throws -> Powers {
        let rows = try tx.rows(
            """
            select r.version, r.ended, r.roles, r.children,
                exists (select from directory_ended_session where id = \(viewer.sessionID)),
                p.id, p.school_id, p.class_id, p.ended, s.time_zone
            from (values (1)) one
            left join directory_rights r on r.id = \(viewer.personID)
            left join directory_pupil p on p.id = any(\(Array(children)) || array(
                select (grants.one ->> 'childID')::uuid
                from directory_rights own, jsonb_array_elements(own.children) as grants(one) where own.id = \(viewer.personID)))
            left join directory_school s on s.id = p.school_id
            """,
            as: Int64?.self, Bool?.self, JSON<[RoleHeld]>?.self, JSON<[Guardianship]>?.self, Bool.self, UUID?.self, UUID?.self, UUID?.self,
            Bool?.self, String?.self)
        var places: [UUID: Entitlement.Place] = [:]
        var zones: [UUID: SchoolZone] = [:]
        for (_, _, _, _, _, child, school, schoolClass, hasLeft, zone) in rows {
            guard let child, let school else { continue }
            places[child] = Entitlement.Place(schoolID: school, classID: schoolClass, hasLeft: hasLeft ?? false)
            zones[child] = zone.flatMap { SchoolZone($0) }
        }
        let known = rows.first
        let isVoid = known?.1 ?? true
        let rights = known?.0.map {
            Entitlement.Rights(
                version: $0, roles: isVoid ? [] : known?.2?.value ?? [], children: isVoid ? [] : known?.3?.value ?? [])
        }
        return Powers(
            Entitlement(viewer: viewer, rights: rights, sessionHasEnded: known?.4 ?? false, on: day), places, zones, at: moment)
    }
}

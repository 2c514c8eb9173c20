public import Events
public import Foundation
public import Kernel

/// The rule that decides, without asking anyone: what it needs to know is handed to it.
public struct Entitlement: Sendable {
    /// What a person may do, with the number of its last change.
    public struct Rights: Sendable, Hashable {
        public let version: Int64
        public let roles: [RoleHeld]
        public let children: [Guardianship]

        public init(version: Int64, roles: [RoleHeld], children: [Guardianship]) {
            self.version = version
            self.roles = roles
            self.children = children
        }
    }

    /// Where a child, a class or a school belongs.
    public struct Place: Sendable, Hashable {
        public let schoolID: UUID
        public let classID: UUID?
        /// A pupil who has left: his family still reads what was, the staff's business with him is over.
        public let hasLeft: Bool

        public init(schoolID: UUID, classID: UUID?, hasLeft: Bool = false) {
            self.schoolID = schoolID
            self.classID = classID
            self.hasLeft = hasLeft
        }
    }

    public let viewer: Viewer
    /// None when nothing was ever heard of this person's rights.
    public let rights: Rights?
    public let sessionHasEnded: Bool
    /// The date in the school's zone: grants end.
    public let day: Day

    public init(viewer: Viewer, rights: Rights?, sessionHasEnded: Bool = false, on day: Day) {
        self.viewer = viewer
        self.rights = rights
        self.sessionHasEnded = sessionHasEnded
        self.day = day
    }

    /// Decides about one subject.
    ///
    /// - Parameters:
    ///   - place: Where the subject belongs; none when it is unknown here. Not asked for `oneself` and `anySchool`.
    ///   - family: The places of the viewer himself, if he is a pupil, and of his children by their ids; needed only
    ///     for a class or a school, and only if `needsFamily(for:about:)`.
    public func decide(
        _ permission: Permission, about subject: Subject, place: Place?, family: [UUID: Place] = [:]
    ) -> Decision {
        if sessionHasEnded { return .signedOut }
        guard (rights?.version ?? 0) >= viewer.rightsNumber else { return .updating }
        switch subject {
        case .child(let child): return aboutChild(child, place, permission)
        case .schoolClass, .school: return aboutGroup(subject, place, permission, family)
        case .oneself: return aboutOneself(permission) ? .allowed : .notFound
        case .anySchool:
            return (rights?.roles ?? []).contains { reach(of: $0, permission) != nil } ? .allowed : .notFound
        }
    }

    /// A look at a child by somebody other than the child and those who answer for it: they may know of it (BY-10).
    public struct Look: Sendable, Hashable {
        public let child: UUID
        /// Whether an adult looked whom the family let in; staff otherwise.
        public let asGuardian: Bool

        public init(child: UUID, asGuardian: Bool) {
            self.child = child
            self.asGuardian = asGuardian
        }
    }

    /// Whom somebody looks at by doing what he has been allowed to do.
    ///
    /// What shows a class or school as a whole is no look at each of its children. What a guardian opens about «his children»
    /// is one at each of them.
    public func looks(_ permission: Permission, about subject: Subject) -> [Look] {
        guard permission.isLook else { return [] }
        switch subject {
        case .child(let child):
            let grant = grant(for: child)
            if child == viewer.personID || grant?.answersByLaw == true { return [] }
            let isGuardian = grant.map { isEnough($0, for: permission) && covers($0, permission.topic) } ?? false
            return [Look(child: child, asGuardian: isGuardian)]
        case .oneself:
            let shared = Set((rights?.children ?? []).filter { holds($0) && !$0.answersByLaw }.map(\.childID))
            return children(for: permission).filter(shared.contains).map { Look(child: $0, asGuardian: true) }
        case .schoolClass, .school, .anySchool: return []
        }
    }

    /// Whether families share in what is asked, so that the places of their children must be known.
    public static func needsFamily(for permission: Permission, about subject: Subject) -> Bool {
        switch subject {
        case .schoolClass: permission.sharing != .childOnly
        case .school: permission.sharing == .ofSchool
        case .child, .oneself, .anySchool: false
        }
    }

    /// The children about whom this guardian holds the permission on this day.
    public func children(for permission: Permission) -> [UUID] { children(for: permission) { _ in day } }

    /// The same where each child's school has its own clock.
    ///
    /// - Parameter today: the date at the school of a child.
    public func children(for permission: Permission, today: (UUID) -> Day) -> [UUID] {
        guard !sessionHasEnded, let rights, rights.version >= viewer.rightsNumber else { return [] }
        return rights.children.filter { grant in
            (grant.until.map { today(grant.childID) <= $0 } ?? true) && isEnough(grant, for: permission)
                && covers(grant, permission.topic)
        }.map(\.childID)
    }

    // MARK: - The cases

    private func aboutChild(_ child: UUID, _ place: Place?, _ permission: Permission) -> Decision {
        if child == viewer.personID, viewer.isPupil, permission.pupil { return .allowed }
        if let place, !place.hasLeft, hasRole(over: place, permission) { return .allowed }
        guard let grant = grant(for: child), isEnough(grant, for: permission) else { return .notFound }
        // The right came before the child himself did; in a moment his page is here.
        guard place != nil else { return .updating }
        guard let topic = permission.topic, !grant.topics.contains(topic) else { return .allowed }
        return .notEntitled(topic)
    }

    private func aboutGroup(
        _ subject: Subject, _ place: Place?, _ permission: Permission, _ family: [UUID: Place]
    ) -> Decision {
        guard let place else { return .notFound }
        if hasRole(over: place, permission) { return .allowed }
        guard Self.needsFamily(for: permission, about: subject) else { return .notFound }
        let isShared = family.contains { person, home in
            guard !home.hasLeft, home.schoolID == place.schoolID else { return false }
            if permission.sharing == .ofClass, home.classID != place.classID { return false }
            if person == viewer.personID { return viewer.isPupil && permission.pupil }
            guard let grant = grant(for: person), isEnough(grant, for: permission) else { return false }
            return covers(grant, permission.topic)
        }
        return isShared ? .allowed : .notFound
    }

    private func aboutOneself(_ permission: Permission) -> Bool {
        if permission.everyone || (viewer.isPupil && permission.pupil) { return true }
        guard let rights else { return false }
        return rights.roles.contains { reach(of: $0, permission) != nil }
            || rights.children.contains { holds($0) && isEnough($0, for: permission) }
    }

    // MARK: - Roles

    private func hasRole(over place: Place, _ permission: Permission) -> Bool {
        (rights?.roles ?? []).contains { held in
            guard held.schoolID == place.schoolID else { return false }
            switch reach(of: held, permission) {
            case nil: return false
            case .wholeSchool: return true
            case .ownClass: return held.classID == place.classID
            }
        }
    }

    /// How far a role reaches with a permission; none when it does not hold it, or nothing at all.
    private func reach(of held: RoleHeld, _ permission: Permission) -> Permission.Reach? {
        guard let reach = permission.roles[held.role] else { return nil }
        if held.classID != nil { return .ownClass }
        return reach == .wholeSchool ? .wholeSchool : nil
    }

    // MARK: - Guardians

    private func grant(for child: UUID) -> Guardianship? {
        rights?.children.first { $0.childID == child && holds($0) }
    }

    private func holds(_ grant: Guardianship) -> Bool { grant.until.map { day <= $0 } ?? true }

    private func covers(_ grant: Guardianship, _ topic: Topic?) -> Bool { topic.map(grant.topics.contains) ?? true }

    private func isEnough(_ grant: Guardianship, for permission: Permission) -> Bool {
        switch permission.guardians {
        case .none: false
        case .granted: true
        case .legalOnly: grant.answersByLaw
        }
    }
}

import Events

/// Who may give or take which role at one school: nobody above himself, nobody to himself.
///
/// The operator runs the system, the director the school, the curator the accounts; each may give what stands at his height or below.
struct Appointment: Sendable {
    /// The roles that whoever appoints holds at this school.
    let own: Set<Role>
    let isOneself: Bool

    /// How far up a role stands among those that appoint; ordinary staff are at the bottom.
    static func height(of role: Role) -> Int {
        switch role {
        case .operatorOfSystem: 3
        case .director: 2
        case .curator: 1
        default: 0
        }
    }

    /// - Returns: why not; nil when he may.
    func refusal(of role: Role) -> AppointmentRefused? {
        let height = own.filter(Role.administering.contains).map(Self.height).max()
        guard let height else { return .notYours }
        if isOneself { return .oneself }
        return Self.height(of: role) <= height ? nil : .above
    }

    /// The roles he may give, in the order in which they are shown.
    var roles: [Role] { Role.allCases.filter { refusal(of: $0) == nil } }
}

extension Role {
    /// Those who keep a school's roles, rules and log.
    static let administering: [Role] = [.curator, .director, .operatorOfSystem]
    /// Roles that may be held for one class.
    static let ofClass: [Role] = [.classTeacher, .tutor]
}

/// Why a role was not given or taken.
enum AppointmentRefused: Error, Equatable, Sendable, CaseIterable {
    /// He administers nothing at this school.
    case notYours
    case above
    case oneself
    case needsClass
    case noSuchClass
    case pupil
    case nobody
    case lastOne

    /// Beside which field it is said.
    var field: String {
        switch self {
        case .needsClass, .noSuchClass: "class"
        case .pupil, .nobody, .oneself: "number"
        case .notYours, .above, .lastOne: "role"
        }
    }

    /// English; the catalogue has the Russian.
    var text: String {
        switch self {
        case .notYours: "You do not give roles at this school."
        case .above: "This role stands above yours: somebody higher gives it."
        case .oneself: "Nobody gives or takes his own roles: ask another who administers the school."
        case .needsClass: "A class teacher needs a class."
        case .noSuchClass: "The school has no such class."
        case .pupil: "A pupil holds no role of the staff."
        case .nobody: "Nobody has this number."
        case .lastOne: "This is the last who administers the school: give the role to another first."
        }
    }
}

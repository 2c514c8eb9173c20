import Directory
import Events
import Foundation
import Kernel
import Support

/// Schools, classes, families and staff as chance made them.
struct World {
    struct Child {
        let id: UUID
        let school: UUID
        let schoolClass: UUID?
        let hasLeft: Bool
    }

    static let today = Day(daysSince1970: 20_777)
    static let noon = SchoolZone.moscow.start(of: today).addingTimeInterval(12 * 3600)

    var classes: [UUID: [UUID]] = [:]
    var children: [Child] = []
    /// What is stored of everybody's rights.
    var rights: [UUID: Entitlement.Rights] = [:]

    var schools: [UUID] { classes.keys.sorted() }
    var allClasses: [UUID] { classes.values.flatMap { $0 }.sorted() }

    init(_ dice: inout SeededGenerator) {
        for _ in 0..<Int.random(in: 1...3, using: &dice) {
            let school = dice.uuid()
            classes[school] = (0..<Int.random(in: 1...3, using: &dice)).map { _ in dice.uuid() }
        }
        for school in schools {
            for _ in 0..<Int.random(in: 1...6, using: &dice) {
                let place = dice.chance(90) ? classes[school]?.randomElement(using: &dice) : nil
                children.append(Child(id: dice.uuid(), school: school, schoolClass: place, hasLeft: dice.chance(8)))
            }
        }
        for child in children { rights[child.id] = Entitlement.Rights(version: 1, roles: [], children: []) }
        for _ in 0..<Int.random(in: 4...12, using: &dice) {
            rights[dice.uuid()] = Entitlement.Rights(
                version: Int64.random(in: 1...9, using: &dice), roles: roles(&dice), children: grants(&dice))
        }
    }

    private func roles(_ dice: inout SeededGenerator) -> [RoleHeld] {
        guard dice.chance(60) else { return [] }
        return (0..<Int.random(in: 1...3, using: &dice)).compactMap { _ in
            guard let school = schools.randomElement(using: &dice), let role = Role.allCases.randomElement(using: &dice)
            else { return nil }
            let isConfined = role == .classTeacher ? dice.chance(90) : dice.chance(15)
            return RoleHeld(
                schoolID: school, role: role, classID: isConfined ? classes[school]?.randomElement(using: &dice) : nil)
        }
    }

    private func grants(_ dice: inout SeededGenerator) -> [Guardianship] {
        dice.some(of: children, percent: 20).map { child in
            let terms: [Day?] = [nil, Self.today, Self.today - 1, Self.today + 100]
            let isPrimary = dice.chance(50)
            // A first guardian is one by law; of messages from before it is not said.
            let laws: [Bool?] = isPrimary ? [true, nil] : [true, false, nil]
            return Guardianship(
                childID: child.id, topics: dice.some(of: Topic.allCases, percent: 60), isPrimary: isPrimary,
                until: terms.randomElement(using: &dice) ?? nil, isLegal: laws.randomElement(using: &dice) ?? nil)
        }
    }

    /// Everybody who may come and ask: those with rights, a person without any, a pupil nobody has heard of.
    var viewers: [Viewer] {
        let pupils = Set(children.map(\.id))
        let known = rights.sorted { $0.key < $1.key }.map { person, rights in
            viewer(person, number: rights.version, isPupil: pupils.contains(person))
        }
        let nobody = UUID(uuid: (9, 9, 9, 9, 9, 9, 0x79, 9, 0x89, 9, 9, 9, 9, 9, 9, 9))
        return known + [viewer(nobody, number: 0, isPupil: false), viewer(nobody, number: 0, isPupil: true)]
    }

    func viewer(_ person: UUID, number: Int64, isPupil: Bool) -> Viewer {
        Viewer(
            personID: person, sessionID: UUID.derived(from: person, "session"), rightsNumber: number, name: "",
            isPupil: isPupil)
    }

    /// Everything one may ask about, with one of each kind that does not exist.
    var subjects: [Subject] {
        let nothing = UUID(uuid: (8, 8, 8, 8, 8, 8, 0x78, 8, 0x88, 8, 8, 8, 8, 8, 8, 8))
        return children.map { .child($0.id) } + allClasses.map { .schoolClass($0) } + schools.map { .school($0) }
            + [.oneself, .anySchool, .child(nothing), .schoolClass(nothing), .school(nothing)]
    }

    func place(of subject: Subject) -> Entitlement.Place? {
        switch subject {
        case .child(let id):
            return children.first { $0.id == id }.map {
                Entitlement.Place(schoolID: $0.school, classID: $0.schoolClass, hasLeft: $0.hasLeft)
            }
        case .schoolClass(let id):
            return classes.first { $0.value.contains(id) }.map { Entitlement.Place(schoolID: $0.key, classID: id) }
        case .school(let id): return classes[id].map { _ in Entitlement.Place(schoolID: id, classID: nil) }
        case .oneself, .anySchool: return nil
        }
    }

    var places: [UUID: Entitlement.Place] {
        Dictionary(uniqueKeysWithValues: children.compactMap { child in
            place(of: .child(child.id)).map { (child.id, $0) }
        })
    }

    func decide(_ viewer: Viewer, _ permission: Permission, about subject: Subject) -> Decision {
        Entitlement(viewer: viewer, rights: rights[viewer.personID], on: Self.today)
            .decide(permission, about: subject, place: place(of: subject), family: places)
    }
}

/// The same rules in the most simple-minded way: it lists everything that a viewer may reach, and looks it up.
struct NaiveModel {
    let world: World
    private var allowed: [String: Set<Subject>] = [:]
    private var withoutTopic: [String: Set<Subject>] = [:]

    init(_ world: World, _ viewer: Viewer) {
        self.world = world
        for permission in Permission.all {
            var reach: Set<Subject> = []
            var lacking: Set<Subject> = []
            if permission.everyone { reach.insert(.oneself) }
            for held in world.rights[viewer.personID]?.roles ?? [] {
                reach.formUnion(Self.reach(of: held, permission, in: world))
            }
            if viewer.isPupil, permission.pupil {
                reach.formUnion([.oneself, .child(viewer.personID)])
                if let me = world.children.first(where: { $0.id == viewer.personID }) {
                    reach.formUnion(Self.shared(me, permission, in: world))
                }
            }
            for grant in world.rights[viewer.personID]?.children ?? [] {
                if let until = grant.until, until < World.today { continue }
                if permission.guardians == .none { continue }
                if permission.guardians == .legalOnly, grant.isLegal == false || grant.isLegal == nil && !grant.isPrimary { continue }
                reach.insert(.oneself)
                if let topic = permission.topic, !grant.topics.contains(topic) {
                    lacking.insert(.child(grant.childID))
                    continue
                }
                reach.insert(.child(grant.childID))
                if let child = world.children.first(where: { $0.id == grant.childID }) {
                    reach.formUnion(Self.shared(child, permission, in: world))
                }
            }
            allowed[permission.name] = reach
            withoutTopic[permission.name] = lacking
        }
    }

    func decide(_ permission: Permission, about subject: Subject) -> Decision {
        if allowed[permission.name, default: []].contains(subject) { return .allowed }
        if withoutTopic[permission.name, default: []].contains(subject), let topic = permission.topic {
            return .notEntitled(topic)
        }
        return .notFound
    }

    private static func reach(of held: RoleHeld, _ permission: Permission, in world: World) -> Set<Subject> {
        guard let wanted = permission.roles[held.role] else { return [] }
        var reach: Set<Subject> = [.oneself, .anySchool]
        if let schoolClass = held.classID {
            reach.insert(.schoolClass(schoolClass))
            for child in world.children where child.schoolClass == schoolClass && !child.hasLeft {
                reach.insert(.child(child.id))
            }
            return reach
        }
        if wanted == .ownClass { return [] }
        reach.insert(.school(held.schoolID))
        for schoolClass in world.classes[held.schoolID] ?? [] { reach.insert(.schoolClass(schoolClass)) }
        for child in world.children where child.school == held.schoolID && !child.hasLeft {
            reach.insert(.child(child.id))
        }
        return reach
    }

    private static func shared(_ child: World.Child, _ permission: Permission, in world: World) -> Set<Subject> {
        if child.hasLeft { return [] }
        switch permission.sharing {
        case .childOnly: return []
        case .ofClass: return child.schoolClass.map { [.schoolClass($0)] } ?? []
        case .ofSchool:
            let classes: [Subject] = (world.classes[child.school] ?? []).map { .schoolClass($0) }
            return Set(classes + [.school(child.school)])
        }
    }
}

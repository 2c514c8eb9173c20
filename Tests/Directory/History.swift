import Events
import Foundation
import Kernel
import Postgres
import Support
import Testing

@testable import Directory

/// Any state that Directory takes.
enum AnyTold: Sendable {
    case school(Told<SchoolChanged>)
    case schoolClass(Told<ClassChanged>)
    case person(Told<PersonChanged>)
    case pupil(Told<PupilChanged>)
    case rights(Told<RightsChanged>)
}

extension [AnyTold] {
    func apply(in tx: borrowing Transaction) throws {
        try Directory.apply(compactMap { if case .school(let told) = $0 { told } else { nil } }, in: tx)
        try Directory.apply(compactMap { if case .schoolClass(let told) = $0 { told } else { nil } }, in: tx)
        try Directory.apply(compactMap { if case .person(let told) = $0 { told } else { nil } }, in: tx)
        try Directory.apply(compactMap { if case .pupil(let told) = $0 { told } else { nil } }, in: tx)
        try Directory.apply(compactMap { if case .rights(let told) = $0 { told } else { nil } }, in: tx)
    }
}

/// Several versions of everything in a small school.
struct History: Sendable {
    private(set) var all: [AnyTold] = []
    private var schools: [UUID: SchoolChanged] = [:]
    private var classes: [UUID: ClassChanged] = [:]
    private var people: [UUID: PersonChanged] = [:]
    private var pupils: [UUID: PupilChanged] = [:]
    private var rights: [UUID: RightsChanged] = [:]

    init(_ dice: inout SeededGenerator) {
        let schoolIDs = (0..<2).map { _ in dice.uuid() }
        let classIDs = (0..<4).map { _ in dice.uuid() }
        let childIDs = (0..<12).map { _ in dice.uuid() }
        let guardianIDs = (0..<8).map { _ in dice.uuid() }
        for id in schoolIDs {
            for version in versions(&dice) {
                let state = SchoolChanged(
                    schoolID: id, version: version, name: "Школа \(version)", timeZone: "Europe/Samara",
                    modules: dice.some(of: ["meals", "access", "journal"], percent: 50),
                    contacts: [SchoolContact(question: "Питание", name: "З. П.", phone: "\(version)")],
                    ended: dice.chance(10))
                schools[id] = state
                all.append(.school(Told(state)))
            }
        }
        for id in classIDs {
            for version in versions(&dice) {
                let state = ClassChanged(
                    classID: id, schoolID: schoolIDs[0], version: version, grade: Int(version), letter: "Б")
                classes[id] = state
                all.append(.schoolClass(Told(state)))
            }
        }
        for id in childIDs {
            for version in versions(&dice) {
                let place = dice.chance(80) ? classIDs.randomElement(using: &dice) : nil
                let pupil = PupilChanged(
                    personID: id, version: version, schoolID: schoolIDs[0], classID: place,
                    accountNumber: "40\(version)", pupilCode: "И\(version)",
                    rosterNumber: dice.chance(50) ? "У-\(version)" : nil, ended: dice.chance(20))
                pupils[id] = pupil
                all.append(.pupil(Told(pupil)))
                let person = PersonChanged(
                    personID: id, version: version,
                    name: PersonName(
                        surname: "Ветров\(version)", given: "Пётр", patronymic: dice.chance(50) ? "Ильич" : nil),
                    gender: .male, accent: .moss, schoolID: schoolIDs[0], classID: place, isPupil: true)
                people[id] = person
                all.append(.person(Told(person)))
            }
        }
        for id in guardianIDs {
            for version in versions(&dice) {
                let state = RightsChanged(
                    personID: id, version: version,
                    roles: dice.chance(50)
                        ? [RoleHeld(schoolID: schoolIDs[0], role: .classTeacher, classID: classIDs.randomElement(using: &dice))]
                        : [],
                    children: dice.some(of: childIDs, percent: 30).map { child in
                        Guardianship(
                            childID: child, topics: dice.some(of: Topic.allCases, percent: 50),
                            isPrimary: dice.chance(50), until: dice.chance(50) ? World.today : nil)
                    }, ended: dice.chance(20))
                rights[id] = state
                all.append(.rights(Told(state)))
            }
        }
    }

    private func versions(_ dice: inout SeededGenerator) -> ClosedRange<Int64> { 1...Int64.random(in: 1...6, using: &dice) }

    /// The last state of everything is what the tables say, and decisions are those of the rule on these states.
    func expectNewest(in database: Database) async throws {
        try await database.read { tx in
            for (id, state) in schools {
                let record = try Directory.school(id, in: tx)
                #expect(record?.name == state.name && record?.modules == state.modules)
                #expect(record?.contacts == state.contacts && record?.zone.identifier == "Europe/Samara")
            }
            for (id, state) in classes {
                #expect(try Directory.schoolClass(id, in: tx)?.name == ClassName(grade: state.grade, letter: "Б"))
            }
            for (id, state) in pupils {
                let record = try Directory.child(id, in: tx)
                #expect(record?.classID == state.classID && record?.accountNumber == state.accountNumber)
                #expect(record?.rosterNumber == state.rosterNumber && record?.hasLeft == state.ended)
                #expect(record?.name == people[id]?.name && record?.accent == .moss)
                #expect(record?.className == state.classID.flatMap { classes[$0] }.map { ClassName(grade: $0.grade, letter: "Б") })
                let guardians = rights.values.filter { holder in
                    !holder.ended && holder.children.contains { $0.childID == id && $0.topics.contains(.meals) }
                }
                let found = try Directory.guardians(of: id, topic: .meals, on: World.today, in: tx)
                #expect(Set(found) == Set(guardians.map(\.personID)))
            }
            for state in rights.values { try expectDecisions(of: state, in: tx) }
        }
    }

    private func expectDecisions(of state: RightsChanged, in tx: borrowing Transaction) throws {
        let viewer = Viewer(personID: state.personID, sessionID: state.personID, rightsNumber: state.version, name: "")
        let rule = Entitlement(
            viewer: viewer,
            rights: Entitlement.Rights(
                version: state.version, roles: state.ended ? [] : state.roles, children: state.ended ? [] : state.children),
            on: World.today)
        let places = pupils.mapValues { Entitlement.Place(schoolID: $0.schoolID, classID: $0.classID, hasLeft: $0.ended) }
        for permission in [Permission.seeDiary, .seeMoney, .seeTimetable, .enterLessons, .shareAccess, .seeHome] {
            for (id, place) in places {
                let decision = try Directory.decide(viewer, permission, about: .child(id), on: World.today, in: tx)
                #expect(decision == rule.decide(permission, about: .child(id), place: place))
            }
            for (id, schoolClass) in classes {
                let decision = try Directory.decide(viewer, permission, about: .schoolClass(id), on: World.today, in: tx)
                let place = Entitlement.Place(schoolID: schoolClass.schoolID, classID: id)
                #expect(decision == rule.decide(permission, about: .schoolClass(id), place: place, family: places))
            }
            let children = try Directory.children(of: viewer, permission, at: World.noon, in: tx).map(\.id)
            let expected = places.keys.filter { rule.decide(permission, about: .child($0), place: nil) == .updating }
                .filter { child in
                    guard let topic = permission.topic else { return true }
                    return state.children.contains { $0.childID == child && $0.topics.contains(topic) }
                }
            #expect(Set(children) == Set(expected))
        }
    }
}

extension PupilChanged {
    static func with(version: Int64, account: String) -> PupilChanged {
        PupilChanged(
            personID: PupilChanged.example.personID, version: version, schoolID: PupilChanged.example.schoolID,
            accountNumber: account, pupilCode: "И")
    }
}

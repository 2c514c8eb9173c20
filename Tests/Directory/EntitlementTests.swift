import Directory
import Events
import Foundation
import Kernel
import Support
import Testing

@Suite struct EntitlementTests {
    @Test("BY-10: every permission about everything, asked by everybody, is answered as the simplest model does")
    func agreesWithTheNaiveModel() {
        var answers: [Decision: Int] = [:]
        for seed in 0..<120 as Range<UInt64> {
            var dice = SeededGenerator(seed: seed)
            let world = World(&dice)
            for viewer in world.viewers {
                let model = NaiveModel(world, viewer)
                for permission in Permission.all {
                    for subject in world.subjects {
                        let decision = world.decide(viewer, permission, about: subject)
                        let expected = model.decide(permission, about: subject)
                        answers[decision, default: 0] += 1
                        if decision != expected {
                            Issue.record(
                                "seed \(seed): \(permission.name) about \(subject): \(decision), but \(expected) by the model; \(viewer), \(String(describing: world.rights[viewer.personID]))")
                            return
                        }
                    }
                }
            }
        }
        // The worlds must be rich enough to mean something.
        #expect(answers[.allowed, default: 0] > 10_000 && answers[.notFound, default: 0] > 100_000)
        #expect(answers[.notEntitled(.money), default: 0] > 100)
    }

    @Test("JR-15, D-10: remarks and money never reach a pupil, whatever else is true of him")
    func remarksNeverReachThePupil() {
        for seed in 1000..<1300 as Range<UInt64> {
            var dice = SeededGenerator(seed: seed)
            let world = World(&dice)
            for child in world.children {
                let pupil = world.viewer(child.id, number: 0, isPupil: true)
                for subject in world.subjects {
                    for permission in [Permission.seeRemarks, .seeMoney, .setLimit, .seeBans, .setBans, .seePurchases, .topUpAtDesk, .seeServices, .subscribeServices] {
                        #expect(world.decide(pupil, permission, about: subject) == .notFound)
                    }
                }
            }
        }
    }

    @Test("ID-30, SC-01, AC-07, BY-04, BY-10: what is decided about a child is each parent's alike, and nobody's whom one of them let in")
    func secondAdultDecidesNothing() {
        let (child, person) = (UUID.v7(), UUID.v7())
        let place = Entitlement.Place(schoolID: .v7(), classID: .v7())
        func decide(isPrimary: Bool, isLegal: Bool?, _ permission: Permission) -> Decision {
            Entitlement(
                viewer: Viewer(personID: person, sessionID: .v7(), rightsNumber: 1, name: "", isPupil: false),
                rights: .init(
                    version: 1, roles: [],
                    children: [Guardianship(childID: child, topics: Topic.allCases, isPrimary: isPrimary, until: nil, isLegal: isLegal)]),
                on: Day(daysSince1970: 20_777)
            ).decide(permission, about: .child(child), place: place)
        }
        let parents = Permission.all.filter { $0.guardians == .legalOnly }
        #expect(
            Set(parents.map(\.name)) == [
                "setLimit", "setBans", "setPin", "moveMoney", "subscribeServices", "takeMoneyOut", "shareAccess", "representChild", "seeLooks",
                "askTransfer",
            ])
        for permission in parents {
            #expect(decide(isPrimary: true, isLegal: true, permission) == .allowed, "\(permission.name)")
            #expect(decide(isPrimary: false, isLegal: true, permission) == .allowed, "\(permission.name)")
            #expect(decide(isPrimary: false, isLegal: false, permission) == .notFound, "\(permission.name)")
            // What was said before the school's guardians were told apart opens no more than it did.
            #expect(decide(isPrimary: true, isLegal: nil, permission) == .allowed, "\(permission.name)")
            #expect(decide(isPrimary: false, isLegal: nil, permission) == .notFound, "\(permission.name)")
        }
        for permission in [Permission.seeMoney, .seeServices, .askRefund] {
            #expect(decide(isPrimary: false, isLegal: false, permission) == .allowed, "\(permission.name)")
        }
    }

    @Test("ID-30: an adult let in decides nothing about any child, whatever else is true of him", arguments: 0..<60 as Range<UInt64>)
    func letIn(_ seed: UInt64) {
        var dice = SeededGenerator(seed: 4000 + seed)
        let world = World(&dice)
        for (person, rights) in world.rights {
            let viewer = world.viewer(person, number: rights.version, isPupil: false)
            for grant in rights.children where !grant.answersByLaw {
                for permission in Permission.all where permission.guardians == .legalOnly {
                    let decision = world.decide(viewer, permission, about: .child(grant.childID))
                    // A role of his own may give him what the family did not.
                    if permission.roles.isEmpty { #expect(decision == .notFound, "\(permission.name)") }
                }
            }
        }
    }

    @Test("A stranger never learns that a child exists: he gets the answer that nobody's child gets")
    func strangersSeeNothing() {
        var cases = 0
        for seed in 2000..<2400 as Range<UInt64> {
            var dice = SeededGenerator(seed: seed)
            let world = World(&dice)
            let nobodysChild = Subject.child(dice.uuid())
            for child in world.children {
                for viewer in world.viewers where isStranger(viewer, to: child, in: world) {
                    for permission in Permission.all {
                        let decision = world.decide(viewer, permission, about: .child(child.id))
                        #expect(decision == .notFound)
                        #expect(decision == world.decide(viewer, permission, about: nobodysChild))
                        cases += 1
                    }
                }
            }
        }
        #expect(cases > 100_000)
    }

    /// Neither himself nor with a grant that holds, nor with any role in his school that could reach his class.
    private func isStranger(_ viewer: Viewer, to child: World.Child, in world: World) -> Bool {
        if viewer.personID == child.id { return false }
        let rights = world.rights[viewer.personID]
        let isGuardian = (rights?.children ?? []).contains {
            $0.childID == child.id && ($0.until ?? World.today) >= World.today
        }
        let isStaff = (rights?.roles ?? []).contains {
            $0.schoolID == child.school && ($0.classID == nil || $0.classID == child.schoolClass)
        }
        return !isGuardian && !isStaff
    }

    @Test("A grant holds on its last day and not on the next")
    func grantsEnd() {
        var dice = SeededGenerator(seed: 7)
        let (child, school, guardian) = (dice.uuid(), dice.uuid(), dice.uuid())
        let until = World.today
        let rights = Entitlement.Rights(
            version: 4, roles: [],
            children: [Guardianship(childID: child, topics: [.diary], isPrimary: true, until: until)])
        let viewer = Viewer(personID: guardian, sessionID: dice.uuid(), rightsNumber: 4, name: "Марина")
        let place = Entitlement.Place(schoolID: school, classID: nil)
        func ask(_ permission: Permission, on day: Day) -> Decision {
            Entitlement(viewer: viewer, rights: rights, on: day).decide(permission, about: .child(child), place: place)
        }
        #expect(ask(.seeDiary, on: until) == .allowed && ask(.seeDiary, on: until + 1) == .notFound)
        #expect(ask(.seeMoney, on: until) == .notEntitled(.money) && ask(.seeMoney, on: until + 1) == .notFound)
        #expect(ask(.seeHome, on: until) == .allowed && ask(.enterLessons, on: until) == .notFound)
    }

    @Test("A token that knows of a newer change of rights is answered «updating», an ended session «signed out»")
    func staleRightsShowNothing() {
        for seed in 3000..<3050 as Range<UInt64> {
            var dice = SeededGenerator(seed: seed)
            let world = World(&dice)
            for (person, rights) in world.rights {
                for ahead in [0, 1, 5] as [Int64] {
                    let viewer = world.viewer(person, number: rights.version + ahead, isPupil: false)
                    for permission in Permission.all {
                        for subject in world.subjects {
                            let decision = world.decide(viewer, permission, about: subject)
                            #expect((decision == .updating) == (ahead > 0))
                            let ended = Entitlement(
                                viewer: viewer, rights: rights, sessionHasEnded: true, on: World.today)
                            #expect(ended.decide(permission, about: subject, place: nil) == .signedOut)
                        }
                    }
                }
            }
        }
        let unheardOf = Viewer(personID: UUID.v7(), sessionID: UUID.v7(), rightsNumber: 1, name: "")
        #expect(
            Entitlement(viewer: unheardOf, rights: nil, on: World.today).decide(.seeHome, about: .oneself, place: nil)
                == .updating)
    }

    @Test("A grant that came before its child waits for him, and tells a stranger nothing")
    func childrenOnTheirWay() {
        var dice = SeededGenerator(seed: 9)
        let child = dice.uuid()
        let rights = Entitlement.Rights(
            version: 1, roles: [],
            children: [Guardianship(childID: child, topics: Topic.allCases, isPrimary: true)])
        let viewer = Viewer(personID: dice.uuid(), sessionID: dice.uuid(), rightsNumber: 1, name: "Марина")
        let mother = Entitlement(viewer: viewer, rights: rights, on: World.today)
        #expect(mother.decide(.seeDiary, about: .child(child), place: nil) == .updating)
        #expect(mother.decide(.seeDiary, about: .child(dice.uuid()), place: nil) == .notFound)
    }

    @Test("The list of permissions is complete, and its names are unique")
    func theListIsComplete() throws {
        #expect(Set(Permission.all.map(\.name)).count == Permission.all.count)
        let source = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Shared/Directory/Permission.swift")
        let text = try String(contentsOf: source, encoding: .utf8)
        let declared = text.matches(of: /public static let (\w+) = Permission\(/).map { String($0.1) }
        #expect(Set(declared) == Set(Permission.all.map(\.name)))
    }
}

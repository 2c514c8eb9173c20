import Events
import Foundation
import Kernel
import Messaging
import Postgres
import Support
import Testing

@testable import Directory

@Suite(.database(Migrations.messaging, DirectoryParts.migrations)) struct PowersTests {
    let database = TestDatabase.current.database

    @Test("BY-10: what is decided of several children at once is what is decided of each by itself", arguments: 0..<8 as Range<UInt64>)
    func sameDecisions(_ seed: UInt64) async throws {
        var dice = SeededGenerator(seed: 900 + seed)
        let world = World(&dice)
        // One child may not have arrived here yet, and the schools' clocks are not the same.
        let late = dice.chance(50) ? world.children.first?.id : nil
        let zones = ["Europe/Kaliningrad", "Asia/Kamchatka", "Europe/Moscow"]
        try await database.transaction { tx in
            try Directory.apply(
                world.schools.enumerated().map { place, school in
                    Told(SchoolChanged(schoolID: school, version: 1, name: "Школа", timeZone: zones[place], modules: [], contacts: [], ended: false))
                }, in: tx)
            try Directory.apply(
                world.children.filter { $0.id != late }.enumerated().map { number, child in
                    Told(
                        PupilChanged(
                            personID: child.id, version: 1, schoolID: child.school, classID: child.schoolClass, accountNumber: "\(number)",
                            pupilCode: "И\(number)", ended: child.hasLeft))
                }, in: tx)
            try Directory.apply(
                world.rights.map { Told(RightsChanged(personID: $0, version: $1.version, roles: $1.roles, children: $1.children)) }, in: tx)
        }
        let ended = world.viewers.randomElement(using: &dice)
        if let ended {
            try await database.transaction { tx in
                try Directory.apply(ended: [SessionEnded(sessionID: ended.sessionID, personID: ended.personID, at: World.noon)], in: tx)
            }
        }
        for viewer in world.viewers {
            let children = Set(world.children.map(\.id))
            // Hours at which the day is another one in the east.
            let moment = World.noon + Double(dice.below(24) * 3600)
            let differences = try await database.read { tx -> [String] in
                let powers = try Directory.powers(of: viewer, about: children, at: moment, on: World.today, in: tx)
                var differences: [String] = []
                for permission in Permission.all {
                    for child in children {
                        let alone = try Directory.decide(viewer, permission, about: .child(child), on: World.today, in: tx) == .allowed
                        if powers.may(permission, child) != alone { differences.append("\(permission.name) about \(child)") }
                    }
                    let own = try Directory.children(of: viewer, permission, at: moment, in: tx).map(\.id)
                    if Set(powers.children(for: permission)) != Set(own) { differences.append("\(permission.name) about his own") }
                }
                return differences
            }
            #expect(differences == [], "seed \(seed), \(viewer)")
        }
    }
}

import Directory
import Events
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import JWTKit
import Kernel
import Postgres
import Web

/// Two schools, three classes, three families and everybody who works there: enough for every kind of stranger.
struct World: Sendable {
    let school = UUID.v7()
    let otherSchool = UUID.v7()
    let ownClass = UUID.v7()
    let otherClass = UUID.v7()
    let farClass = UUID.v7()
    /// The child everybody knocks about.
    let child = UUID.v7()
    let classmate = UUID.v7()
    let farChild = UUID.v7()
    let mother = UUID.v7()
    let otherMother = UUID.v7()
    let otherClassTeacher = UUID.v7()
    /// Let in to the child, but to no topic that a page has.
    let aunt = UUID.v7()
    /// The child's other parent, named by the school after the first one.
    let father = UUID.v7()
    /// Let in by the mother to everything of the child.
    let grandmother = UUID.v7()
    /// Let in to everything of the child, until yesterday.
    let uncle = UUID.v7()
    /// Let in to everything of the child, and no more.
    let neighbour = UUID.v7()
    let farStaff: [Role: UUID] = Dictionary(uniqueKeysWithValues: Role.allCases.map { ($0, UUID.v7()) })
    let keyID = UUID.v7()
    let key = ES256PrivateKey()

    /// Somebody who has no business with the child.
    struct Stranger: Sendable {
        let name: String
        let person: UUID?
        var isPupil = false
        /// Children whom his token names still: it was signed a minute before.
        var kids: [UUID] = []
    }

    /// Somebody whom the family has let in to the child, but not to what he asks for.
    var withoutTopic: Stranger { Stranger(name: "a second adult without the topic", person: aunt, kids: [child]) }

    /// Somebody who reads everything of the child and decides nothing about him.
    var letIn: Stranger { Stranger(name: "an adult whom the family let in", person: grandmother, kids: [child]) }
    /// Somebody who answers for the child by law and whom the school names after the first.
    var secondParent: Stranger { Stranger(name: "the second parent", person: father, kids: [child]) }

    var strangers: [Stranger] {
        [
            Stranger(name: "nobody", person: nil), Stranger(name: "another family's mother", person: otherMother),
            Stranger(name: "a classmate", person: classmate, isPupil: true),
            Stranger(name: "a pupil of another school", person: farChild, isPupil: true),
            Stranger(name: "another class's teacher", person: otherClassTeacher),
            Stranger(name: "a second adult whose term is over", person: uncle, kids: [child]),
            Stranger(name: "an adult whose access was taken away", person: neighbour, kids: [child]),
        ] + farStaff.sorted { $0.key.rawValue < $1.key.rawValue }.map { Stranger(name: "\($0.key.rawValue) of another school", person: $0.value) }
    }

    /// Fills a service's directory as Identity's events would.
    func settle(in database: Database) async throws {
        let world = self
        try await database.transaction { tx in
            try Directory.apply(
                [world.school, world.otherSchool].map {
                    Told(SchoolChanged(schoolID: $0, version: 1, name: "Школа \($0)", timeZone: "Europe/Moscow", modules: [], contacts: [], ended: false))
                }, in: tx)
            try Directory.apply(
                [
                    Told(ClassChanged(classID: world.ownClass, schoolID: world.school, version: 1, grade: 7, letter: "Б", ended: false)),
                    Told(ClassChanged(classID: world.otherClass, schoolID: world.school, version: 1, grade: 7, letter: "В", ended: false)),
                    Told(ClassChanged(classID: world.farClass, schoolID: world.otherSchool, version: 1, grade: 7, letter: "Б", ended: false)),
                ], in: tx)
            for (index, (child, school, schoolClass)) in [
                (world.child, world.school, world.ownClass), (world.classmate, world.school, world.ownClass),
                (world.farChild, world.otherSchool, world.farClass),
            ].enumerated() {
                try Directory.apply(
                    [
                        Told(
                            PupilChanged(
                                personID: child, version: 1, schoolID: school, classID: schoolClass, accountNumber: "000000000\(index)",
                                pupilCode: "I0000000\(index)", rosterNumber: "P\(index)", ended: false))
                    ], in: tx)
                try Directory.apply(
                    [
                        Told(
                            PersonChanged(
                                personID: child, version: 1, name: PersonName(surname: "Тайнова", given: "Секретина\(index)"), gender: .female,
                                accent: .sea, rosterNumber: "P\(index)", schoolID: school, classID: schoolClass, isPupil: true, ended: false))
                    ], in: tx)
            }
            func guardian(_ person: UUID, of child: UUID) -> Told<RightsChanged> {
                Told(
                    RightsChanged(
                        personID: person, version: 1, roles: [],
                        children: [Guardianship(childID: child, topics: Topic.allCases, isPrimary: true, until: nil)]))
            }
            try Directory.apply([guardian(world.mother, of: world.child), guardian(world.otherMother, of: world.classmate)], in: tx)
            func second(_ person: UUID, _ topics: [Topic], until: Day? = nil, isLegal: Bool = false) -> Told<RightsChanged> {
                Told(
                    RightsChanged(
                        personID: person, version: 1, roles: [],
                        children: [Guardianship(childID: world.child, topics: topics, isPrimary: false, until: until, isLegal: isLegal)]))
            }
            let yesterday = SchoolZone.moscow.day(of: Date()) - 1
            try Directory.apply(
                [
                    second(world.aunt, []), second(world.uncle, Topic.allCases, until: yesterday), second(world.neighbour, Topic.allCases),
                    second(world.grandmother, Topic.allCases), second(world.father, Topic.allCases, isLegal: true),
                ], in: tx)
            try Directory.apply([Told(RightsChanged(personID: world.neighbour, version: 2, roles: [], children: []))], in: tx)
            try Directory.apply(
                [
                    Told(
                        RightsChanged(
                            personID: world.otherClassTeacher, version: 1,
                            roles: [RoleHeld(schoolID: world.school, role: .classTeacher, classID: world.otherClass)], children: []))
                ], in: tx)
            try Directory.apply(
                world.farStaff.map { role, person in
                    Told(
                        RightsChanged(
                            personID: person, version: 1,
                            roles: [RoleHeld(schoolID: world.otherSchool, role: role, classID: role == .classTeacher ? world.farClass : nil)],
                            children: []))
                }, in: tx)
            try Directory.apply(
                [
                    Told(
                        SigningKeyChanged(
                            keyID: world.keyID, version: 1, algorithm: "ES256", publicKey: world.key.publicKey.pemRepresentation,
                            validFrom: Date(timeIntervalSinceNow: -3600), validUntil: Date(timeIntervalSinceNow: 86_400), ended: false))
                ], in: tx)
        }
    }

    /// A token as Identity signs it.
    func token(_ person: UUID, isPupil: Bool = false, kids: [UUID] = [], rights: Int64 = 1) async throws -> String {
        let keys = JWTKeyCollection()
        await keys.add(ecdsa: key, kid: JWKIdentifier(string: keyID.text))
        return try await keys.sign(
            SessionToken(
                person: person, session: .v7(), rights: isPupil ? 0 : rights, name: "Кто-то", kids: kids.map { .init(id: $0, name: "Маша", accent: "sea") },
                isPupil: isPupil, sections: ["gradebook"]), kid: JWKIdentifier(string: keyID.text))
    }
}

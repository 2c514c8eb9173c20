import Directory
import Events
import Foundation
import Kernel
import Postgres
import Support
import Testing

@testable import Identity

/// Families as chance makes them: grants, topics, terms, changes, revocations, days that pass; after every step everybody asks
/// for everything, and the answers are those of a model that knows nothing of tables.
@Suite("Grants of random families", .database(School.migrations)) struct GrantWorldTests {
    private let school = School(database: TestDatabase.current.database)

    private struct Model {
        /// By adult and child: topics and last day.
        var grants: [[UUID]: GrantTerms] = [:]

        func expected(_ adult: UUID, _ child: UUID, _ permission: Permission, on day: Day) -> Decision {
            guard permission.guardians == .granted, let grant = grants[[adult, child]], grant.holds(on: day) else { return .notFound }
            guard let topic = permission.topic, !grant.topics.contains(topic) else { return .allowed }
            return .notEntitled(topic)
        }
    }

    @Test("BY-10: grants, topics, terms and revocations by chance: nobody ever sees what was not given to him", arguments: 0..<6)
    func grants(seed: Int) async throws {
        var dice = SeededGenerator(seed: seed)
        try await school.open()
        let givers: [(giver: UUID, children: [UUID])] = [
            (try await school.id("G1"), [try await school.id("P1"), try await school.id("P2")]),
            (try await school.id("G3"), [try await school.id("P3")]),
        ]
        var adults: [UUID] = []
        for index in 0..<3 {
            let id = UUID.v7()
            adults.append(id)
            try await school.database.execute(
                """
                insert into person (id, kind, surname, given_name, gender, accent)
                values (\(id), 'guardian', 'Второй', \("Взрослый \(index)"), 'male', 'sea')
                """)
        }
        let (everybody, children) = (adults, givers.flatMap(\.children))
        let (database, outbox, bench) = (school.database, school.outbox, school.bench)
        var model = Model()
        var now = school.now
        func terms(_ dice: inout SeededGenerator) -> TypedTerms {
            let today = SchoolZone.moscow.day(of: now)
            let topics = dice.some(of: Topic.allCases)
            let until = [nil, today, today + 1, today + 3, today + 200].randomElement(using: &dice) ?? nil
            return TypedTerms(topics: (topics.isEmpty ? [.diary] : topics).map(\.rawValue), until: until?.iso ?? "")
        }
        for step in 0..<14 {
            let moment = now
            let today = SchoolZone.moscow.day(of: moment)
            let adult = adults[dice.below(adults.count)]
            let (giver, own) = givers[dice.below(givers.count)]
            let child = own[dice.below(own.count)]
            switch dice.below(8) {
            case 0...3:
                let chosen = dice.some(of: own)
                let typed = terms(&dice)
                guard !chosen.isEmpty else { continue }
                let issued = try await InviteAdult(giverID: giver, children: chosen, terms: typed, label: "", now: moment).run(database, bench)
                let outcome = try await AddChild(guardianID: adult, code: issued.code.text, address: "10.1.\(seed).\(step)", now: moment)
                    .run(database, outbox, bench)
                guard case .added = outcome else { Issue.record("\(outcome)"); return }
                for child in chosen { model.grants[[adult, child]] = issued.terms }
            case 4:
                let changed = try terms(&dice).checked(today: today)
                let isThere = try await database.transaction { try ChangeGrant(childID: child, adultID: adult, terms: changed, by: child, now: moment).run(in: $0, outbox) }
                // A run-out grant may be there until it is cleared away: it may get a new term.
                if isThere { model.grants[[adult, child]] = changed }
            case 5:
                _ = try await database.transaction { try RevokeGrant(childID: child, adultID: adult, by: child, now: moment).run(in: $0, outbox) }
                model.grants[[adult, child]] = nil
            case 6:
                now = now.addingTimeInterval(Double(1 + dice.below(3)) * 86_400)
            default:
                try await database.transaction { try EndRunOutGrants(now: moment).run(in: $0, outbox) }
            }
            let day = SchoolZone.moscow.day(of: now)
            let answers = try await database.read { transaction -> [[UUID]: [Decision]] in
                var answers: [[UUID]: [Decision]] = [:]
                for adult in everybody {
                    let number: Int64 = try transaction.first("select rights_number from person where id = \(adult)", as: Int64.self) ?? 0
                    let viewer = Viewer(personID: adult, sessionID: .v7(), rightsNumber: number, name: "")
                    for child in children {
                        answers[[adult, child]] = try Permission.all.map {
                            try Directory.decide(viewer, $0, about: .child(child), on: day, in: transaction)
                        }
                    }
                }
                return answers
            }
            for (pair, decisions) in answers {
                // Nothing was ever given: not even rights have been heard of, and that looks the same.
                let expected = Permission.all.map { model.expected(pair[0], pair[1], $0, on: day) }
                let isUnknown = model.grants.keys.allSatisfy { $0[0] != pair[0] } && decisions.allSatisfy { $0 == Decision.updating || $0 == Decision.notFound }
                #expect(decisions == expected || isUnknown, "seed \(seed), step \(step)")
            }
        }
    }
}

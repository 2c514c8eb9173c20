import Events
import Foundation
import Kernel
import Messaging
import Postgres
import Support
import Testing

@testable import Directory

@Suite(.database(Migrations.messaging, DirectoryParts.migrations)) struct ApplyingTests {
    let database = TestDatabase.current.database

    @Test("In any order, with repeats and stale versions, in any batches: what stays is the newest of each", arguments: 0..<12 as Range<UInt64>)
    func newerWins(seed: UInt64) async throws {
        var dice = SeededGenerator(seed: seed)
        let history = History(&dice)
        var told = history.all + dice.some(of: history.all, percent: 40)
        told.shuffle(using: &dice)
        while !told.isEmpty {
            let batch = Array(told.prefix(Int.random(in: 1...40, using: &dice)))
            told.removeFirst(batch.count)
            try await database.transaction { tx in try batch.apply(in: tx) }
        }
        try await history.expectNewest(in: database)
    }

    @Test("Copies that apply the same states at once, in different orders, agree")
    func copiesAgree() async throws {
        var dice = SeededGenerator(seed: 77)
        let history = History(&dice)
        let database = database
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                let told = history.all.shuffled(using: &dice)
                group.addTask {
                    for start in stride(from: 0, to: told.count, by: 25) {
                        let batch = Array(told[start..<min(start + 25, told.count)])
                        try await database.transaction { tx in try batch.apply(in: tx) }
                    }
                }
            }
            try await group.waitForAll()
        }
        try await history.expectNewest(in: database)
    }

    @Test("An owner restored from a backup says lower versions in a higher epoch, and is believed")
    func theHigherEpochWins() async throws {
        let before = PupilChanged.with(version: 90, account: "1111111111")
        let after = PupilChanged.with(version: 3, account: "2222222222")
        for told in [Told(before, epoch: 1), Told(after, epoch: 2), Told(before, epoch: 1)] {
            try await database.transaction { tx in try Directory.apply([told], in: tx) }
        }
        let child = try await database.read { tx in try Directory.child(after.personID, in: tx) }
        #expect(child?.accountNumber == "2222222222")
    }

    @Test("What an owner did not name when it named everything has ended; what it said meanwhile has not")
    func unnamedHasEnded() async throws {
        var dice = SeededGenerator(seed: 5)
        let (named, forgotten, late, child) = (dice.uuid(), dice.uuid(), dice.uuid(), dice.uuid())
        let run = UUID.v7(at: Date().addingTimeInterval(-60))
        let before = Date().addingTimeInterval(-3600)
        func rights(_ person: UUID) -> RightsChanged {
            RightsChanged(
                personID: person, version: 1, roles: [],
                children: [Guardianship(childID: child, topics: [.diary], isPrimary: true)])
        }
        let states = [Told(rights(named), at: before), Told(rights(forgotten), at: before), Told(rights(late))]
        try await database.transaction { tx in
            try Directory.apply(states, in: tx)
            try tx.execute("insert into republished (run_id, queue, aggregate_id) values (\(run), 'q', \(named))")
        }
        let ending = DirectoryParts.hearing(queue: "test.directory").subscriptions.first { $0.name == RightsChanged.name }
        #expect(ending?.neverSkip == true)
        try await database.transaction { tx in try DirectoryParts.endUnnamedRights(run, tx) }
        let guardians = try await database.read { tx in try Directory.guardians(of: child, on: World.today, in: tx) }
        #expect(Set(guardians) == [named, late])
    }

    @Test("A person whose rights have ended is a stranger; one who gets them again is not")
    func rightsEndAndReturn() async throws {
        var dice = SeededGenerator(seed: 6)
        let (mother, child, school) = (dice.uuid(), dice.uuid(), dice.uuid())
        let grants = [Guardianship(childID: child, topics: [.diary], isPrimary: true)]
        let pupil = PupilChanged(
            personID: child, version: 1, schoolID: school, accountNumber: "1", pupilCode: "И")
        func decision(after rights: RightsChanged) async throws -> Decision {
            let viewer = Viewer(personID: mother, sessionID: mother, rightsNumber: rights.version, name: "")
            return try await database.transaction { tx in
                try Directory.apply([Told(pupil)], in: tx)
                try Directory.apply([Told(rights)], in: tx)
                return try Directory.decide(viewer, .seeDiary, about: .child(child), on: World.today, in: tx)
            }
        }
        let first = RightsChanged(personID: mother, version: 1, roles: [], children: grants)
        let ended = RightsChanged(personID: mother, version: 2, roles: [], children: grants, ended: true)
        let again = RightsChanged(personID: mother, version: 3, roles: [], children: grants)
        #expect(try await decision(after: first) == .allowed)
        #expect(try await decision(after: ended) == .notFound)
        let none = try await database.read { tx in try Directory.guardians(of: child, on: World.today, in: tx) }
        #expect(none.isEmpty)
        #expect(try await decision(after: again) == .allowed)
    }

    @Test("A session that was ended is answered «signed out» by every service that has heard of it")
    func endedSessions() async throws {
        let viewer = Viewer(personID: .v7(), sessionID: .v7(), rightsNumber: 0, name: "")
        let ended = SessionEnded(sessionID: viewer.sessionID, personID: viewer.personID, at: Date())
        let decisions = try await database.transaction { tx in
            let before = try Directory.decide(viewer, .seeOneself, about: .oneself, on: World.today, in: tx)
            try Directory.apply(ended: [ended, ended], in: tx)
            let after = try Directory.decide(viewer, .seeOneself, about: .oneself, on: World.today, in: tx)
            return [before, after]
        }
        #expect(decisions == [.allowed, .signedOut])
    }

    @Test("Keys are known until their term ends or they are withdrawn")
    func signingKeys() async throws {
        let now = Date()
        func key(_ id: UUID, until: Date, ended: Bool = false, version: Int64 = 1) -> Told<SigningKeyChanged> {
            Told(
                SigningKeyChanged(
                    keyID: id, version: version, algorithm: "ES256", publicKey: "PEM", validFrom: now, validUntil: until,
                    ended: ended))
        }
        let good = UUID.v7()
        let withdrawn = UUID.v7()
        let told = [
            key(good, until: now + 60), key(.v7(), until: now - 60), key(withdrawn, until: now + 60),
            key(withdrawn, until: now + 60, ended: true, version: 2),
        ]
        let keys = try await database.transaction { tx in
            try Directory.apply(told, in: tx)
            return try Directory.publicKeys(now: now, in: tx)
        }
        #expect(keys.map(\.id) == [good])
    }
}

@Suite struct HearingTests {
    @Test("D-05: without names nothing is heard about persons; rights are never skipped")
    func namesAreOptional() {
        let with = DirectoryParts.hearing(queue: "canteen.directory", names: true)
        let without = DirectoryParts.hearing(queue: "ledger.directory", names: false)
        #expect(with.bindings.contains(PersonChanged.name) && !without.bindings.contains(PersonChanged.name))
        #expect(!without.bindings.contains(ContactChanged.name) && !with.bindings.contains(ContactChanged.name))
        #expect(without.subscriptions.filter(\.neverSkip).map(\.name).sorted() == [RightsChanged.name, SessionEnded.name])
    }
}

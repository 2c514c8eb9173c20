import Directory
import Events
import Foundation
import Kernel
import Postgres
import Support
import Testing

@testable import Identity

/// The rule alone: families as chance makes them.
@Suite("Merging, the rule") struct JoinedGuardianshipsTests {
    private static let today = Day(daysSince1970: 20_777)

    static func state(_ child: UUID, _ dice: inout SeededGenerator, primary: Bool = false) -> GuardianshipState {
        let isFamily = dice.below(2) == 0 && !primary
        let topics = dice.some(of: Topic.allCases)
        return GuardianshipState(
            childID: child, relation: nil, topics: isFamily && !topics.isEmpty ? topics : Topic.allCases, isPrimary: primary,
            until: isFamily ? [nil, today - 1, today, today + 30].randomElement(using: &dice) ?? nil : nil,
            source: isFamily ? "family" : ["roster", "code"].randomElement(using: &dice) ?? "code", grantedBy: nil, grantedAt: Int64(dice.below(1000)),
            ended: dice.below(6) == 0 && !primary, endedBy: nil)
    }

    /// What a person sees of a child on a day.
    static func open(_ states: [GuardianshipState], _ child: UUID, on day: Day) -> Set<Topic> {
        Set(states.filter { $0.childID == child && $0.holds(on: day) }.flatMap(\.topics))
    }

    @Test("ID-29: the account that stays sees what either saw and nothing more, today and on every day after", arguments: 0..<300)
    func union(seed: Int) throws {
        var dice = SeededGenerator(seed: seed)
        let children = (0..<4).map { _ in UUID.v7() }
        let kept = dice.some(of: children).map { Self.state($0, &dice) }
        let extra = dice.some(of: children).map { Self.state($0, &dice) }
        let touched = Set(extra.map(\.childID))
        let after: [GuardianshipState]
        do {
            after = try JoinedGuardianships.joined(kept: kept, extra: extra) { _ in Self.today }
        } catch {
            // Refused only where no single grant opens exactly what both do.
            for child in error.children {
                let mine = try #require(kept.first { $0.childID == child }?.terms)
                let theirs = try #require(extra.first { $0.childID == child }?.terms)
                #expect(!mine.covers(theirs) && !theirs.covers(mine) && mine.until != theirs.until)
            }
            return
        }
        let whole = kept.filter { !touched.contains($0.childID) } + after
        #expect(Set(after.map(\.childID)).isSubset(of: touched))
        for child in children {
            for offset in 0...40 {
                let day = Self.today + offset
                #expect(Self.open(whole, child, on: day) == Self.open(kept, child, on: day).union(Self.open(extra, child, on: day)))
            }
        }
    }

    @Test("ID-29: taken back, each has what it had; what was taken away since stays away", arguments: 0..<300)
    func back(seed: Int) {
        var dice = SeededGenerator(seed: seed &+ 7919)
        let child = UUID.v7()
        let before = dice.below(4) == 0 ? nil : Self.state(child, &dice)
        let after = Self.state(child, &dice)
        #expect(JoinedGuardianships.back(before, after: after, now: after) == before)
        var now: GuardianshipState? = after
        switch dice.below(4) {
        case 0: now = nil
        case 1: now?.ended = true
        case 2: now?.topics = dice.some(of: Topic.allCases)
        default: now?.until = Self.today + 3
        }
        guard now != after else { return }
        let result = JoinedGuardianships.back(before, after: after, now: now).map { [$0] } ?? []
        for offset in 0...40 {
            let day = Self.today + offset
            let open = Self.open(result, child, on: day)
            #expect(open.isSubset(of: Self.open(before.map { [$0] } ?? [], child, on: day)))
            #expect(open.isSubset(of: Self.open(now.map { [$0] } ?? [], child, on: day)))
        }
        // Nobody becomes first by it.
        #expect(!(result.first?.isPrimary ?? false) || before?.isPrimary == true)
    }
}

@Suite("Merging two accounts", .database(School.migrations)) struct MergingTests {
    let school = School(database: TestDatabase.current.database)

    /// Everything that a merging may touch, as text.
    private func snapshot() async throws -> [String] {
        try await school.database.read { transaction in
            try transaction.rows("select (to_jsonb(g))::text from guardianship g order by guardian_id, child_id", as: String.self)
                + transaction.rows("select (to_jsonb(p) - 'version' - 'rights_number')::text from person p order by id", as: String.self)
                + transaction.rows("select (to_jsonb(c) - 'version')::text from contact c order by person_id", as: String.self)
                + transaction.rows("select to_jsonb(l)::text from login l order by person_id", as: String.self)
                + transaction.rows("select (to_jsonb(i))::text from invitation i order by id", as: String.self)
        }
    }

    /// Olga, whom the school lists twice: as G1 with Anna, as G9 with Pyotr.
    private func openTwice() async throws -> (kept: UUID, extra: UUID, curator: UUID) {
        var files = School.files
        files[3].text = files[3].text.replacing(
            "P2,G1,мать,Ветрова,Ольга,Игоревна,f,+79160000001,olga@example.org", with: "P2,G9,мать,Ветрова,Ольга,Игоревна,f,+79160000009,olga9@example.org")
        try await school.open(files)
        try await school.give("G1", login: "olga")
        try await school.give("G9", login: "olga.second")
        return (try await school.id("G1"), try await school.id("G9"), try await school.id("S1"))
    }

    private func merge(_ kept: UUID, _ extra: UUID, by: UUID, at: Date? = nil) async throws -> UUID {
        let command = MergeAccounts(keptID: kept, extraID: extra, by: by, now: at ?? school.now)
        let outbox = school.outbox
        return try await school.database.transaction { try command.run(in: $0, outbox) }
    }

    private func undo(_ id: UUID, by: UUID, at: Date? = nil) async throws {
        let command = UndoMerging(id: id, by: by, now: at ?? school.now.addingTimeInterval(60))
        let outbox = school.outbox
        try await school.database.transaction { try command.run(in: $0, outbox) }
    }

    private func refusal(_ act: () async throws -> Void) async throws -> MergingRefused? {
        do {
            try await act()
            return nil
        } catch let refused as MergingRefused {
            return refused
        }
    }

    @Test("ID-29: one account with all children is left, the other ends with its sessions, everybody hears of both")
    func merges() async throws {
        let (kept, extra, curator) = try await openTwice()
        guard case .signedIn = try await school.signIn("olga.second") else { Issue.record("not in"); return }
        try await school.forget()
        _ = try await merge(kept, extra, by: curator)
        #expect(try await school.rights("G1")?.children.count == 2)
        #expect(try await school.rights("G1")?.children.allSatisfy(\.isPrimary) == true)
        #expect(try await school.rights("G9")?.ended == true)
        #expect(try await school.rights("G9")?.children == [])
        #expect(try await school.decide(kept, .seeMoney, about: "P2") == .allowed)
        #expect(try await school.decide(extra, .seeMoney, about: "P2") == .notFound)
        #expect(try await school.said(RightsChanged.name) == 2)
        #expect(try await school.said(ContactChanged.name) == 2)
        #expect(try await school.said(SessionEnded.name) == 1)
        if case .signedIn = try await school.signIn("olga.second") { Issue.record("the ended account signs in") }
        guard case .signedIn = try await school.signIn("olga") else { Issue.record("the account that stays does not"); return }
    }

    @Test("ID-29: taken back within its time everything is as it was")
    func takenBack() async throws {
        let (kept, extra, curator) = try await openTwice()
        // What the second account had given comes along and goes back.
        let given = try await school.invite("G9", ["P2"], [.meals])
        guard case .registered(let nina, _) = try await school.register(given.code.text, login: "nina") else { Issue.record("no"); return }
        _ = try await school.invite("G9", ["P2"], [.diary])
        let before = try await snapshot()
        let id = try await merge(kept, extra, by: curator)
        #expect(try await school.decide(nina, .seeMeals, about: "P2") == .allowed)
        try await undo(id, by: curator)
        #expect(try await snapshot() == before)
        guard case .signedIn = try await school.signIn("olga.second") else { Issue.record("the account is not back"); return }
        #expect(try await refusal { try await undo(id, by: curator) } == .undone)
    }

    @Test("ID-29: what was taken away meanwhile does not come back, and after a week nothing does")
    func meanwhile() async throws {
        let (kept, extra, curator) = try await openTwice()
        let id = try await merge(kept, extra, by: curator)
        // The school takes Pyotr from Olga.
        var files = School.files
        files[3].text = files[3].text.replacing("P2,G1,мать,Ветрова,Ольга,Игоревна,f,+79160000001,olga@example.org\n", with: "P2,G2,отец,Ветров,Михаил,,m,+79160000002,misha@example.org\n")
        try await school.open(files, complete: true)
        #expect(try await school.decide(kept, .seeDiary, about: "P2") == .notFound)
        #expect(try await refusal { try await undo(id, by: curator, at: school.now.addingTimeInterval(8 * 86_400)) } == .tooLate)
        try await undo(id, by: curator)
        #expect(try await school.decide(kept, .seeDiary, about: "P2") == .notFound)
        #expect(try await school.decide(extra, .seeDiary, about: "P2") == .notFound)
        #expect(try await school.decide(kept, .seeDiary, about: "P1") == .allowed)
    }

    @Test("The lists name the ended account still: it does not come back by them, and takes no child away")
    func lists() async throws {
        let (kept, extra, curator) = try await openTwice()
        _ = try await merge(kept, extra, by: curator)
        var files = School.files
        files[3].text = files[3].text.replacing(
            "P2,G1,мать,Ветрова,Ольга,Игоревна,f,+79160000001,olga@example.org", with: "P2,G9,мать,Ветрова,Ольга,Петровна,f,+79160000009,olga9@example.org")
        for _ in 0..<2 { try await school.open(files, complete: true) }
        #expect(try await school.rights("G1")?.children.count == 2)
        #expect(try await school.rights("G9")?.ended == true)
        #expect(try await school.profile("G1")?.name.patronymic == "Игоревна")
        #expect(try await school.profile("G1")?.phone == "+79160000001")
    }

    @Test("ID-29: staff, strangers of other schools, oneself and the unregistered are not merged so")
    func refusals() async throws {
        let (kept, extra, curator) = try await openTwice()
        func merging(_ kept: UUID, _ extra: UUID, by: UUID) async throws -> MergingRefused? {
            try await refusal { _ = try await merge(kept, extra, by: by) }
        }
        let (teacher, pupil) = (try await school.id("S2"), try await school.id("P1"))
        #expect(try await merging(kept, kept, by: curator) == .sameAccount)
        #expect(try await merging(kept, teacher, by: curator) == .notGuardians)
        #expect(try await merging(pupil, extra, by: curator) == .notGuardians)
        #expect(try await merging(kept, .v7(), by: curator) == .notGuardians)
        #expect(try await merging(kept, extra, by: teacher) == .elsewhere)
        #expect(try await merging(kept, extra, by: kept) == .ownAccount)
        // Not registered, while the other is.
        let father = try await school.id("G2")
        #expect(try await merging(father, extra, by: curator) == .otherWayRound)
        // A parent who works at another school, or runs the system.
        let other = UUID.v7()
        try await school.database.transaction { transaction in
            try transaction.execute("insert into school (id, code, name) values (\(other), 'other', 'Другая')")
            try transaction.execute(
                "insert into role_held (id, person_id, school_id, role) values (\(UUID.v7()), \(extra), \(other), 'operator')")
        }
        #expect(try await merging(kept, extra, by: curator) == .worksAtSchool)
        #expect(try await merging(extra, kept, by: curator) == .worksAtSchool)
        try await school.database.transaction { transaction in
            try transaction.execute("delete from role_held where school_id = \(other)")
            try transaction.execute("update pupil set school_id = \(other), class_id = null where person_id = (select id from person where roster_number = 'P2')")
        }
        #expect(try await merging(kept, extra, by: curator) == .elsewhere)
    }

    @Test("ID-29: random families: merged and taken back is as before; merged is exactly the union", arguments: 0..<8)
    func generated(seed: Int) async throws {
        var dice = SeededGenerator(seed: seed)
        let (kept, extra, curator) = try await openTwice()
        let children = [try await school.id("P1"), try await school.id("P2"), try await school.id("P3")]
        let father = try await school.id("G2")
        // Rows by chance; one first guardian per child at most.
        var rows: [(UUID, GuardianshipState)] = []
        for child in children {
            let first = dice.below(3)
            for (index, person) in [kept, extra].enumerated() where dice.below(5) > 0 {
                var state = JoinedGuardianshipsTests.state(child, &dice, primary: index == first)
                if state.source == "family" { state.grantedBy = father }
                rows.append((person, state))
            }
        }
        let made = rows
        try await school.database.transaction { transaction in
            try transaction.execute("delete from guardianship where child_id = any(\(children))")
            for (person, state) in made { try GuardianshipState.write([state], of: person, about: [state.childID], in: transaction) }
        }
        guard rows.contains(where: { !$0.1.ended }) else { return }
        let before = try await snapshot()
        let today = SchoolZone.moscow.day(of: school.now)
        func open(_ person: UUID) -> [GuardianshipState] { made.filter { $0.0 == person }.map(\.1) }
        let id: UUID
        do {
            id = try await merge(kept, extra, by: curator)
        } catch MergingRefused.unlikeGrants {
            #expect(try await snapshot() == before)
            return
        }
        let after = try await school.database.read { try GuardianshipState.present(of: kept, in: $0) }
        let left = try await school.database.read { try GuardianshipState.present(of: extra, in: $0) }
        for child in children {
            for offset in [0, 1, 2, 29, 30, 31, 32] {
                let day = today + offset
                let both = JoinedGuardianshipsTests.open(open(kept), child, on: day).union(JoinedGuardianshipsTests.open(open(extra), child, on: day))
                #expect(JoinedGuardianshipsTests.open(after, child, on: day) == both, "seed \(seed)")
                #expect(JoinedGuardianshipsTests.open(left, child, on: day).isEmpty)
            }
            let primaries = (after + left).count { $0.childID == child && $0.isPrimary && !$0.ended }
            #expect(primaries == (open(kept) + open(extra)).count { $0.childID == child && $0.isPrimary && !$0.ended })
        }
        try await undo(id, by: curator)
        #expect(try await snapshot() == before, "seed \(seed)")
    }
}

import Events
import Foundation
import Kernel
import Testing

@testable import Identity

@Suite("Roster") struct RosterTests {
    static let pupils = "school,class,pupil_number,surname,given_name,patronymic,gender,birth_date\n"

    @Test("Quotes, commas in them, empty lines, a byte order mark and Windows line ends are read")
    func csv() {
        let table = CSVTable("\u{feff}school,name\r\n7,\"Школа \"\"Набережная\"\", корпус 2\"\r\n\r\n8,\"в две\nстроки\"\r\n9,конец")
        #expect(table.columns == ["school", "name"])
        #expect(table.rows.map { $0["name"] } == ["Школа \"Набережная\", корпус 2", "в две\nстроки", "конец"])
        #expect(table.rows.map(\.line) == [2, 4, 6])
        #expect(table.damage.isEmpty)
    }

    @Test("A semicolon between fields is what spreadsheets write here")
    func semicolon() {
        #expect(CSVTable("school;name\n7;Школа, корпус 2\n").rows.first?["name"] == "Школа, корпус 2")
    }

    @Test("A bad line is reported with file, line and reason, and the others are taken")
    func badLines() throws {
        let text = Self.pupils + """
            demo,7Б,P1,Ветрова,Анна,Михайловна,f,2013-03-07
            demo,7Б,P2,,Борис,,m,2013-05-01
            demo,7Б,P3,Котов,Борис,,x,2013-05-01
            demo,класс,P4,Котов,Борис,,m,2013-05-01
            demo,7Б,P5,Котов,Борис,,m,01.05.2013
            demo,7Б,P1,Ветрова,Анна,Михайловна,f,2013-03-07
            demo,7Б
            demo,7Б,P6,Котова,Вера,,ж,2013-05-02

            """
        let roster = try Roster(files: [("pupils.csv", text)])
        #expect(roster.pupils.map(\.content.person.number) == ["P1", "P6"])
        #expect(roster.bad.map(\.line).sorted() == [3, 4, 5, 6, 7, 8])
        #expect(roster.bad.allSatisfy { $0.file == "pupils.csv" })
        let reasons = Dictionary(uniqueKeysWithValues: roster.bad.map { ($0.line, $0.reason) })
        #expect(reasons[3] == "surname is empty")
        #expect(reasons[4] == "gender is f or m, not «x»")
        #expect(reasons[5] == "«класс» is no class")
        #expect(reasons[6]?.contains("2014-03-12") == true)
        #expect(reasons[7] == "the same as line 2: P1")
        #expect(reasons[8] == "2 fields where the header has 8")
    }

    @Test("Lines with one guardian number must call the same person")
    func agreeing() throws {
        let text = """
            pupil_number,guardian_number,relation,surname,given_name,patronymic,gender,phone,email
            P1,G1,мать,Ветрова,Ольга,,f,+79161234567,o@example.org
            P2,G1,мать,Ветрова,Ольга,,f,+79161234567,o@example.org
            P3,G1,мать,Котова,Ольга,,f,+79161234567,o@example.org
            P4,G2,отец,Котов,Пётр,,m,нет,o@example.org

            """
        let roster = try Roster(files: [("guardians.csv", text)])
        #expect(roster.guardians.map(\.content.pupilNumber) == ["P1", "P2"])
        #expect(roster.bad.map(\.line) == [5, 4] || roster.bad.map(\.line) == [4, 5])
    }

    @Test("SC-06: every role is understood, however its words are joined", arguments: Role.allCases)
    func roles(_ role: Role) throws {
        let text = "school,staff_number,surname,given_name,patronymic,gender,role,class,subject,phone,email\n"
            + "demo,S1,Савина,Инна,Петровна,f,\(role.rawValue.uppercased()),7Б,,,\n"
        #expect(try Roster(files: [("staff.csv", text)]).staff.map(\.content.role) == [role])
    }

    @Test("A file that belongs to no roster is refused as a whole")
    func stranger() {
        #expect(throws: RosterUnreadable.self) { try Roster(files: [("menu.csv", "dish,price\nборщ,40\n")]) }
    }
}

@Suite("Accents") struct AccentTests {
    @Test("Brothers and sisters differ, and who has been seen in a colour keeps it", arguments: 0..<200)
    func siblingsDiffer(_ seed: Int) {
        let count = 2 + seed % 4
        let family = (0..<count).map { _ in UUID.v7() }
        let current = Dictionary(uniqueKeysWithValues: family.map { ($0, Accent.allCases.randomElement() ?? .sea) })
        let siblings = Dictionary(uniqueKeysWithValues: family.map { ($0, Set(family).subtracting([$0])) })
        let old = Set(family.prefix(seed % 2))
        let changes = Accents.repainted(current, siblings: siblings, free: Set(family).subtracting(old))
        let painted = current.merging(changes) { $1 }
        #expect(Set(painted.values).count == family.count)
        for child in old { #expect(changes[child] == nil) }
        // Nobody changes without need.
        for (child, accent) in changes { #expect(current[child] != accent) }
    }

    @Test("In a family of seven no colour is used three times")
    func largeFamily() {
        let family = (0..<7).map { _ in UUID.v7() }
        let current = Dictionary(uniqueKeysWithValues: family.map { ($0, Accent.sea) })
        let siblings = Dictionary(uniqueKeysWithValues: family.map { ($0, Set(family).subtracting([$0])) })
        let painted = current.merging(Accents.repainted(current, siblings: siblings, free: Set(family))) { $1 }
        let counts = Dictionary(grouping: painted.values, by: \.self).mapValues(\.count)
        #expect(counts.values.max() == 2)
    }

    @Test("First colours are spread over a school")
    func spread() {
        let counts = Dictionary(grouping: (1...850).map { Accents.first(for: "P\($0 + 1000)") }, by: \.self).mapValues(\.count)
        #expect(counts.count == 5)
        #expect((counts.values.min() ?? 0) > 100)
    }
}

@Suite("KeySchedule") struct KeyScheduleTests {
    let start = Date(timeIntervalSince1970: 1_790_000_000)

    @Test("The first key signs at once, because nobody can wait for it")
    func first() {
        let term = KeySchedule.due(after: [], now: start)
        #expect(term?.signsFrom == start)
    }

    @Test("The next key is made at least a day before it signs, and once")
    func next() throws {
        let first = try #require(KeySchedule.due(after: [], now: start))
        let calm = first.signsUntil.addingTimeInterval(-KeySchedule.ahead - 60)
        #expect(KeySchedule.due(after: [first], now: calm) == nil)
        let soon = first.signsUntil.addingTimeInterval(-KeySchedule.ahead + 3600)
        let second = try #require(KeySchedule.due(after: [first], now: soon))
        #expect(second.signsFrom == first.signsUntil)
        #expect(second.signsFrom.timeIntervalSince(soon) >= 86_400)
        #expect(KeySchedule.due(after: [first, second], now: soon) == nil)
    }

    @Test("After a long sleep a new key signs at once")
    func longSleep() throws {
        let first = try #require(KeySchedule.due(after: [], now: start))
        let late = first.signsUntil.addingTimeInterval(86_400 * 10)
        #expect(KeySchedule.due(after: [first], now: late)?.signsFrom == late)
    }
}

@Suite("Guessing") struct GuessingRuleTests {
    @Test("The fifth wrong password is heard, the sixth waits")
    func boundary() {
        let end = Date(timeIntervalSince1970: 1000)
        #expect(Guessing.verdict(attempts: 5, limit: 5, windowEnds: end) == .allowed(left: 0))
        #expect(Guessing.verdict(attempts: 6, limit: 5, windowEnds: end) == .wait(until: end))
    }

    @Test("What one address may try at an account is less than what the account takes from all")
    func narrowBeforeWide() {
        // Fewer than eight addresses cannot make the owner wait, however long they go on.
        #expect(Guessing.Scope.pair.limit.attempts * 8 <= Guessing.Scope.account.limit.attempts)
        #expect(Guessing.Scope.pair.limit.window == Guessing.Scope.account.limit.window)
    }
}

@Suite("PasswordHash") struct PasswordHashTests {
    @Test("D-03: passwords are kept as Argon2id hashes with the stated parameters and a salt of their own")
    func argon() throws {
        let hash = try PasswordHash.make("gz7mtk4q")
        #expect(hash.hasPrefix("$argon2id$v=19$m=19456,t=2,p=1$"))
        #expect(try PasswordHash.make("gz7mtk4q") != hash)
        #expect(PasswordHash.verify("gz7mtk4q", against: hash))
        #expect(!PasswordHash.verify("gz7mtk4Q", against: hash))
        #expect(!PasswordHash.verify("gz7mtk4q", against: "not a hash"))
        #expect(!PasswordHash.isOutdated(hash))
        #expect(PasswordHash.isOutdated("$argon2id$v=19$m=4096,t=1,p=1$c2FsdHNhbHQ$aGFzaA"))
    }

    @Test("Never more than two passwords are hashed at once, and nobody is forgotten")
    func bounded() async throws {
        let bench = HashingBench(width: 2, longestQueue: 50)
        let most = Peak()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<20 {
                group.addTask {
                    try await bench.run {
                        most.enter()
                        _ = try PasswordHash.make("gz7mtk4q")
                        most.leave()
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(most.peak <= 2)
        #expect(most.done == 20)
    }

    @Test("A queue that is full says so at once")
    func full() async throws {
        let bench = HashingBench(width: 1, longestQueue: 0)
        let gate = DispatchSemaphore(value: 0)
        let first = Task { try await bench.run { gate.wait() } }
        while await bench.isIdle { await Task.yield() }
        await #expect(throws: HashingBusy.self) { try await bench.run {} }
        gate.signal()
        try await first.value
    }
}

/// Counts how many are inside at once.
private final class Peak: @unchecked Sendable {
    // Guarded by the lock.
    private let lock = NSLock()
    private var inside = 0
    private(set) var peak = 0
    private(set) var done = 0

    func enter() { lock.withLock { inside += 1; peak = max(peak, inside) } }
    func leave() { lock.withLock { inside -= 1; done += 1 } }
}

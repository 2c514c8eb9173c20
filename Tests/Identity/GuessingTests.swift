import Events
import Foundation
import Kernel
import Postgres
import Support
import Synchronization
import Testing

@testable import Identity

/// Strangers from many addresses against the owner of an account, in any order: they cannot guess, and they cannot keep him out.
@Suite("Guessing in any order", .database(School.migrations)) struct GuessingTests {
    let database = TestDatabase.current.database

    private enum Door { case password, secondStep }

    private func count(
        _ door: Door, _ account: String, _ address: String, _ device: Data?, _ now: Date
    ) async throws -> Bool {
        let verdict = try await database.transaction { transaction in
            switch door {
            case .password: try Guessing.countSignIn(account: account, address: address, device: device, now: now, in: transaction)
            case .secondStep: try Guessing.countFactor(account, address: address, device: device, now: now, in: transaction)
            }
        }
        if case .allowed = verdict { return true }
        return false
    }

    private func forgive(_ door: Door, _ account: String, _ address: String, _ device: Data?) async throws {
        try await database.transaction { transaction in
            switch door {
            case .password: try Guessing.forgiveSignIn(account: account, address: address, device: device, in: transaction)
            case .secondStep: try Guessing.forgiveFactor(account, address: address, device: device, in: transaction)
            }
        }
    }

    /// The most that fall into any stretch of time of this length.
    private func most(_ times: [Date], in length: TimeInterval) -> Int {
        times.map { begin in times.count { $0 >= begin && $0.timeIntervalSince(begin) < length } }.max() ?? 0
    }

    @Test(
        "The owner comes in from his own browser whatever strangers do; they all together try no more than the limit",
        arguments: 0..<8 as Range<UInt64>)
    func interleavings(_ seed: UInt64) async throws {
        var chance = SeededGenerator(seed: seed)
        for door in [Door.password, .secondStep] {
            let own = Data("browser \(seed)".utf8)
            let others = ["irina", "semyon", "nobody"]
            var now = Date(timeIntervalSince1970: 1_795_000_000)
            var tried: [Date] = []
            var triedFrom: [String: [Date]] = [:]
            var ownWrong: [Date] = []
            var cameIn = 0
            for _ in 0..<500 {
                switch chance.below(20) {
                case 0: now += TimeInterval(chance.below(600))
                case 1: now += TimeInterval(chance.below(20))
                case 2:
                    // He mistypes, as people do, and then remembers.
                    guard ownWrong.count < 8 else { continue }
                    ownWrong.append(now)
                    #expect(try await count(door, "olga", "10.0.0.1", own, now), "seed \(seed): the owner's own mistake is not listened to")
                case 3, 4:
                    #expect(try await count(door, "olga", "10.0.0.\(chance.below(3))", own, now), "seed \(seed): the owner is kept out")
                    try await forgive(door, "olga", "10.0.0.1", own)
                    ownWrong = []
                    cameIn += 1
                case 5:
                    _ = try await count(door, others[chance.below(3)], "6.6.6.\(chance.below(40))", nil, now)
                default:
                    // Also from the address where the owner sits: a school has one.
                    let address = chance.below(8) == 0 ? "10.0.0.1" : "6.6.6.\(chance.below(40))"
                    guard try await count(door, "olga", address, nil, now) else { continue }
                    tried.append(now)
                    triedFrom[address, default: []].append(now)
                }
            }
            #expect(cameIn > 10)
            // A window that ends and one that begins may touch.
            let scope = door == .password ? Guessing.Scope.account : .factor
            #expect(most(tried, in: scope.limit.window) <= 2 * scope.limit.attempts, "seed \(seed)")
            let pair = door == .password ? Guessing.Scope.pair : .factorPair
            for (address, times) in triedFrom { #expect(most(times, in: pair.limit.window) <= 2 * pair.limit.attempts, "seed \(seed): \(address)") }
        }
    }

    @Test("ID-17: however often strangers ask for a letter in somebody's name, a link that works lies in his mailbox when he asks", arguments: 0..<6 as Range<UInt64>)
    func recovery(_ seed: UInt64) async throws {
        let school = School(database: database)
        try await school.open()
        try await school.give("G1", login: "olga")
        let olga = try await school.id("G1")
        _ = try await database.execute("update contact set email_confirmed = true where person_id = \(olga)")
        var chance = SeededGenerator(seed: seed)
        var now = school.now
        var asked = 0
        for _ in 0..<120 {
            switch chance.below(6) {
            case 0: now += TimeInterval(chance.below(1800))
            case 1:
                let outcome = try await AskForRecovery(text: chance.below(2) == 0 ? "olga" : "olga@example.org", address: "10.0.0.1", now: now)
                    .run(database, school.letters)
                #expect(outcome == .answered)
                let moment = now
                let good = try await database.read { transaction in
                    try transaction.rows(
                        "select email from letter_token where person_id = \(olga) and purpose = 'recover' and expires_at > \(moment)", as: String.self)
                }
                #expect(good == ["olga@example.org"], "seed \(seed): no way in after \(asked) questions")
                asked += 1
            default:
                _ = try await AskForRecovery(
                    text: ["olga", "olga@example.org", "OLGA", "irina"][chance.below(4)], address: "6.6.6.\(chance.below(30))", now: now
                ).run(database, school.letters)
            }
        }
        #expect(asked > 5)
        // And his mailbox is not flooded: three letters an hour at the most.
        let letters = try await school.askedLetters().filter { $0.personID == olga && $0.kind == .recoverAccess }
        let hours = now.timeIntervalSince(school.now) / 3600
        #expect(Double(letters.count) <= 3 * (hours + 2))
    }

    @Test("The page of wrong attempts names account and number, and neither from where nor what; the curator forgets them")
    func page() async throws {
        let school = School(database: database)
        try await school.open()
        try await school.give("G1", login: "olga")
        for address in 0..<10 {
            for _ in 0..<5 { _ = try await count(.password, "olga", "6.6.6.\(address)", nil, school.now) }
        }
        let (olga, curator, now) = (try await school.id("G1"), try await school.id("S1"), school.now)
        let found = try await database.read { transaction in
            try GuessedAccount.read(SchoolsOf.keeper(curator, Role.administering, in: transaction), now: now, in: transaction)
        }
        #expect(found.map(\.id) == [olga] && found[0].passwords > 40 && found[0].waitsUntil != nil && found[0].codes == 0)
        let strange = try await database.read { try GuessedAccount.read([UUID.v7()], now: now, in: $0) }
        #expect(strange.isEmpty)
        #expect(try await count(.password, "olga", "10.9.9.9", nil, now) == false)
        try await database.transaction { try ForgetGuesses(personID: olga, by: curator, now: now).run(in: $0) }
        #expect(try await count(.password, "olga", "10.9.9.8", nil, now))
    }

    @Test("However many sign in at once, two hash and the rest wait in a queue that ends", arguments: [1, 2, 4])
    func bounded(_ width: Int) async throws {
        let bench = HashingBench(width: width, longestQueue: 40)
        let gauge = Gauge()
        let refused = try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<60 {
                group.addTask {
                    do {
                        try await bench.run {
                            gauge.enter()
                            defer { gauge.leave() }
                            _ = try PasswordHash.make("some password")
                        }
                        return false
                    } catch is HashingBusy { return true }
                }
            }
            return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(gauge.most <= width && gauge.most >= 1)
        #expect(gauge.count + refused == 60)
        #expect(gauge.count >= 40)
        #expect(await bench.isIdle)
    }
}

/// How many are inside at once.
private final class Gauge: Sendable {
    private let state = Mutex((now: 0, most: 0, count: 0))

    var most: Int { state.withLock { $0.most } }
    var count: Int { state.withLock { $0.count } }

    func enter() {
        state.withLock { state in
            state.now += 1
            state.count += 1
            state.most = max(state.most, state.now)
        }
    }

    func leave() { state.withLock { $0.now -= 1 } }
}

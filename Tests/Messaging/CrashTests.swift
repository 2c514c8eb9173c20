import Events
import Foundation
import Kernel
import Postgres
import RabbitMQ
import Support
import Testing

@testable import Messaging

/// Processes that die without a word, each a real one: this very program, started once more for one of `DoomedProcesses`.
///
/// Not the exit tests of Swift Testing: those read what the other process says on a thread of the pool that all tests share, until
/// whatever holds the pipe has ended. A few of them at once, and no test moves that would have to end one.
@Suite(.database(.messaging, School.table), .timeLimit(.minutes(5))) struct CrashTests {
    let conninfo = TestDatabase.current.conninfo

    /// A bell of version 13 ends the process at once.
    fileprivate static func deadlyBells() -> Hearing {
        Hearing(queue: "school.bells", [
            .each(BellRang.self) { bell, tx, _ in
                if bell.event.version == 13 { kill(getpid(), SIGKILL) }
                try tx.execute("insert into heard (bell, version) values (\(bell.event.bell), \(bell.event.version))")
            }
        ])
    }

    /// A reading of 13 does.
    fileprivate static func deadlyReadings() -> Hearing { readings("13") }

    @Test("a message that ends its process every time is parked after eight, and everything else is handled") func killer() async throws {
        let school = try School()
        try await school.declare([Self.deadlyBells()])
        try await school.say((1...40).map { BellRang(bell: .v7(), version: $0) })
        for _ in 0..<8 { #expect(try await Doomed.run("bells", in: school, conninfo) == .killed(by: SIGKILL)) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            let loop = school.loop(Self.deadlyBells())
            group.addTask { try await loop.run() }
            try await eventually { try await school.count("select count(*) from heard") == 39 }
            try await eventually { try await school.dead().list().map(\.reason) == ["it was taken 8 times and never finished"] }
            group.cancelAll()
        }
        #expect(try await school.dead().list().first?.body.contains("\"version\":13") == true)
        try await school.clean([Self.deadlyBells()])
    }

    @Test("hardware's messages have no identifier, and one that ends its process is parked all the same") func deadlyReading() async throws {
        let school = try School()
        try await school.declare([readings("13")])
        try await school.say(
            (1...40).map {
                BrokerMessage(exchange: school.prefix + "school.edge", routingKey: "device.gate-1.reading", body: Array("\($0)".utf8))
            })
        for _ in 0..<8 { #expect(try await Doomed.run("readings", in: school, conninfo) == .killed(by: SIGKILL)) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            let loop = school.loop(readings("13"))
            group.addTask { try await loop.run() }
            try await eventually { try await school.count("select count(*) from reading") == 39 }
            try await eventually { try await school.dead("school.edge").list().count == 1 }
            group.cancelAll()
        }
        let letter = try await school.dead("school.edge").list().first
        #expect(letter?.reason == "it was taken 8 times and never finished")
        #expect(letter?.body == "13" && letter?.key == "device.gate-1.reading")
        try await school.clean([readings("13")])
    }

    @Test("a relay that is killed at work loses nothing: another takes over, and the order of each aggregate holds") func killedRelay() async throws {
        let school = try School()
        let tap = school.prefix + "tap"
        try await school.declare([bells()])
        let channel = BrokerChannel(school.broker)
        try await channel.declare(
            Topology(queues: [.init(tap)], bindings: [.init(exchange: school.prefix + "school.events", queue: tap, key: "#")]))
        let all = (0..<5).map { _ in UUID.v7() }
        let total = 20_000
        for start in stride(from: 0, to: total, by: 1000) {
            try await school.database.transaction { tx in
                try school.outbox.publish(
                    (start..<start + 1000).map { BellRang(bell: all[$0 % 5], version: Int64($0 / 5 + 1)) }, in: tx)
            }
        }
        // The last row is held, so that the first relay cannot come to its end before it is killed.
        let (held, mayGo) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        defer { mayGo.signal() }
        func isHeld() -> Bool { held.wait(timeout: .now()) == .success }
        let holding = Task {
            try await school.database.transaction { tx in
                try tx.execute("select from outbox order by seq desc limit 1 for update")
                held.signal()
                mayGo.wait()
            }
        }
        try await eventually("the last row is held") { isHeld() }
        let relay = try Doomed.start("relay", in: school, conninfo)
        try await eventually("the relay is at work") { try await school.count("select count(*) from outbox") < total }
        let standby = school.relay()
        let running = Task { try await standby.run() }
        try await eventually("and the other stands by") { try await school.count("select count(*) from outbox") < total - 2000 }
        relay.kill9()
        #expect(relay.end == .killed(by: SIGKILL))
        #expect(try await school.count("select count(*) from outbox") > 0)
        mayGo.signal()
        try await holding.value
        try await eventually { try await school.count("select count(*) from outbox") == 0 }
        running.cancel()
        _ = try? await running.value
        // Every version of every bell, in its order; what was said twice under the same identifier is heard once.
        var seen: Set<String> = []
        var next: [UUID: Int64] = [:]
        var repeats = 0
        let decoder = EventCoding.decoder
        let consumer = Consumer(school.broker, queue: tap, prefetch: 1000, logger: school.logger)
        let reading = Task { await consumer.run() }
        for await deliveries in consumer.deliveries {
            for delivery in deliveries {
                guard seen.insert(delivery.messageID ?? "").inserted else {
                    repeats += 1
                    continue
                }
                let bell = try Envelope.decode(delivery.body, as: BellRang.self, with: decoder).event
                #expect(bell.version == next[bell.bell, default: 0] + 1)
                next[bell.bell] = bell.version
            }
            await consumer.acknowledge(deliveries)
            if seen.count == total { break }
        }
        reading.cancel()
        await reading.value
        await consumer.close()
        #expect(repeats <= 2 * Relay.batch)
        try await channel.delete(queues: [tap], exchanges: [])
        await channel.close()
        try await school.clean([bells()])
    }
}

/// A process that is to die: this program once more, for one function of `DoomedProcesses`.
private enum Doomed {
    private static let (prefix, conninfo) = ("ZVONOK_DOOMED_PREFIX", "ZVONOK_DOOMED_CONNINFO")

    /// The school that this process was started for; nil in the one that all tests run in.
    static let school: School? = {
        let environment = ProcessInfo.processInfo.environment
        guard let prefix = environment[prefix], let conninfo = environment[conninfo] else { return nil }
        // Its input is held by whoever started it, and ends with him.
        Thread.detachNewThread {
            while readLine() != nil {}
            exit(EXIT_FAILURE)
        }
        return try? School(prefix: prefix, conninfo: conninfo)
    }()

    static func start(_ function: String, in school: School, _ conninfo: String) throws -> ChildProcess {
        try ChildProcess(
            "/proc/self/exe", ["--testing-library", "swift-testing", "--filter", "MessagingTests.DoomedProcesses/\(function)\\(\\)"],
            environment: [Self.prefix: school.prefix, Self.conninfo: conninfo], input: .held)
    }

    /// Starts one and waits for its end.
    static func run(_ function: String, in school: School, _ conninfo: String) async throws -> ChildProcess.End? {
        let process = try start(function, in: school, conninfo)
        try await eventually("the process of \(function) ends") { process.end != nil }
        return process.end
    }
}

/// What the processes do that die: tests by their form only, skipped wherever `CrashTests` have not started them.
@Suite(.enabled(if: Doomed.school != nil, "parts of CrashTests, which start them"), .timeLimit(.minutes(5))) struct DoomedProcesses {
    @Test func bells() async throws { try await #require(Doomed.school).loop(CrashTests.deadlyBells()).run() }

    @Test func readings() async throws { try await #require(Doomed.school).loop(CrashTests.deadlyReadings()).run() }

    @Test func relay() async throws { try await #require(Doomed.school).relay().run() }
}

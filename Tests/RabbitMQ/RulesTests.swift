import Foundation
import Support
import Testing

@testable import RabbitMQ

@Suite("Bookkeeping without a broker")
struct RulesTests {
    @Test("Whoever reads gets everything that came while he was busy, in order and within his limit, and the end after it")
    func gathering() async {
        let gathering = Gathering<Int>(upTo: 5)
        let iterator = gathering.makeAsyncIterator()
        for number in 0..<7 { gathering.add([number]) }
        #expect(await iterator.next() == [0, 1, 2, 3, 4])
        gathering.add([7, 8])
        #expect(await iterator.next() == [5, 6, 7, 8])
        async let next = gathering.makeAsyncIterator().next()
        gathering.add([9])
        #expect(await next == [9])
        gathering.add([10])
        gathering.end()
        #expect(await iterator.next() == [10])
        #expect(await iterator.next() == nil)
        // A reader that is cancelled while it waits does not wait on.
        let endless = Gathering<Int>(upTo: 1)
        let reader = Task { await endless.makeAsyncIterator().next() }
        reader.cancel()
        #expect(await reader.value == nil)
    }

    @Test("Whoever fetches waits until the reader has taken what is there, and no longer when the end has come or nobody wants it any more")
    func room() async {
        let gathering = Gathering<Int>(upTo: 3)
        await gathering.whenTaken()
        gathering.add([1, 2, 3, 4, 5])
        await gathering.whenTaken(leaving: 5)
        let fetching = Task {
            await gathering.whenTaken(leaving: 2)
            gathering.add([6])
            await gathering.whenTaken()
            gathering.add([7])
        }
        let iterator = gathering.makeAsyncIterator()
        var read: [Int] = []
        while read.count < 7, let batch = await iterator.next() { read += batch }
        #expect(read == [1, 2, 3, 4, 5, 6, 7])
        await fetching.value

        // Two may wait: of one connection that is gone, and of the one after it.
        gathering.add([1])
        let both = [Task { await gathering.whenTaken() }, Task { await gathering.whenTaken() }]
        #expect(await iterator.next() == [1])
        for task in both { await task.value }

        gathering.add([8])
        let cancelled = Task { await gathering.whenTaken() }
        cancelled.cancel()
        await cancelled.value
        let ended = Task { await gathering.whenTaken() }
        gathering.end()
        await ended.value
    }

    @Test("Confirms: one answer for many completes the batch")
    func multiple() {
        var confirms = Confirms(first: 11, count: 5)
        confirms.answer(13, multiple: true, isTaken: true)
        #expect(confirms.missing == 2 && !confirms.isComplete)
        confirms.answer(15, multiple: true, isTaken: true)
        #expect(confirms.isComplete && confirms.nacked.isEmpty)
    }

    @Test("Confirms: answers in any order, repeated and from earlier batches count once")
    func anyOrder() {
        for seed in 0..<50 as Range<UInt64> {
            var random = SeededGenerator(seed: seed)
            var confirms = Confirms(first: 100, count: 20)
            var open = Set<UInt64>(100..<120)
            confirms.answer(99, multiple: true, isTaken: true)
            while !open.isEmpty {
                let tag = UInt64.random(in: 100..<120, using: &random)
                let multiple = Int.random(in: 0..<4, using: &random) == 0
                confirms.answer(tag, multiple: multiple, isTaken: true)
                open = open.filter { multiple ? $0 > tag : $0 != tag }
                #expect(confirms.missing == open.count, "seed \(seed)")
                #expect(confirms.isComplete == open.isEmpty, "seed \(seed)")
            }
        }
    }

    @Test("Confirms: a refusal names its position, each once, and those taken before are not in it")
    func nacks() {
        var confirms = Confirms(first: 1, count: 6)
        confirms.answer(2, multiple: false, isTaken: true)
        confirms.answer(3, multiple: true, isTaken: false)
        confirms.answer(3, multiple: false, isTaken: false)
        confirms.answer(6, multiple: false, isTaken: false)
        confirms.answer(5, multiple: true, isTaken: true)
        #expect(confirms.isComplete)
        #expect(confirms.nacked.sorted() == [0, 2, 5])
    }

    @Test("Open tags: the oldest need one word, others one each, and nothing is said twice")
    func tags() {
        var tags = OpenTags()
        let said = [[1, 2, 3], [5, 7], [5], [4], [6, 8]].map { tags.settle($0) }
        #expect(
            said == [
                [.init(tag: 3, isMultiple: true)],
                [.init(tag: 5, isMultiple: false), .init(tag: 7, isMultiple: false)],
                [],
                [.init(tag: 4, isMultiple: true)],
                [.init(tag: 8, isMultiple: true)],
            ])
        let again = tags.settle(upTo: 8)
        let next = tags.settle(upTo: 9)
        #expect(!again && next)
    }

    @Test("Open tags: whatever the order, every delivery is settled exactly once")
    func tagsSettleOnce() {
        for seed in 0..<200 as Range<UInt64> {
            var random = SeededGenerator(seed: seed)
            var tags = OpenTags()
            var settled: [UInt64: Int] = [:]
            var left = Array(1...40 as ClosedRange<UInt64>).shuffled(using: &random)
            while !left.isEmpty {
                let some = Array(left.prefix(Int.random(in: 1...7, using: &random)))
                left.removeFirst(some.count)
                for step in tags.settle(some) {
                    let reached = step.isMultiple ? (1...step.tag).filter { settled[$0] == nil } : [step.tag]
                    for tag in reached { settled[tag, default: 0] += 1 }
                    if step.isMultiple { #expect(!left.contains { $0 <= step.tag }, "seed \(seed): settled unasked") }
                }
            }
            #expect(settled.count == 40 && settled.values.allSatisfy { $0 == 1 }, "seed \(seed)")
        }
    }

    @Test("Recovery: the wait doubles to its limit, is spread by half, and starts over after a stable connection")
    func recovery() {
        var policy = RecoveryPolicy()
        policy.firstDelay = .milliseconds(200)
        policy.longestDelay = .seconds(2)
        policy.stableAfter = .seconds(10)
        var recovery = Recovery(policy)
        let waits = (1...6).map { _ in recovery.failed(jitter: 1) }
        #expect(waits == [.milliseconds(200), .milliseconds(400), .milliseconds(800), .milliseconds(1600), .seconds(2), .seconds(2)])
        let soonDead = recovery.failed(after: .seconds(3), jitter: 0)
        let longDead = recovery.failed(after: .seconds(10), jitter: 0)
        #expect(soonDead == .seconds(1) && longDead == .milliseconds(100) && recovery.failures == 1)
        let many = (1...100).map { _ in recovery.failed(jitter: 0.999) }
        #expect(many.allSatisfy { $0 <= .seconds(2) })
    }

    @Test(
        "The broker's address is read with user, password and virtual host",
        arguments: [
            ("amqp://a:b@host:5000", "host", 5000, "a", "b", "/", false),
            ("amqp://a:b@host:5000/", "host", 5000, "a", "b", "/", false),
            ("amqps://ledger:p%40ss@broker.school/zvonok", "broker.school", 5671, "ledger", "p@ss", "zvonok", true),
            ("amqp://host/%2F", "host", 5672, "guest", "guest", "/", false),
        ])
    func address(
        _ url: String, _ host: String, _ port: Int, _ user: String, _ password: String, _ virtualHost: String,
        _ isEncrypted: Bool
    ) throws {
        let read = try BrokerConfiguration(url: url, name: "test")
        #expect(read.host == host && read.port == port && read.user == user && read.password == password)
        #expect(read.virtualHost == virtualHost && read.isEncrypted == isEncrypted)
    }

    @Test("A wrong address is refused without showing the password", arguments: ["http://a:secret@b", "secret", "amqp://:secret@"])
    func wrongAddress(_ url: String) {
        let error = #expect(throws: BrokerError.self) { try BrokerConfiguration(url: url, name: "test") }
        #expect(error?.kind == .misconfigured && error?.description.contains("secret") == false)
    }
}

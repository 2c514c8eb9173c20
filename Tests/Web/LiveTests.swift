import Foundation
import Support
import Testing

@testable import Web

@Suite("Live pages") struct LiveTests {
    @Test("between events the stream says that it is still there", .timeLimit(.minutes(5))) func heartbeat() async {
        let (events, source) = AsyncStream<ServerEvent>.makeStream()
        source.yield(ServerEvent("change", "a"))
        let live = LiveStream(events: events, life: .seconds(3600), heartbeat: .milliseconds(20))
        var lines: [String] = []
        for await line in live.lines {
            lines.append(line)
            if lines.filter({ $0 == ": still here\n\n" }).count == 2, lines.contains("event: change\ndata: a\n\n") { break }
        }
        #expect(lines.first == "retry: 2000\n\n")
    }

    @Test("the stream ends with the reader's token, and not before", .timeLimit(.minutes(5))) func life() async {
        let (events, source) = AsyncStream<ServerEvent>.makeStream()
        defer { source.finish() }
        let began = ContinuousClock.now
        for await _ in LiveStream(events: events, life: .milliseconds(100), heartbeat: .seconds(3600)).lines {}
        #expect(ContinuousClock.now - began >= .milliseconds(100))
    }

    @Test("a reader who leaves is forgotten: the events' source hears of it", .timeLimit(.minutes(1))) func leaves() async throws {
        let (events, source) = AsyncStream<ServerEvent>.makeStream()
        let (ended, end) = AsyncStream<Bool>.makeStream()
        source.onTermination = { _ in end.yield(true) }
        let reader = Task {
            for await _ in LiveStream(events: events, life: .seconds(60), heartbeat: .seconds(60)).lines {}
        }
        source.yield(ServerEvent("change", "a"))
        reader.cancel()
        var iterator = ended.makeAsyncIterator()
        #expect(await iterator.next() == true)
    }

    @Test("a frame holds any text: each of its lines is data, none can begin another event") func frames() {
        for text in ["", "a", "a\nb", "a\r\nb", "a\rb", "\n", "event: x\n\ndata: y"] {
            let frame = ServerEvent("change", text).frame
            #expect(frame.hasPrefix("event: change\n") && frame.hasSuffix("\n\n"))
            let body = frame.dropFirst("event: change\n".count).dropLast(2)
            #expect(body.split(separator: "\n", omittingEmptySubsequences: false).allSatisfy { $0.hasPrefix("data: ") }, "\(text)")
        }
    }
}

import Executors
import Foundation
import Logging
import Postgres
import Support
import Synchronization
import Testing

private final class Answer: Sendable {
    let hasCome = Atomic(false)
}

/// Tasks on the threads that hear of sockets themselves.
@Suite(.database([])) struct SocketExecutorTests {
    let watcher = TestDatabase.current.database

    private func open(_ size: Int) -> Database {
        Database(.init(conninfo: TestDatabase.current.conninfo, poolSize: size, applicationName: "sockets"), logger: Logger(label: "test"))
    }

    @Test("many tasks on few connections each get their own answer, statement by statement and in transactions") func crowd() async throws {
        let few = open(4)
        try await withTaskExecutorPreference(SocketExecutor.shared) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in 0..<64 {
                    group.addTask {
                        for turn in 0..<50 {
                            let number = task * 1000 + turn
                            let found =
                                turn % 7 == 0
                                ? try await few.read { try $0.rows("select \(number)", as: Int.self) }
                                : try await few.rows("select \(number)", as: Int.self)
                            #expect(found == [number])
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
        await few.close()
    }

    @Test("tasks that are always ready do not keep those from running whose answers have come") func fairness() async throws {
        let single = open(1)
        _ = try await single.rows("select 1", as: Int.self)
        let answer = Answer()
        try await withTaskExecutorPreference(SocketExecutor.shared) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<20 {
                    group.addTask { while !answer.hasCome.load(ordering: .relaxed) { await Task.yield() } }
                }
                group.addTask {
                    for _ in 0..<20 { _ = try await single.rows("select 1", as: Int.self) }
                    answer.hasCome.store(true, ordering: .relaxed)
                }
                try await group.waitForAll()
            }
        }
        await single.close()
    }

    @Test("what is called from elsewhere runs, however often and however many") func calls() async throws {
        await withTaskExecutorPreference(SocketExecutor.shared) {
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<200 {
                    let signal = CommitSignal()
                    group.addTask { #expect(await signal.wait(upTo: .seconds(120))) }
                    Task.detached { signal.fire() }
                }
            }
        }
    }

    @Test("cancelling the task stops its statement at the server, and the next one works") func cancellation() async throws {
        let single = open(1)
        @Sendable func sleep(_ seconds: Double) async throws { _ = try await single.rows("select pg_sleep(\(seconds)) is not null", as: Bool.self) }
        try await sleep(0)
        let running: SQL =
            "select count(*) from pg_stat_activity where datname = current_database() and application_name = 'sockets' and state = 'active'"
        let task = Task(executorPreference: SocketExecutor.shared) { try await sleep(30) }
        try await eventually { try await watcher.rows(running, as: Int.self) == [1] }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        try await eventually { try await watcher.rows(running, as: Int.self) == [0] }
        #expect(try await single.rows("select 1", as: Int.self) == [1])
        await single.close()
    }
}

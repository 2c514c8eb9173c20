import Foundation
import Logging
import Postgres
import Support
import Testing

/// Single statements that the connection knows already: their task sends them itself and waits without a thread.
@Suite(.database([])) struct AloneTests {
    let watcher = TestDatabase.current.database
    let single = Database(
        .init(conninfo: TestDatabase.current.conninfo, poolSize: 1, applicationName: "alone"), logger: Logger(label: "test"))

    private func sleep(_ seconds: Double) async throws {
        _ = try await single.rows("select pg_sleep(\(seconds)) is not null", as: Bool.self)
    }

    /// Runs the statement once, so that the connection knows it, then once more for long; returns when the server is at it.
    private func sleeping() async throws -> Task<Void, any Error> {
        try await sleep(0)
        let task = Task { try await sleep(30) }
        try await eventually {
            try await watcher.rows(
                "select count(*) from pg_stat_activity where datname = current_database() and application_name = 'alone' and state = 'active'", as: Int.self) == [1]
        }
        return task
    }

    @Test("cancelling the task stops the statement at the server, and the next one works") func cancellation() async throws {
        let task = try await sleeping()
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        try await eventually {
            try await watcher.rows(
                "select count(*) from pg_stat_activity where datname = current_database() and application_name = 'alone' and state = 'active'", as: Int.self) == [0]
        }
        #expect(try await single.rows("select 1", as: Int.self) == [1])
        await single.close()
    }

    @Test("a statement cut off in the middle says that the connection is gone, and the next one works") func cutOff() async throws {
        let task = try await sleeping()
        try await watcher.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'alone' and state = 'active'")
        await #expect { try await task.value } throws: { ($0 as? PostgresError)?.isConnectionLost == true }
        #expect(try await single.rows("select 1", as: Int.self) == [1])
        await single.close()
    }

    @Test("a connection that the server ended while it lay idle is replaced without a word") func idle() async throws {
        try await sleep(0)
        let old = try await single.rows("select pg_backend_pid()", as: Int32.self)
        try await watcher.execute("select pg_terminate_backend(\(old[0]))")
        try await eventually {
            try await watcher.rows("select count(*) from pg_stat_activity where pid = \(old[0])", as: Int.self) == [0]
        }
        try await sleep(0)
        #expect(try await single.rows("select pg_backend_pid()", as: Int32.self) != old)
        await single.close()
    }

    @Test("an error is the statement's own and leaves the connection usable") func failure() async throws {
        func divide(_ number: Int32) async throws -> [Int32] { try await single.rows("select 6 / \(number)", as: Int32.self) }
        #expect(try await divide(2) == [3])
        let session = try await single.rows("select pg_backend_pid()", as: Int32.self)
        await #expect { _ = try await divide(0) } throws: { ($0 as? PostgresError)?.sqlState == "22012" }
        #expect(try await divide(3) == [2])
        #expect(try await single.rows("select pg_backend_pid()", as: Int32.self) == session)
        await single.close()
    }

    @Test("answers and values of many megabytes go through whole") func large() async throws {
        for size in [10, 100_000, 8_000_000, 10] {
            let text = String(repeating: "ж", count: size)
            #expect(try await single.rows("select \(text) || \(text)", as: String.self) == [text + text])
            let counts = try await single.rows("select n from generate_series(1, \(Int32(size / 10))) as n", as: Int32.self)
            #expect(counts.count == size / 10)
        }
        await single.close()
    }

    @Test("many tasks on few connections each get their own answer") func crowd() async throws {
        let few = Database(.init(conninfo: TestDatabase.current.conninfo, poolSize: 4), logger: Logger(label: "test"))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<64 {
                group.addTask {
                    for turn in 0..<50 {
                        let number = task * 1000 + turn
                        let found = try await few.rows("select \(number)", as: Int.self)
                        #expect(found == [number])
                    }
                }
            }
            try await group.waitForAll()
        }
        await few.close()
    }
}

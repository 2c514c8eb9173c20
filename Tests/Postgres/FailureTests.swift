import Foundation
import Logging
import Postgres
import Support
import Synchronization
import Testing

private let counters = [Migrations("test", files: [("001-counter", "create table counter (id bigint primary key, value bigint not null)")])]

private func open(_ conninfo: String, size: Int = 1, wait: Duration = .seconds(5), limit: Duration = .seconds(15)) -> Database {
    Database(
        .init(conninfo: conninfo, poolSize: size, acquireTimeout: wait, statementTimeout: limit), logger: Logger(label: "test"))
}

/// What goes wrong on the way, and what a caller sees of it.
@Suite(.database(counters)) struct FailureTests {
    let database = TestDatabase.current.database
    let conninfo = TestDatabase.current.conninfo

    /// How many sessions are at this statement now.
    private func running(_ start: String) async throws -> Int {
        try await database.rows(
            "select count(*) from pg_stat_activity where datname = current_database() and starts_with(query, \(start)) and state = 'active' and pid <> pg_backend_pid()",
            as: Int.self)[0]
    }

    @Test("a statement over its limit is ended by the server and says so") func statementTimeout() async throws {
        let impatient = open(conninfo, limit: .milliseconds(100))
        await #expect { _ = try await impatient.execute("select pg_sleep(20)") } throws: {
            let error = $0 as? PostgresError
            return error?.isCancelled == true && error?.advice.contains("limit") == true
        }
        #expect(try await impatient.rows("select 1", as: Int.self) == [1])
        await impatient.close()
    }

    @Test("who waits first for a connection gets it first") func fairness() async throws {
        let single = open(conninfo, wait: .seconds(30))
        let order = Guarded<[Int]>([])
        let holder = open(conninfo)
        // The one connection is held by a statement that waits for a lock, until all stand in the queue.
        try await holder.execute("select pg_advisory_lock(78)")
        let blocked = Task { try await single.execute("select pg_advisory_lock(78)") }
        try await eventually { try await running("select pg_advisory_lock(78)") == 1 }
        var tasks: [Task<Void, any Error>] = []
        for number in 0..<10 {
            tasks.append(Task { try await single.transaction { _ in order.value.withLock { $0.append(number) } } })
            try await eventually { single.waiting == number + 1 }
        }
        try await holder.execute("select pg_advisory_unlock(78)")
        _ = try await blocked.value
        for task in tasks { try await task.value }
        #expect(order.value.withLock { $0 } == Array(0..<10))
        await single.close()
        await holder.close()
    }

    @Test("a task cancelled while it waits for a connection leaves the queue at once") func cancelledInQueue() async throws {
        let single = open(conninfo, wait: .seconds(60))
        let slow = Task { try await single.execute("select pg_sleep(30.5)") }
        try await eventually { try await running("select pg_sleep(30.5)") == 1 }
        let waiting = Task { try await single.execute("select 1") }
        try await eventually { single.waiting == 1 }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { _ = try await waiting.value }
        #expect(single.waiting == 0)
        slow.cancel()
        await #expect(throws: CancellationError.self) { _ = try await slow.value }
        #expect(try await single.rows("select 1", as: Int.self) == [1])
        await single.close()
    }

    @Test("a cancelled transaction leaves nothing behind, also when no statement was running") func cancelledBetween() async throws {
        let (database, reached, go) = (database, Boxed<Bool>(false), Boxed<Bool>(false))
        let task = Task {
            try await database.transaction { transaction in
                try transaction.execute("insert into counter values (1, 1)")
                reached.value.store(true, ordering: .sequentiallyConsistent)
                // Busy with something that is no statement: this thread is the connection's own.
                while !go.value.load(ordering: .sequentiallyConsistent) { usleep(1000) }
                try transaction.execute("insert into counter values (2, 2)")
            }
        }
        try await eventually { reached.value.load(ordering: .sequentiallyConsistent) }
        task.cancel()
        go.value.store(true, ordering: .sequentiallyConsistent)
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(try await database.rows("select id from counter", as: Int.self).isEmpty)
    }

    @Test("a deadlock is resolved by running one of the two again") func deadlock() async throws {
        try await database.execute("insert into counter values (1, 0), (2, 0)")
        let database = database
        let attempts = Guarded(0)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (first, second) in [(1, 2), (2, 1)] {
                group.addTask {
                    try await database.transaction { transaction in
                        attempts.value.withLock { $0 += 1 }
                        try transaction.execute("update counter set value = value + 1 where id = \(first)")
                        // Until the other holds his, so that they surely collide the first time.
                        try transaction.execute("select pg_sleep(0.3)")
                        try transaction.execute("update counter set value = value + 1 where id = \(second)")
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(attempts.value.withLock { $0 } >= 3)
        #expect(try await database.rows("select value from counter order by id", as: Int.self) == [2, 2])
    }

    @Test("a transaction is repeated three times and no more") func mostRepeats() async throws {
        let database = database
        let attempts = Guarded(0)
        await #expect { 
            try await database.transaction { transaction in
                attempts.value.withLock { $0 += 1 }
                try transaction.execute("do $$ begin raise exception sqlstate '40001'; end $$")
            }
        } throws: { ($0 as? PostgresError)?.isRetryable == true }
        #expect(attempts.value.withLock { $0 } == 4)
    }

    @Test("an error that was swallowed does not pass for a commit") func swallowed() async throws {
        let signal = CommitSignal()
        await #expect(throws: PostgresError.self) {
            try await database.transaction { transaction in
                transaction.afterCommit(signal)
                try transaction.execute("insert into counter values (1, 1)")
                _ = try? transaction.execute("select 1 / 0")
            }
        }
        #expect(try await database.rows("select id from counter", as: Int.self).isEmpty)
        #expect(await ContinuousClock().measure { await signal.wait(upTo: .milliseconds(60)) } >= .milliseconds(50))
    }

    @Test("a read-only transaction refuses to write") func readOnly() async throws {
        await #expect { try await database.read { try $0.execute("insert into counter values (1, 1)") } } throws: {
            ($0 as? PostgresError)?.sqlState == "25006"
        }
    }

    @Test("savepoints stand inside each other; only the failing one is undone") func nestedSavepoints() async throws {
        try await database.transaction { transaction in
            try transaction.savepoint {
                try transaction.execute("insert into counter values (1, 1)")
                #expect(throws: PostgresError.self) {
                    try transaction.savepoint {
                        try transaction.execute("insert into counter values (2, 2)")
                        try transaction.execute("select 1 / 0")
                    }
                }
                try transaction.execute("insert into counter values (3, 3)")
            }
        }
        #expect(try await database.rows("select id from counter order by id", as: Int.self) == [1, 3])
    }

    @Test("one text with values of different types is prepared for each") func typesOfOneText() async throws {
        let single = open(conninfo)
        func same(_ value: some Bindable) -> SQL { "select \(value)::text" }
        for _ in 0..<3 {
            #expect(try await single.rows(same(7 as Int), as: String.self) == ["7"])
            #expect(try await single.rows(same(8 as Int32), as: String.self) == ["8"])
            #expect(try await single.rows(same("nine"), as: String.self) == ["nine"])
        }
        await single.close()
    }

    @Test("a connection remembers a bounded number of statements, the last used ones") func bounded() async throws {
        let single = open(conninfo)
        for number in 0..<300 {
            _ = try await single.rows("select 1 as kept", as: Int.self)
            _ = try await single.rows("select \(unescaped: "\(number)") as passing", as: Int.self)
        }
        let known = try await single.rows("select count(*), count(*) filter (where statement like '%kept') from pg_prepared_statements", as: Int.self, Int.self)
        #expect(known[0].0 <= 256 && known[0].1 == 1)
        await single.close()
    }

    @Test("a table changed under a prepared statement costs one failure and heals") func outdatedPlan() async throws {
        let single = open(conninfo)
        #expect(try await single.rows("select * from counter", as: Int.self, Int.self).isEmpty)
        try await database.execute("alter table counter add column note text")
        await #expect(throws: PostgresError.self) { _ = try await single.rows("select * from counter", as: Int.self, Int.self) }
        #expect(try await single.rows("select * from counter", as: Int.self, Int.self, String?.self).isEmpty)
        await single.close()
    }

    @Test("a failed pipeline names the failing statement's reason and the connection goes on") func pipelineOnce() async throws {
        let single = open(conninfo)
        let before = try await single.rows("select pg_backend_pid()", as: Int.self)
        await #expect {
            try await single.transaction { transaction in
                try transaction.pipeline(["insert into counter values (1, 1)", "select 1 / 0", "insert into counter values (2, 2)"])
            }
        } throws: { ($0 as? PostgresError)?.sqlState == "22012" }
        #expect(try await single.rows("select pg_backend_pid()", as: Int.self) == before)
        #expect(try await single.rows("select id from counter", as: Int.self).isEmpty)
        await single.close()
    }

    @Test("many rows are written by one statement from arrays") func setBased() async throws {
        let ids = Array(1...5000)
        let values = ids.map { $0 * 2 }
        #expect(try await database.execute("insert into counter select * from unnest(\(ids), \(values))") == 5000)
        #expect(try await database.rows("select sum(value)::bigint from counter where id = any(\(ids))", as: Int.self) == [25_005_000])
    }

    @Test("a transaction cut off in the middle says what the operator should do, and the next one works") func cutOff() async throws {
        let single = open(conninfo)
        let (pid, database) = (Boxed<Int>(0), database)
        let cutter = Task {
            try await eventually { pid.value.load(ordering: .sequentiallyConsistent) != 0 }
            try await database.execute("select pg_terminate_backend(\(Int32(pid.value.load(ordering: .sequentiallyConsistent))))")
        }
        await #expect {
            try await single.transaction { transaction in
                try transaction.execute("insert into counter values (1, 1)")
                pid.value.store(try transaction.first("select pg_backend_pid()", as: Int.self) ?? 0, ordering: .sequentiallyConsistent)
                try transaction.execute("select pg_sleep(30)")
            }
        } throws: { ($0 as? PostgresError)?.isConnectionLost == true && ($0 as? PostgresError)?.advice.isEmpty == false }
        try await cutter.value
        #expect(try await single.rows("select id from counter", as: Int.self).isEmpty)
        await single.close()
    }

    @Test("a closed database refuses at once") func closed() async throws {
        let single = open(conninfo)
        try await single.execute("select 1")
        await single.close()
        await #expect(throws: DatabaseClosed.self) { try await single.execute("select 1") }
    }

    @Test("a signal's wait ends by its time, however short") func shortWaits() async {
        let signal = CommitSignal()
        for _ in 0..<200 { await signal.wait(upTo: .nanoseconds(1)) }
    }
}

/// A server that dies and comes back.
@Suite struct RestartTests {
    @Test("a killed server's connections are replaced once it is back; meanwhile the error says what to do") func restart() async throws {
        let server = try await PrivatePostgres()
        defer { server.remove() }
        let database = open(server.conninfo, size: 3)
        let listened = database.listen("news")
        var news = listened.makeAsyncIterator()
        #expect(await news.next() == "")
        try await database.execute("create table counter (id bigint primary key)")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<3 { group.addTask { try await database.execute("select pg_sleep(0.2)") } }
            try await group.waitForAll()
        }
        try server.kill()
        await #expect {
            try await database.transaction { try $0.execute("insert into counter values (1)") }
        } throws: {
            guard let error = $0 as? PostgresError else { return false }
            return error.isConnectionLost && error.advice.contains("postgres.url")
        }
        try await server.start()
        // No caller after the restart meets a connection from before it.
        for number in 2...8 { _ = try await database.transaction { try $0.execute("insert into counter values (\(number))") } }
        #expect(try await database.rows("select count(*) from counter", as: Int.self) == [7])
        #expect(await news.next() == "")
        try await database.notify("news", "back")
        #expect(await news.next() == "back")
        await database.close()
    }
}

/// An atomic that closures can share.
private final class Boxed<Value: AtomicRepresentable>: Sendable where Value: Sendable {
    let value: Atomic<Value>
    init(_ value: Value) { self.value = Atomic(value) }
}

/// A value under a lock that closures can share.
private final class Guarded<Value: Sendable>: Sendable {
    let value: Mutex<Value>
    init(_ value: Value) { self.value = Mutex(value) }
}

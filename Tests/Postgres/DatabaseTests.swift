import Foundation
import Kernel
import Logging
import Postgres
import Support
import Synchronization
import Testing

private let none: [Migrations] = [Migrations("test", files: [("001-things", "create table thing (id bigint primary key, amount bigint not null constraint thing_amount_positive check (amount > 0))")])]

@Suite(.database(none)) struct DatabaseTests {
    let database = TestDatabase.current.database

    private struct Shape: Codable, Sendable, Equatable {
        var name: String
        var sizes: [Int]
    }

    @Test("every type goes there and comes back, null and array included") func roundTrips() async throws {
        let id = UUID.v7()
        let moment = Date(timeIntervalSince1970: 1_795_000_000.123456)
        let day = try #require(Day("2026-11-20"))
        let time = try #require(TimeOfDay("8:09"))
        let row = try await database.read { transaction in
            try transaction.first(
                """
                select \(Int64.max), \("Ёж «№»"), \(id), \(moment), \(true), \(Double.pi), \(Data([0, 255])), \(Money(kopecks: -12550)),
                    \(day), \(time), \(JSON(Shape(name: "a", sizes: [1, 2]))), \(nil as String?), \([1, nil, 3] as [Int?]), \([] as [String]),
                    \(["а", "", "в"]), \([day]), 7::int4, 8::int2
                """, as: Int64.self, String.self, UUID.self, Date.self, Bool.self, Double.self, Data.self, Money.self, Day.self,
                TimeOfDay.self, JSON<Shape>.self, String?.self, [Int?].self, [String].self, [String].self, [Day].self, Int.self, Int.self)
        }
        let found = try #require(row)
        #expect(found.0 == .max && found.1 == "Ёж «№»" && found.2 == id && abs(found.3.timeIntervalSince(moment)) < 0.000002)
        #expect(found.4 && found.5 == .pi && found.6 == Data([0, 255]) && found.7 == Money(kopecks: -12550))
        #expect(found.8 == day && found.9 == time && found.10.value == Shape(name: "a", sizes: [1, 2]) && found.11 == nil)
        #expect(found.12 == [1, nil, 3] && found.13 == [] && found.14 == ["а", "", "в"] && found.15 == [day] && found.16 == 7 && found.17 == 8)
    }

    @Test("days before and after the server's epoch keep their date") func days() async throws {
        for text in ["1999-12-31", "2000-01-01", "2000-02-29", "1900-03-01", "2100-02-28"] {
            let day = try #require(Day(text))
            let found = try await database.rows("select \(day), \(day)::text", as: Day.self, String.self)
            #expect(found[0].0 == day && found[0].1 == text)
        }
    }

    @Test("SQL stands inside SQL with its values") func composes() async throws {
        let inner: SQL = "select \(2)::bigint as n union select \(3)::bigint"
        let rows = try await database.rows("select n + \(10) from (\(inner)) as inside order by n", as: Int.self)
        #expect(rows == [12, 13])
    }

    @Test("a wrong type or an unexpected null names the column") func mismatch() async throws {
        await #expect { _ = try await database.rows("select 'x'::text as label", as: Int.self) } throws: { error in
            (error as? RowMismatch)?.column == "label"
        }
        await #expect { _ = try await database.rows("select null::text as label", as: String.self) } throws: { error in
            (error as? RowMismatch)?.column == "label"
        }
        await #expect(throws: RowMismatch.self) { _ = try await database.rows("select 1, 2", as: Int.self) }
    }

    @Test("a refused row names its constraint and leaves nothing behind") func constraint() async throws {
        await #expect { 
            try await database.transaction { transaction in
                try transaction.execute("insert into thing values (1, 5)")
                try transaction.execute("insert into thing values (2, 0)")
            }
        } throws: { ($0 as? PostgresError)?.constraint == "thing_amount_positive" }
        #expect(try await database.rows("select id from thing", as: Int.self).isEmpty)
    }

    @Test("a savepoint undoes its own part only") func savepoint() async throws {
        try await database.transaction { transaction in
            try transaction.execute("insert into thing values (1, 5)")
            #expect(throws: PostgresError.self) {
                try transaction.savepoint { try transaction.execute("insert into thing values (1, 6)") }
            }
            try transaction.execute("insert into thing values (3, 7)")
        }
        #expect(try await database.rows("select id from thing order by id", as: Int.self) == [1, 3])
    }

    @Test("a pipeline does all or says which failed") func pipeline() async throws {
        try await database.transaction { transaction in
            try transaction.pipeline((1...200).map { "insert into thing values (\($0), \($0))" })
        }
        #expect(try await database.rows("select count(*) from thing", as: Int.self) == [200])
        await #expect {
            try await database.transaction { transaction in
                try transaction.pipeline(["insert into thing values (300, 1)", "insert into thing values (1, 1)", "insert into thing values (301, 1)"])
            }
        } throws: { ($0 as? PostgresError)?.sqlState == "23505" }
        #expect(try await database.rows("select count(*) from thing", as: Int.self) == [200])
        #expect(try await database.rows("select 1", as: Int.self) == [1])
    }

    @Test("transactions that collide are run again until both are done") func serialization() async throws {
        try await database.execute("insert into thing values (1, 1)")
        let database = database
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    try await database.transaction(.serializable) { transaction in
                        let amount = try transaction.first("select amount from thing where id = 1", as: Int.self) ?? 0
                        try transaction.execute("update thing set amount = \(amount + 1) where id = 1")
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await database.rows("select amount from thing", as: Int.self) == [5])
    }

    @Test("what took a chance and lost it is undone and run again, and knows it; three times at most") func runAgain() async throws {
        try await database.transaction { transaction in
            if transaction.isRepeat {
                #expect(try transaction.rows("select id from thing", as: Int.self).isEmpty)
                try transaction.execute("insert into thing values (2, 1)")
            } else {
                try transaction.execute("insert into thing values (1, 1)")
                do {
                    try transaction.execute("insert into thing values (1, 1)")
                } catch let error as PostgresError where error.isDuplicate {
                    throw RunAgain()
                }
            }
        }
        #expect(try await database.rows("select id from thing", as: Int.self) == [2])
        let runs = Mutex(0)
        await #expect(throws: RunAgain.self) {
            try await database.transaction { _ in
                runs.withLock { $0 += 1 }
                throw RunAgain()
            }
        }
        #expect(runs.withLock { $0 } == 4)
    }

    @Test("work by key has connections of its own, which keep their plans and never read a whole table") func byKey() async throws {
        let own = DatabaseConfiguration(conninfo: TestDatabase.current.conninfo, applicationName: "ledger").byKey("hearing", poolSize: 1)
        let database = Database(own, logger: Logger(label: "test"))
        let found = try await database.rows(
            "select current_setting('application_name'), current_setting('plan_cache_mode'), current_setting('enable_seqscan')",
            as: String.self, String.self, String.self)
        #expect(found.map { [$0.0, $0.1, $0.2] } == [["ledger hearing", "force_generic_plan", "off"]])
        await database.close()
    }

    @Test("cancelling the task stops the statement at the server") func cancellation() async throws {
        let began = ContinuousClock.now
        let task = Task { try await database.rows("select pg_sleep(20)::text", as: String.self) }
        try await eventually { 
            try await database.rows("select count(*) from pg_stat_activity where datname = current_database() and query like 'select pg_sleep(20)%' and state = 'active'", as: Int.self)[0] > 0
        }
        task.cancel()
        await #expect(throws: CancellationError.self) { _ = try await task.value }
        #expect(ContinuousClock.now - began < .seconds(15))
        try await eventually {
            try await database.rows("select count(*) from pg_stat_activity where datname = current_database() and query like 'select pg_sleep(20)%' and state = 'active'", as: Int.self)[0] == 0
        }
    }

    @Test("a connection that the server ended is replaced before its next use") func reconnects() async throws {
        let pid = try await database.rows("select pg_backend_pid()", as: Int.self)[0]
        let other = Database(.init(conninfo: TestDatabase.current.conninfo, poolSize: 1), logger: Logger(label: "test"))
        try await other.execute("select pg_terminate_backend(\(Int32(pid)))")
        try await eventually { try await other.rows("select count(*) from pg_stat_activity where pid = \(pid)", as: Int.self) == [0] }
        #expect(try await database.rows("select 1", as: Int.self) == [1])
        await other.close()
    }

    @Test("the pool hands out in order and says when it is exhausted") func pool() async throws {
        let small = Database(.init(conninfo: TestDatabase.current.conninfo, poolSize: 1, acquireTimeout: .milliseconds(200)), logger: Logger(label: "test"))
        let slow = Task { try await small.execute("select pg_sleep(1.5)") }
        try await eventually {
            try await database.rows("select count(*) from pg_stat_activity where datname = current_database() and query like 'select pg_sleep(1.5)%' and state = 'active'", as: Int.self)[0] == 1
        }
        await #expect(throws: PoolExhausted.self) { try await small.execute("select 1") }
        _ = try await slow.value
        #expect(try await small.rows("select 1", as: Int.self) == [1])
        await small.close()
    }

    @Test("a signal is fired after the commit and never after a rollback") func afterCommit() async throws {
        let (kept, lost) = (CommitSignal(), CommitSignal())
        try await database.transaction { $0.afterCommit(kept); try $0.execute("insert into thing values (1, 1)") }
        struct Stop: Error {}
        await #expect(throws: Stop.self) { try await database.transaction { $0.afterCommit(lost); throw Stop() } }
        let clock = ContinuousClock()
        #expect(await clock.measure { await kept.wait(upTo: .seconds(5)) } < .seconds(2))
        #expect(await clock.measure { await lost.wait(upTo: .milliseconds(100)) } >= .milliseconds(90))
    }

    @Test("a listener hears what is said after a commit, also after its connection broke") func listens() async throws {
        let heard = database.listen("news")
        var iterator = heard.makeAsyncIterator()
        #expect(await iterator.next() == "")
        try await database.notify("news", "one")
        #expect(await iterator.next() == "one")
        try await database.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query = 'LISTEN news'")
        #expect(await iterator.next() == "")
        try await database.notify("news", "two")
        #expect(await iterator.next() == "two")
    }
}

@Suite struct MigrationTests {
    @Test("migrations are applied once, in order, by several copies at once", .database([])) func once() async throws {
        let series = [Migrations("a", files: [("001-one", "create table one ()"), ("002-two", "create table two ()")])]
        let database = TestDatabase.current.database
        await #expect(throws: Migrations.Refused.pending(["a/001-one", "a/002-two"])) { try await Migrations.verify(series, in: database) }
        let applied = try await withThrowingTaskGroup(of: [String].self) { group in
            for _ in 0..<4 { group.addTask { try await Migrations.apply(series, to: database) } }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(applied.sorted() == ["a/001-one", "a/002-two"])
        try await Migrations.verify(series, in: database)
    }

    @Test("a changed, an unknown and a badly named migration are refused", .database([])) func refusals() async throws {
        let database = TestDatabase.current.database
        try await Migrations.apply([Migrations("a", files: [("001-one", "create table one ()"), ("002-two", "create table two ()")])], to: database)
        await #expect(throws: Migrations.Refused.changed("a/001-one")) {
            try await Migrations.verify([Migrations("a", files: [("001-one", "create table other ()"), ("002-two", "create table two ()")])], in: database)
        }
        await #expect(throws: Migrations.Refused.unknown("a/002-two")) {
            try await Migrations.apply([Migrations("a", files: [("001-one", "create table one ()")])], to: database)
        }
        await #expect(throws: Migrations.Refused.badName("b/what")) {
            try await Migrations.apply([Migrations("b", files: [("what", "create table x ()")])], to: database)
        }
    }

    @Test("no service's role can read another's schema", .database([])) func roles() async throws {
        let suffix = String(UUID().uuidString.lowercased().filter { $0.isLetter }.prefix(8))
        let (one, two) = ("alpha_\(suffix)", "beta_\(suffix)")
        let administrator = TestDatabase.current.database
        for _ in 0..<2 { for role in [one, two] { try await Roles.prepare(role, password: "p'w", by: administrator) } }
        let conninfo = TestDatabase.current.conninfo.replacing("user=postgres", with: "")
        func open(_ role: String) -> Database {
            Database(.init(conninfo: "\(conninfo) user=\(role) password='p\\'w'", poolSize: 1), logger: Logger(label: "test"))
        }
        let (first, second) = (open(one), open(two))
        try await first.execute("create table secret (id bigint)")
        #expect(try await first.rows("select current_schema()::text", as: String.self) == [one])
        await #expect { _ = try await second.rows("select id from \(unescaped: one).secret", as: Int.self) } throws: {
            ($0 as? PostgresError)?.sqlState == "42501"
        }
        for forbidden in ["create table public.x ()", "create schema mine", "create role more"] {
            await #expect { try await second.execute("\(unescaped: forbidden)") } throws: { ($0 as? PostgresError)?.sqlState == "42501" }
        }
        await first.close()
        await second.close()
        try await administrator.transaction { try $0.script("drop owned by \(one) cascade; drop owned by \(two) cascade; drop role \(one); drop role \(two)") }
    }
}

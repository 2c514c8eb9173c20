import CoreMetrics
import Foundation
import Logging
import Postgres
import Support
import Testing

/// What an operator sees of a pool before anybody complains.
@Suite(.database([])) struct PoolMetricsTests {
    @Test("the pool says how many connections are in use, how many wait, and how long they waited") func pool() async throws {
        let noted = NotedMetrics()
        let conninfo = TestDatabase.current.conninfo
        let database = withMetricsFactory(noted) {
            Database(
                .init(conninfo: conninfo, poolSize: 1, acquireTimeout: .seconds(30), applicationName: "ledger"),
                logger: Logger(label: "test"))
        }
        #expect(noted.last("zvonok_database_connections_in_use{pool=ledger}") == 0)
        async let slow = database.execute("select pg_sleep(0.3)")
        try await eventually { noted.last("zvonok_database_connections_in_use{pool=ledger}") == 1 }
        async let second = database.execute("select 1")
        try await eventually { noted.last("zvonok_database_waiting{pool=ledger}") == 1 }
        _ = try await (slow, second)
        #expect(noted.last("zvonok_database_waiting{pool=ledger}") == 0)
        try await eventually { noted.last("zvonok_database_connections_in_use{pool=ledger}") == 0 }
        let waits = noted.values("zvonok_database_wait{pool=ledger}")
        #expect(waits.count == 1 && waits[0] > 0 && waits[0] < 30e9)
        await database.close()
    }

    @Test("who could not be given a connection in time is counted") func exhausted() async throws {
        let noted = NotedMetrics()
        let conninfo = TestDatabase.current.conninfo
        let database = withMetricsFactory(noted) {
            Database(
                .init(conninfo: conninfo, poolSize: 1, acquireTimeout: .milliseconds(50), applicationName: "ledger"),
                logger: Logger(label: "test"))
        }
        let slow = Task { try await database.execute("select pg_sleep(30)") }
        try await eventually { noted.last("zvonok_database_connections_in_use{pool=ledger}") == 1 }
        await #expect(throws: PoolExhausted.self) { _ = try await database.execute("select 1") }
        #expect(noted.sum("zvonok_database_pool_exhausted_total{pool=ledger}") == 1)
        #expect(noted.last("zvonok_database_waiting{pool=ledger}") == 0)
        slow.cancel()
        _ = try? await slow.value
        await database.close()
    }

    @Test("every connection that is made is counted: many of them, and something cuts them off") func opened() async throws {
        let noted = NotedMetrics()
        let conninfo = TestDatabase.current.conninfo
        // The pool makes its places as they are needed, where the tests' own factory may no longer be the one in force.
        try await withMetricsFactory(noted) {
            let database = Database(
                .init(conninfo: conninfo, poolSize: 1, applicationName: "ledger"), logger: Logger(label: "test"))
            let session = try await database.rows("select pg_backend_pid()", as: Int.self)[0]
            try await TestDatabase.current.database.execute("select pg_terminate_backend(\(Int32(session)))")
            try await eventually { (try? await database.rows("select pg_backend_pid()", as: Int.self)[0]) ?? session != session }
            #expect(noted.sum("zvonok_database_connections_opened_total{pool=ledger}") == 2)
            await database.close()
        }
    }
}

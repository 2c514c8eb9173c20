import Foundation
import Logging
import Postgres
import Support
import Testing

/// A transaction that only reads does not wait for the server to say that it has ended.
@Suite(.database([])) struct ReadTests {
    let watcher = TestDatabase.current.database
    let single = Database(
        .init(conninfo: TestDatabase.current.conninfo, poolSize: 1, applicationName: "reads"), logger: Logger(label: "test"))

    @Test("it has ended all the same, and its connection serves whatever comes next") func ends() async throws {
        let session = try await single.read { try $0.rows("select pg_backend_pid()", as: Int32.self) }
        try await eventually {
            try await watcher.rows("select state from pg_stat_activity where pid = \(session[0])", as: String.self) == ["idle"]
        }
        for turn in 0..<60 {
            #expect(try await single.read { try $0.rows("select \(turn)", as: Int.self) } == [turn])
            if turn % 2 == 0 { #expect(try await single.rows("select \(turn)", as: Int.self) == [turn]) }
            if turn % 3 == 0 { #expect(try await single.transaction { try $0.rows("select \(turn)", as: Int.self) } == [turn]) }
        }
        #expect(try await single.rows("select pg_backend_pid()", as: Int32.self) == session)
        await single.close()
    }

    @Test("a failure leaves the connection usable, and one that was swallowed does not pass") func failures() async throws {
        await #expect { try await single.read { try $0.execute("select 1 / 0") } } throws: { ($0 as? PostgresError)?.sqlState == "22012" }
        #expect(try await single.rows("select 1", as: Int.self) == [1])
        await #expect(throws: PostgresError.self) { try await single.read { _ = try? $0.execute("select 1 / 0") } }
        #expect(try await single.read { try $0.rows("select 1", as: Int.self) } == [1])
        await single.close()
    }

    @Test("a connection that the server ended after it is replaced without a word", arguments: [true, false])
    func cutOff(inTransaction: Bool) async throws {
        _ = try await single.rows("select 2", as: Int.self)
        let old = try await single.read { try $0.rows("select pg_backend_pid()", as: Int32.self) }
        try await watcher.execute("select pg_terminate_backend(\(old[0]))")
        try await eventually {
            try await watcher.rows("select count(*) from pg_stat_activity where pid = \(old[0])", as: Int.self) == [0]
        }
        let next: [Int] = if inTransaction {
            try await single.read { try $0.rows("select 2", as: Int.self) }
        } else {
            try await single.rows("select 2", as: Int.self)
        }
        #expect(next == [2])
        await single.close()
    }
}

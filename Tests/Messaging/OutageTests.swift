import Events
import Foundation
import Kernel
import Logging
import Postgres
import RabbitMQ
import Support
import Synchronization
import Testing

@testable import Messaging

/// What is down, or only slow, is waited for: nothing is used up and nothing is lost.
@Suite(.database(.messaging, School.table)) struct OutageTests {
    @Test("while the database cannot work nothing is used up, for what came again too") func usedUp() async throws {
        let school = try School()
        let database = school.impatient(.milliseconds(100))
        try await school.declare([bells()])
        let loop = school.loop(bells(), on: database)
        let bell = UUID.v7()
        let delivery = try Delivery.bell(BellRang(bell: bell, version: 1), id: bell, isRedelivered: true)
        let held = Mutex(false)
        async let locked: Void = school.database.transaction { tx in
            try tx.execute("lock table heard in access exclusive mode")
            held.withLock { $0 = true }
            // Longer than eight attempts would take, had each been counted.
            for _ in 0..<15 { try tx.execute("select pg_sleep(0.2)") }
        }
        try await eventually { held.withLock { $0 } }
        await loop.handle(loop.taken([delivery]))
        try await locked
        #expect(try await school.dead().list().map(\.reason) == [])
        #expect(try await school.count("select coalesce(max(times), 0) from attempted") <= 1)
        try await school.clean([bells()])
        await database.close()
    }

    @Test("a message whose statement is always too slow holds up no other") func slowPoison() async throws {
        let school = try School()
        let database = school.impatient(.milliseconds(150))
        let hearing = Hearing(queue: "school.bells", [
            .each(BellRang.self) { bell, tx, _ in
                if bell.event.version == 99 { try tx.execute("select pg_sleep(1)") }
                try tx.execute("insert into heard (bell, version) values (\(bell.event.bell), \(bell.event.version))")
            }
        ])
        try await school.run([hearing], on: database) {
            try await school.database.transaction { tx in
                try school.outbox.publish((90..<110).map { BellRang(bell: .v7(), version: $0) }, in: tx)
            }
            try await eventually { try await school.count("select count(*) from heard") == 19 }
        }
        await database.close()
    }

    @Test("while the database is down messages wait in their queue, and all are handled when it is back") func databaseDown() async throws {
        let server = try await PrivatePostgres()
        defer { server.remove() }
        let database = Database(
            DatabaseConfiguration(conninfo: server.conninfo, poolSize: 3), logger: Logger(label: "test"))
        try await Migrations.apply([.messaging, School.table], to: database)
        let school = try School(on: database)
        try await school.declare([bells(batch: 10)])
        let log = NotedLog()
        let loop = school.loop(bells(batch: 10), log: log)
        let running = Task { try await loop.run() }
        try await school.say((1...50).map { BellRang(bell: .v7(), version: $0) })
        try await eventually { try await school.count("select count(*) from heard") == 50 }
        try server.kill()
        try await school.say((51...150).map { BellRang(bell: .v7(), version: $0) })
        // Taken, and held: nothing goes to wait elsewhere, nothing is parked, the connection to the broker stays.
        let channel = BrokerChannel(school.broker)
        try await eventually { try await channel.state(ofQueue: school.prefix + "school.bells").messages == 0 }
        // Tried in vain again and again: more often than a message at fault would be waited for.
        try await eventually { log.count(of: "messages wait") >= 5 }
        #expect(try await school.levels() == [])
        #expect(try await school.dead().list().isEmpty)
        #expect(loop.status == .connected)
        try await server.start()
        try await eventually { try await school.count("select count(*) from heard") == 150 }
        #expect(try await school.levels() == [])
        await channel.close()
        running.cancel()
        _ = try? await running.value
        try await school.clean([bells()])
        await database.close()
    }

    @Test("two copies share a queue, and no message is handled by both") func competing() async throws {
        let school = try School()
        let one = bells(batch: 10)
        try await school.declare([one])
        // Each copy has a name, as its sessions have.
        let databases = ["one", "two"].map { name in
            var configuration = school.database.configuration
            configuration.applicationName = name
            return Database(configuration, logger: Logger(label: "test"))
        }
        let noting = Hearing(queue: "school.bells", prefetch: 20, batch: 10, [
            .batch(BellRang.self) { events, tx, _ in
                // The same bell twice would break the table's key.
                try tx.execute(
                    """
                    insert into reading (key, body)
                    select current_setting('application_name'), b::text from unnest(\(events.map(\.event.bell))) as b
                    """)
                try tx.execute(
                    "insert into heard (bell, version) select * from unnest(\(events.map(\.event.bell)), \(events.map(\.event.version)))")
            }
        ])
        let loops = databases.map { school.loop(noting, on: $0) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for loop in loops { group.addTask { try await loop.run() } }
            try await eventually { loops.allSatisfy { $0.status == .connected } }
            try await school.say((1...2000).map { BellRang(bell: .v7(), version: $0) })
            try await eventually { try await school.count("select count(*) from heard") == 2000 }
            group.cancelAll()
        }
        #expect(try await school.count("select count(distinct body) from reading") == 2000)
        #expect(try await school.count("select count(*) from reading") == 2000)
        #expect(try await school.count("select count(distinct key) from reading") == 2)
        #expect(try await school.dead().list().isEmpty)
        try await school.clean([one])
        for database in databases { await database.close() }
    }

    @Test("what was heard is remembered for thirty-five days, and what is older is forgotten in slices") func sweep() async throws {
        let school = try School()
        try await school.database.execute(
            """
            insert into inbox select 'q', gen_random_uuid(), now() - make_interval(days => case when n <= 25 then 36 else 34 end)
            from generate_series(1, 30) as n
            """)
        try await school.database.execute(
            "insert into attempted select 'q', gen_random_uuid(), 3, now() - make_interval(days => n) from unnest(array[6, 8]) as n")
        try await school.database.execute(
            """
            insert into republished select r, 'q', gen_random_uuid(), now() - make_interval(days => n)
            from unnest(array[34, 36], array[gen_random_uuid(), gen_random_uuid()]) as run (n, r)
            """)
        #expect(try await InboxSweeper(school.database).sweep(slice: 10) == 25)
        #expect(try await school.count("select count(*) from inbox") == 5)
        #expect(try await school.count("select count(*) from inbox where seen_at < now() - interval '35 days'") == 0)
        #expect(try await school.count("select count(*) from attempted") == 1)
        #expect(try await school.count("select count(*) from republished") == 1)
    }
}

import Events
import Foundation
import Kernel
import Logging
import Messaging
import Postgres
import RabbitMQ
import Support
import Testing

@Suite(.database(.messaging, School.table)) struct MessagingTests {
    @Test("what is said in a transaction is heard once, and what is rolled back never") func saidAndHeard() async throws {
        let school = try School()
        try await school.run([bells()]) {
            let bell = UUID.v7()
            struct Stop: Error {}
            try await school.database.transaction { try school.outbox.publish(BellRang(bell: bell, version: 1), in: $0) }
            await #expect(throws: Stop.self) {
                try await school.database.transaction { transaction in
                    try school.outbox.publish(BellRang(bell: bell, version: 2), in: transaction)
                    throw Stop()
                }
            }
            try await eventually { try await school.count("select count(*) from heard") == 1 }
            try await eventually { try await school.count("select count(*) from outbox") == 0 }
        }
    }

    @Test("the order of an aggregate holds under concurrent writers") func order() async throws {
        let school = try School()
        let all = (0..<5).map { _ in UUID.v7() }
        try await school.run([bells()]) {
            try await school.database.execute("insert into writer select b, 0 from unnest(\(all)) as b")
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<40 {
                    group.addTask {
                        for step in 0..<5 {
                            let bell = all[(writer + step) % all.count]
                            try await school.database.transaction { transaction in
                                // The aggregate's row is locked first: that is what makes the order.
                                let version = try transaction.first(
                                    "update writer set version = version + 1 where bell = \(bell) returning version", as: Int64.self) ?? Int64(0)
                                try school.outbox.publish(BellRang(bell: bell, version: version), in: transaction)
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            try await eventually { try await school.count("select count(*) from heard") == 200 }
            let wrong = try await school.count(
                "select count(*) from (select version, lag(version) over (partition by bell order by id) as before from heard) as h where version <> before + 1")
            #expect(wrong == 0)
        }
    }

    @Test("a relay that dies between confirm and delete says everything again, and the inbox drops it") func repeats() async throws {
        let school = try School()
        try await school.run([bells()]) {
            try await school.database.transaction { transaction in
                try school.outbox.publish((1...50).map { BellRang(bell: .v7(), version: $0) }, in: transaction)
            }
            try await eventually { try await school.count("select count(*) from heard") == 50 }
            // What a crash leaves behind: the same rows, with the same identifiers, once more.
            try await school.database.execute(
                """
                insert into outbox (event_id, exchange, routing_key, type, body)
                select message_id, \(school.prefix + "school.events"), \(BellRang.name), \(BellRang.name), '{}' from inbox
                """)
            try await eventually { try await school.count("select count(*) from outbox") == 0 }
            let last = UUID.v7()
            try await school.database.transaction { try school.outbox.publish(BellRang(bell: last, version: 1), in: $0) }
            try await eventually { try await school.count("select count(*) from heard where bell = \(last)") == 1 }
            #expect(try await school.count("select count(*) from heard") == 51)
        }
    }

    @Test("whether the inbox remembers: one who has keys of his own is told a repeat again, any other is not", arguments: [true, false])
    func remembers(_ remembers: Bool) async throws {
        let school = try School()
        let hearing = Hearing(queue: "school.bells", remembers: remembers, [
            .batch(BellRang.self) { events, tx, _ in
                // The bell is the key; how often it was told is counted.
                for event in events.map(\.event) {
                    try tx.execute(
                        """
                        insert into state values (\(event.bell), 1, false)
                        on conflict (bell) do update set version = state.version + 1
                        """)
                }
            }
        ])
        try await school.run([hearing]) {
            // What is said is kept beside, for the outbox forgets it.
            try await school.database.transaction { transaction in
                try transaction.script(
                    """
                    create table said as select event_id, exchange, routing_key, type, body from outbox where false;
                    create function keep_said() returns trigger language plpgsql as $$
                    begin
                        insert into said values (new.event_id, new.exchange, new.routing_key, new.type, new.body);
                        return null;
                    end $$;
                    create trigger is_said after insert on outbox for each row execute function keep_said()
                    """)
                try school.outbox.publish(BellRang(bell: .v7(), version: 1), in: transaction)
            }
            try await eventually { try await school.count("select count(*) from state") == 1 }
            // The same message once more, and another behind it.
            try await school.database.execute(
                "insert into outbox (event_id, exchange, routing_key, type, body) select event_id, exchange, routing_key, type, body from said")
            try await eventually { try await school.count("select count(*) from outbox") == 0 }
            try await school.database.transaction { try school.outbox.publish(BellRang(bell: .v7(), version: 2), in: $0) }
            try await eventually { try await school.count("select count(*) from state") == 2 }
            #expect(try await school.count("select max(version) from state") == (remembers ? 1 : 2))
            #expect(try await school.count("select count(*) from inbox") == (remembers ? 2 : 0))
        }
    }

    @Test("a poisonous message is parked with its reason and holds up no other; it can be shown, replayed and dropped") func poison() async throws {
        let school = try School()
        try await school.run([bells()]) {
            try await school.database.transaction { transaction in
                try school.outbox.publish((1...40).map { BellRang(bell: .v7(), version: $0 == 20 ? 666 : $0) }, in: transaction)
                try transaction.execute(
                    """
                    insert into outbox (event_id, exchange, routing_key, type, body)
                    values (\(UUID.v7()), \(school.prefix + "school.events"), \(BellRang.name), \(BellRang.name), 'no json')
                    """)
            }
            try await eventually { try await school.count("select count(*) from heard") == 39 }
            let dead = DeadLetters(queue: "school.bells", prefix: school.prefix, broker: school.broker)
            try await eventually { try await dead.list().count == 2 }
            let cursed = try #require(try await dead.list().first { $0.reason == "a cursed bell" })
            #expect(cursed.type == BellRang.name && cursed.body.contains("\"version\":666"))
            #expect(try await dead.show(cursed.id) == cursed)
            #expect(try await dead.list().contains { $0.reason.contains("not a readable") })
            #expect(try await dead.replay(cursed.id) == 1)
            try await eventually { try await dead.list().first { $0.id == cursed.id }?.attempts == 2 }
            #expect(try await dead.drop() == 2)
            #expect(try await dead.list().isEmpty)
        }
    }

    @Test("a message that comes too early waits at a retry level and is handled when its time has come") func notYet() async throws {
        let school = try School()
        try await school.run([bells()]) {
            let early = UUID.v7()
            try await school.database.transaction { try school.outbox.publish(BellRang(bell: early, version: 404), in: $0) }
            try await eventually { try await school.count("select count(*) from outbox") == 0 }
            try await school.database.transaction { try school.outbox.publish(BellRang(bell: .v7(), version: 1), in: $0) }
            try await eventually { try await school.count("select count(*) from heard where bell = \(early)") == 1 }
        }
    }

    @Test("a hearing with two lanes has two transactions under way, and each message is handled once") func lanes() async throws {
        let school = try School()
        let hearing = Hearing(queue: "school.bells", batch: 5, lanes: 2, [
            .batch(BellRang.self) { events, tx, _ in
                // The first waits for the second's commit, which it would never see with a lane alone.
                var looks = 0
                while events.contains(where: { $0.event.version == 1 }),
                    try (tx.first("select count(*) from heard where version = 2", as: Int.self) ?? 0) == 0 {
                    looks += 1
                    if looks > 200 { throw Unacceptable("nothing else was handled meanwhile") }
                    try tx.execute("select pg_sleep(0.05)")
                }
                try tx.execute(
                    "insert into heard (bell, version) select * from unnest(\(events.map(\.event.bell)), \(events.map(\.event.version)))")
            }
        ])
        try await school.run([hearing]) {
            try await school.say([BellRang(bell: .v7(), version: 1)])
            try await eventually {
                try await school.count(
                    """
                    select count(*) from pg_stat_activity
                    where query like '%pg_sleep(0.05)%' and datname = current_database() and pid <> pg_backend_pid()
                    """) > 0
            }
            try await school.say((2...200).map { BellRang(bell: .v7(), version: $0) })
            try await eventually { try await school.count("select count(*) from heard") == 200 }
            #expect(try await school.count("select count(distinct version) from heard") == 200)
            #expect(try await school.dead().list().isEmpty)
        }
    }

    @Test("said to nobody is caught by the alternate exchange; a command without a receiver fails visibly and holds up nothing")
    func unroutable() async throws {
        let school = try School()
        try await school.run([bells()]) {
            try await school.database.transaction { transaction in
                try school.outbox.publish(RingBell(bell: .v7()), in: transaction)
                try school.outbox.publish(BellRang(bell: .v7(), version: 1), in: transaction)
                try transaction.execute(
                    "insert into outbox (event_id, exchange, routing_key, type, body) values (\(UUID.v7()), \(school.prefix + "school.events"), 'school.nobody.hears.v1', 'x', '{}')")
            }
            try await eventually { try await school.count("select count(*) from heard") == 1 }
            try await eventually { try await school.count("select count(*) from outbox where failure = 'no queue takes it'") == 1 }
            #expect(try await school.count("select count(*) from outbox") == 1)
            let channel = BrokerChannel(school.broker)
            let lost = try await channel.get(from: school.prefix + "unrouted")
            #expect(lost?.routingKey == "school.nobody.hears.v1")
            await channel.close()
        }
    }

    @Test("a higher epoch beats any version of a lower one") func epochs() {
        let old = Received(BellRang(bell: UUID(), version: 1_000_000), epoch: 1)
        let restored = Received(BellRang(bell: UUID(), version: 3), epoch: 2)
        #expect(restored.version > old.version)
        #expect(Received(BellRang(bell: UUID(), version: 4), epoch: 2).version > restored.version)
    }
}

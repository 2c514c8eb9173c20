import Events
import Foundation
import Kernel
import Logging
import Messaging
import Postgres
import RabbitMQ
import Support
import Testing

/// The way from the outbox to the broker: one relay at a time, the order of each aggregate, and an honest age.
@Suite(.database(.messaging, School.table)) struct RelayTests {
    @Test("the second relay takes over when the first goes, and not before") func twoRelays() async throws {
        let school = try School()
        try await school.declare([bells()])
        let first = school.relay()
        let second = school.relay()
        _ = try await first.carry()
        try await school.database.transaction { try school.outbox.publish(BellRang(bell: .v7(), version: 1), in: $0) }
        #expect(try await second.carry() == 0)
        #expect(try await first.carry() == 1)
        let running = Task { try await first.run() }
        running.cancel()
        _ = try? await running.value
        try await school.database.transaction { try school.outbox.publish(BellRang(bell: .v7(), version: 1), in: $0) }
        try await eventually { try await second.carry() == 1 }
        try await school.clean([bells()])
    }
}

import Events
import Foundation
import Instrumentation
import Kernel
import Postgres
import RabbitMQ
import ServiceContextModule
import Support
import Testing

@testable import Messaging

/// Carries a `traceparent` as it is; for the whole process, because that is how instruments are set up.
private struct Carrier: Instrument {
    enum Key: ServiceContextKey { typealias Value = String }

    static let installed: Void = InstrumentationSystem.bootstrap(Carrier())

    func extract<C, E: Extractor>(_ carrier: C, into context: inout ServiceContext, using extractor: E) where E.Carrier == C {
        context[Key.self] = extractor.extract(key: "traceparent", from: carrier)
    }

    func inject<C, I: Injector>(_ context: ServiceContext, into carrier: inout C, using injector: I) where I.Carrier == C {
        if let value = context[Key.self] { injector.inject(value, forKey: "traceparent", into: &carrier) }
    }
}

/// One story from the press of a button to its last consequence.
@Suite(.database(.messaging, School.table)) struct TracingTests {
    init() { Carrier.installed }

    private struct Said: Decodable {
        let type: String
        let traceparent: String?
        let correlationid: String?
        let causationid: String?
    }

    private func said(_ school: School) async throws -> [Said] {
        try await school.database.rows("select body from outbox order by seq", as: Bytes.self)
            .map { try JSONDecoder().decode(Said.self, from: Data($0.bytes)) }
    }

    private static let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    @Test("what is said while a message is handled belongs to its trace and names it as its cause") func each() async throws {
        let school = try School()
        let hearing = Hearing(queue: "school.bells", [
            .each(BellRang.self) { bell, tx, outbox in
                #expect(ServiceContext.current?[Carrier.Key.self] == bell.cause.traceParent)
                try outbox.publish(WindowBroke(bell: bell.event.bell), in: tx)
            }
        ])
        let other = "00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        let deliveries = [
            try Delivery.bell(
                BellRang(bell: .v7(), version: 1), cause: Cause(correlationID: "the button", traceParent: Self.trace)),
            try Delivery.bell(BellRang(bell: .v7(), version: 1), cause: Cause(traceParent: other)),
            try Delivery.bell(BellRang(bell: .v7(), version: 1)),
        ]
        let loop = school.loop(hearing)
        await loop.handle(loop.taken(deliveries))
        let said = try await said(school)
        #expect(said.map(\.traceparent) == [Self.trace, other, nil])
        #expect(said.map(\.causationid) == deliveries.map(\.messageID))
        #expect(said.map(\.correlationid) == ["the button", deliveries[1].messageID, deliveries[2].messageID])
        #expect(ServiceContext.current?[Carrier.Key.self] == nil)
    }

    @Test("of a batch each message is a cause of its own; one that comes alone is the cause of all") func batch() async throws {
        let school = try School()
        let hearing = Hearing(queue: "school.bells", [
            .batch(BellRang.self) { bells, tx, outbox in
                try outbox.publish(each: bells.map { (WindowBroke(bell: $0.event.bell), $0.cause) }, in: tx)
                try outbox.publish(RingBell(bell: .v7()), in: tx)
            }
        ])
        let loop = school.loop(hearing)
        let one = try Delivery.bell(BellRang(bell: .v7(), version: 1), cause: Cause(traceParent: Self.trace))
        let two = try Delivery.bell(BellRang(bell: .v7(), version: 1))
        await loop.handle(loop.taken([one]))
        #expect(try await said(school).map(\.traceparent) == [Self.trace, Self.trace])
        try await school.database.execute("delete from outbox")
        try await school.database.execute("delete from inbox")
        await loop.handle(loop.taken([one, two]))
        #expect(try await said(school).map(\.traceparent) == [Self.trace, nil, nil])
        #expect(try await said(school).map(\.causationid) == [one.messageID, two.messageID, nil])
    }
}

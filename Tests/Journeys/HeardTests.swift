import Events
import Messaging
import RabbitMQ
import Service
import Support
import Testing

@testable import Access
@testable import Canteen
@testable import Identity
@testable import Journal
@testable import Ledger
@testable import Notifier

/// Design §4: the queue `unrouted` must stay empty, so every fact has a listener or is known to have none.
@Suite struct HeardTests {
    @Test("every fact is heard by somebody, or stands on the list of those that nobody hears yet; every command has its service", .database(LedgerService.migrations))
    func heard() async throws {
        var facts: Set<String> = []
        var commands: Set<String> = []
        let told = Set(EventCatalogue.all.map { $0.name })
        func add<S: SchoolService>(_ service: S.Type) async throws {
            var own: Set<String> = []
            for hearing in S.hearings(try await S.parts(database: TestDatabase.current.database)) {
                let topology = hearing.topology
                own.formUnion(topology.bindings.filter { $0.exchange == "school.events" }.map(\.key))
                commands.formUnion(topology.bindings.filter { $0.exchange == "school.commands" }.map(\.key))
            }
            facts.formUnion(own)
            // What the document says of it, and what the rule that no name reaches Ledger goes by.
            let documented = try #require(EventCatalogue.listeners.first { $0.service == S.name })
            #expect(Set(documented.facts.map { $0.name }) == own.intersection(told), "\(S.name) hears other facts than the catalogue says")
        }
        try await add(IdentityService.self)
        try await add(LedgerService.self)
        try await add(CanteenService.self)
        try await add(AccessService.self)
        try await add(JournalService.self)
        try await add(NotifierService.self)
        for event in EventCatalogue.all {
            if event is any Command.Type {
                #expect(commands.contains(event.name), "nobody takes \(event.name)")
            } else {
                #expect(facts.contains(event.name) != Topology.unheard.contains(event.name), "\(event.name)")
            }
        }
    }
}

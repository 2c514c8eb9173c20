import ArgumentParser
import Configuration
import Directory
import Events
import Foundation
import Kernel
import Messaging
import Postgres
import Service
import ServiceLifecycle
import Web

/// Gates and cards: who has which card, who passed when, who is inside.
///
/// Hears what hardware says on `school.edge`, and of people from Identity; serves «Attendance» to families, the guard's desk, and the
/// devices' page to operators.
@main struct AccessService: SchoolService {
    static let name = "access"
    static let bundle = Bundle.module

    /// Wakes this copy's live pages.
    static let passagesHeard = Broadcast()
    private static let channel = "access_passages"

    static let settings: [Setting] = [
        Setting("rabbitmq.management", "Address of the broker's management API with user and password; device users are kept there", isSecret: true)
    ]

    static func main() async { await run() }

    static func hearings(_ parts: Parts) -> [Hearing] {
        [
            DirectoryParts.hearing(queue: "access.directory"), WhenPupilIsTransferred.hearing, WhatIsKept.hearing,
            Hearing(
                queue: "access.people",
                [
                    .batch(PersonChanged.self) { people, tx, outbox in
                        // Applied here too: this queue may be ahead of the directory's.
                        try Directory.apply(people.map { Told($0.event, epoch: $0.epoch) }, in: tx)
                        try ImportCards.applyWaiting(for: people.compactMap(\.event.rosterNumber), in: tx, outbox: outbox)
                    }
                ]),
            Hearing(
                queue: "access.edge", exchange: .edge, order: .single, prefetch: 600, batch: 300,
                afterBatch: { database in
                    // After the commit, for the pages that are open in every copy.
                    try? await database.notify(channel)
                },
                [.raw(routingKey: "device.*.reading") { try WhenReadingArrives.react(to: $0, in: $1, outbox: $2) }]),
        ]
    }

    static func routes(_ parts: Parts) -> RouteBook { AccessRoutes(parts: parts, users: brokerUsers(parts)).book }

    static let republications: [Republication] = [
        .of(CardChanged.self) { tx, after, limit in try Card.page(after: after, limit: limit, in: tx).map(\.changed) },
        .of(DeviceChanged.self) { tx, after, limit in
            try Device.page(after: after, limit: limit, in: tx).map {
                DeviceChanged(
                    deviceID: $0.id, version: $0.version, schoolID: $0.schoolID, name: $0.name, place: $0.place, ended: $0.isEnded)
            }
        },
    ]

    static func work(_ parts: Parts) -> [any ServiceLifecycle.Service] {
        var work: [any ServiceLifecycle.Service] = [
            Listening(stream: parts.database.listen(channel), broadcast: passagesHeard)
        ]
        if let users = brokerUsers(parts) { work.append(users) }
        return work
    }

    static let commands: [any AsyncParsableCommand.Type] = [
        RegisterDeviceCommand.self, ImportCardsCommand.self, ImportLogCommand.self,
    ]

    /// The keeper of device users, where the broker's management is configured.
    static func brokerUsers(_ parts: Parts) -> BrokerUsers? {
        guard let address = parts.configuration.string(forKey: "rabbitmq.management", isSecret: true).flatMap(URL.init(string:))
        else { return nil }
        return BrokerUsers(
            database: parts.database, management: address, virtualHost: "/", edgeExchange: parts.outbox.prefix + "school.edge",
            logger: parts.logger)
    }
}

/// Tells everyone in this process who waits; nobody misses more than he can read again.
final class Broadcast: Sendable {
    private let waiting = Streams()

    func subscribe() -> AsyncStream<Void> { waiting.add() }
    func fire() { waiting.yield() }
}

/// Carries other copies' words to this copy's live pages.
struct Listening: ServiceLifecycle.Service {
    let stream: AsyncStream<String>
    let broadcast: Broadcast

    func run() async throws {
        await cancelWhenGracefulShutdown {
            for await _ in stream { broadcast.fire() }
        }
    }
}

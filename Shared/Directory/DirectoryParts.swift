import Events
import Foundation
import Kernel
public import Messaging
public import Postgres

/// What a service takes on to know people: its tables and the queue that fills them.
public enum DirectoryParts {
    /// The tables of `Directory`, for the service's schema.
    public static let migrations = Migrations("directory", in: .module)

    /// Hears from Identity about schools, classes, pupils, rights, keys and ended sessions.
    ///
    /// - Parameters:
    ///   - queue: `canteen.directory`.
    ///   - names: Whether the names of people are heard and stored; Ledger says no.
    public static func hearing(queue: String, names: Bool = true) -> Hearing {
        var subscriptions: [Subscription] = [
            state(SchoolChanged.self, table: "directory_school") { try Directory.apply($0, in: $1) },
            state(ClassChanged.self, table: "directory_class") { try Directory.apply($0, in: $1) },
            state(PupilChanged.self, table: "directory_pupil") { try Directory.apply($0, in: $1) },
            rights,
            state(SigningKeyChanged.self, table: "directory_signing_key") { try Directory.apply($0, in: $1) },
            .batch(SessionEnded.self, neverSkip: true) { received, tx, _ in
                try Directory.apply(ended: received.map(\.event), in: tx)
            },
        ]
        if names {
            subscriptions.append(
                state(PersonChanged.self, table: "directory_person") { try Directory.apply($0, in: $1) })
        }
        return Hearing(queue: queue, subscriptions)
    }

    /// Until such a message is applied its person is answered «access is being updated», so it is never given up.
    private static var rights: Subscription {
        .batch(
            RightsChanged.self, neverSkip: true,
            endUnnamed: { run, tx in try endUnnamedRights(run, tx) },
            { received, tx, _ in
                try Directory.apply(received.map { Told($0.event, epoch: $0.epoch, at: $0.time) }, in: tx)
            })
    }

    private static func state<E: VersionedEvent>(
        _ type: E.Type, table: String,
        _ apply: @escaping @Sendable ([Told<E>], borrowing Transaction) throws -> Void
    ) -> Subscription {
        .batch(
            type,
            endUnnamed: { run, tx in try end(table, unnamedIn: run, in: tx) },
            { received, tx, _ in
                try apply(received.map { Told($0.event, epoch: $0.epoch, at: $0.time) }, tx)
            })
    }

    static func endUnnamedRights(_ run: UUID, _ tx: borrowing Transaction) throws {
        try end("directory_rights", unnamedIn: run, in: tx)
        try tx.execute(
            """
            delete from directory_guardianship g using directory_rights r where r.id = g.guardian_id and r.ended
            """)
    }

    /// Ends what its owner did not name when it named everything, but not what it said after it had begun.
    static func end(_ table: String, unnamedIn run: UUID, in tx: borrowing Transaction) throws {
        guard let begun = run.moment else { return }
        try tx.execute(
            """
            update \(unescaped: table) set ended = true
            where not ended and told_at < \(begun)
                and id not in (select aggregate_id from republished where run_id = \(run))
            """)
    }
}

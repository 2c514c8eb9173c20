import Events
import Messaging
import RabbitMQ

extension SchoolService {
    /// What the service needs in the broker: its queues, its user and what that user may say.
    static func topology(_ parts: Parts) throws -> Topology {
        let hearings = hearings(parts)
        var topology = Topology.shared
        for hearing in hearings { topology = try topology.merging(hearing.topology) }
        let commands = EventCatalogue.commands.filter { $0.senders.contains(name) }.map { $0.command.name }
        let user = Topology.user(
            of: name, passwordHash: PasswordHash.make(parts.broker.password, user: name), queues: hearings.map(\.queue),
            commands: commands)
        return try topology.merging(user).prefixed(by: parts.outbox.prefix)
    }
}

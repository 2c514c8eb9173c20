import Crypto
import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// An operator brings a turnstile or terminal into service: it gets a name, a password, and a broker user that may
/// say only what this device may say.
struct RegisterDevice {
    let school: UUID
    let name: String
    let place: String
    let direction: Direction?

    enum Refused: Error, Equatable {
        /// Small Latin letters, digits and hyphens: the name stands in a routing key and an MQTT topic.
        case unfitName
        case nameTaken
        case noPlace
    }

    /// What the installer types into the device, shown once and never stored.
    struct Credentials: Sendable, Codable, Equatable {
        let deviceID: UUID
        let user: String
        let password: String
        let mqttTopic: String
        let exchange: String
        let routingKey: String
    }

    func run(in transaction: borrowing Transaction, outbox: Outbox) throws -> Credentials {
        guard name.wholeMatch(of: /[a-z0-9][a-z0-9-]{1,40}/) != nil else { throw Refused.unfitName }
        guard !place.isEmpty else { throw Refused.noPlace }
        let password = BrokerPassword.make()
        let id = UUID.v7()
        do {
            try transaction.savepoint {
                _ = try transaction.execute(
                    """
                    insert into device (id, school_id, name, place, direction, password_hash)
                    values (\(id), \(school), \(name), \(place), \(direction?.rawValue), \(BrokerPassword.hash(password)))
                    """)
            }
        } catch let error as PostgresError where error.constraint == "device_name_is_unique" {
            throw Refused.nameTaken
        }
        try outbox.publish(
            DeviceChanged(deviceID: id, version: 1, schoolID: school, name: name, place: place, ended: false),
            in: transaction)
        return Credentials(
            deviceID: id, user: name, password: password, mqttTopic: "device/\(name)/reading", exchange: "school.edge",
            routingKey: "device.\(name).reading")
    }
}

/// A device leaves service; its broker user goes with it.
struct RetireDevice {
    let device: UUID

    /// Gives its name, nil when there is no such device.
    func run(in transaction: borrowing Transaction, outbox: Outbox) throws -> String? {
        let retired = try transaction.first(
            """
            update device set ended = true, version = version + 1 where id = \(device) and not ended
            returning name, version, school_id, place
            """, as: String.self, Int64.self, UUID.self, String.self)
        guard let (name, version, school, place) = retired else { return nil }
        try outbox.publish(
            DeviceChanged(deviceID: device, version: version, schoolID: school, name: name, place: place, ended: true),
            in: transaction)
        return name
    }
}

/// Passwords as the broker keeps them: SHA-256 over a salt of four bytes and the password, with the salt before it.
enum BrokerPassword {
    /// A new one of 160 random bits, letters and digits only, because it is typed on small keyboards.
    static func make() -> String {
        let alphabet = Array("abcdefghijkmnpqrstuvwxyz23456789")
        return String((0..<32).map { _ in alphabet[Int.random(in: 0..<alphabet.count)] })
    }

    static func hash(_ password: String) -> String {
        let salt = (0..<4).map { _ in UInt8.random(in: .min ... .max) }
        return Data(salt + SHA256.hash(data: salt + Array(password.utf8))).base64EncodedString()
    }
}

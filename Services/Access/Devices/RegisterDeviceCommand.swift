import ArgumentParser
import Foundation
import Postgres
import Service

/// `access register-device --name gate-1 --place «Главный вход»`
struct RegisterDeviceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "register-device",
        abstract: "Bring a device into service; prints its credentials as JSON, once.")

    @OptionGroup var options: ServiceOptions
    @Option(help: "Its name at the broker: small Latin letters, digits, hyphens.") var name: String
    @Option(help: "Where it stands, as people say it.") var place: String
    @Option(help: "The school's name; not needed where there is one.") var school: String?
    @Option(help: "entered or left, if there is only one way through it.") var direction: String?

    func run() async throws {
        let (name, place, school) = (name, place, school)
        let way = direction.flatMap(Direction.init(rawValue:))
        if direction != nil, way == nil { throw ValidationError("--direction is entered or left") }
        let credentials = try await withParts(of: AccessService.self, options) { parts in
            let id = try await chosenSchool(school, parts.database)
            let outbox = parts.outbox
            let credentials = try await parts.database.transaction {
                try RegisterDevice(school: id, name: name, place: place, direction: way).run(in: $0, outbox: outbox)
            }
            if let users = AccessService.brokerUsers(parts) { try await users.reconcile() }
            return credentials
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        print(String(decoding: try encoder.encode(credentials), as: UTF8.self))
    }
}

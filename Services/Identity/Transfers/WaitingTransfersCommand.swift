import ArgumentParser
import Events
import Foundation
import Kernel
import Messaging
import Postgres
import Service

/// `identity waiting-transfers [--minutes N] [--ask-again]`
struct WaitingTransfersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "waiting-transfers",
        abstract: "Transfers of pupils in which a service has not answered yet.",
        discussion: """
            One line each: the transfer, how far it is, since when it waits and for which services. With --ask-again the transfer \
            is said once more, so that a service that lost it answers; what has answered already changes nothing.
            """)

    @OptionGroup var options: ServiceOptions

    @Option(help: "Only those that have waited so many minutes.")
    var minutes = 5

    @Flag(help: "Ask the services that are missing once more.")
    var askAgain = false

    func run() async throws {
        let (now, before, asks) = (Date(), Date(timeIntervalSinceNow: -60 * Double(minutes)), askAgain)
        let lines = try await withParts(of: IdentityService.self, options) { parts -> [String] in
            let waiting = try await parts.database.read { try WaitingTransfer.all(before: before, in: $0) }
            var lines: [String] = []
            for one in waiting {
                var line = "\(one.id.text) \(one.state.rawValue) since \(one.since.iso8601) waits for "
                line += one.missing.map(\.rawValue).joined(separator: ", ")
                if asks {
                    let (outbox, command) = (parts.outbox, AskPartsAgain(id: one.id, by: nil, now: now))
                    do {
                        try await parts.database.transaction { try command.run(in: $0, outbox) }
                        line += ": asked again"
                    } catch let refused as TransferRefused {
                        line += ": " + refused.text
                    }
                }
                lines.append(line)
            }
            return lines
        }
        print(lines.isEmpty ? "Every service has answered." : lines.joined(separator: "\n"))
    }
}

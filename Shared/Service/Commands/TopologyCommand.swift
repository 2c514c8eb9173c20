import ArgumentParser
import Foundation
import Postgres
import RabbitMQ

/// Prints what the service needs in the broker.
struct TopologyCommand<S: SchoolService>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "topology", abstract: "Print the service's share of the broker's objects, as JSON.",
            discussion: "With --with and --definitions the shares of several services become one file that RabbitMQ loads.")
    }

    @OptionGroup var options: ServiceOptions
    @Option(help: "A file with another service's share, to be put together with this one.") var with: [String] = []
    @Flag(help: "In RabbitMQ's own form.") var definitions = false

    func run() async throws {
        let opened = try await Opened(S.self, options)
        var topology = try S.topology(try opened.unconnectedParts())
        for file in with {
            let other = try JSONDecoder().decode(Topology.self, from: Data(contentsOf: URL(filePath: file)))
            topology = try topology.merging(other)
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        let data = definitions ? try topology.definitions() : try encoder.encode(topology)
        print(String(decoding: data, as: UTF8.self))
        await opened.database.close()
    }
}

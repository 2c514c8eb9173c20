import ArgumentParser
import Foundation
import Postgres
import Web

/// Prints what the service offers to programs.
struct OpenAPICommand<S: SchoolService>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "openapi", abstract: "Print the service's interface for programs, as OpenAPI 3.1.",
            discussion: "The running service shows the same at /\(S.name)/openapi.json.")
    }

    @OptionGroup var options: ServiceOptions

    func run() async throws {
        let opened = try await Opened(S.self, options)
        let parts = try opened.unconnectedParts()
        print(String(decoding: OpenAPIDocument(S.routes(parts), pages: parts.pages, publicAddress: parts.publicAddress).json, as: UTF8.self))
        await opened.database.close()
    }
}

import ArgumentParser
import Events
import Foundation

/// Prints and writes what is generated from the messages' types.
@main struct ContractsTool: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "Contracts", abstract: "The messages of the services, as documents.",
        subcommands: [Document.self, Golden.self])

    struct Document: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "asyncapi", abstract: "The AsyncAPI 3 document of all messages.")

        @Flag(help: "Write Shared/Events/asyncapi.json instead of printing.") var write = false

        func run() throws {
            let text = try AsyncAPI.text()
            guard write else { return print(text, terminator: "") }
            try text.write(toFile: "Shared/Events/asyncapi.json", atomically: true, encoding: .utf8)
        }
    }

    struct Golden: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "golden", abstract: "The example of every message, as the golden files hold it.")

        @Flag(help: "Write the files in Tests/Events/Golden instead of printing.") var write = false

        func run() throws {
            for message in try GoldenMessage.all() {
                if write {
                    let path = "Tests/Events/Golden/\(message.fileName)"
                    try message.text.write(toFile: path, atomically: true, encoding: .utf8)
                } else {
                    print("\(message.name)\n\(message.text)")
                }
            }
        }
    }
}

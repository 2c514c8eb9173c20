import ArgumentParser
import Foundation
import Messaging
import Postgres

/// The messages that were parked: looked at, put back or thrown away by a person.
struct DeadLettersCommand<S: SchoolService>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "dead-letters", abstract: "List, show, replay or drop what could not be handled.",
            subcommands: [List.self, Show.self, Replay.self, Drop.self])
    }

    /// Which queues are meant.
    struct Chosen: ParsableArguments {
        @OptionGroup var options: ServiceOptions
        @Option(help: "One queue; without it all queues of the service.") var queue: String?

        func letters() async throws -> [DeadLetters] {
            let opened = try await Opened(S.self, options)
            let parts = try opened.unconnectedParts()
            await opened.database.close()
            let queues = S.hearings(parts).map(\.queue)
            if let queue, !queues.contains(queue) {
                throw ValidationError("\(S.name) has no queue \(queue); it has \(queues.joined(separator: ", "))")
            }
            return queues.filter { queue == nil || $0 == queue }.map {
                DeadLetters(queue: $0, prefix: parts.outbox.prefix, broker: parts.broker)
            }
        }
    }

    struct List: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(commandName: "list", abstract: "One line per parked message.")
        }
        @OptionGroup var chosen: Chosen
        @Flag(help: "As JSON, bodies included.") var json = false

        func run() async throws {
            var all: [String: [DeadLetters.Letter]] = [:]
            for dead in try await chosen.letters() { all[dead.queue] = try await dead.list() }
            if json {
                let encoder = JSONEncoder()
                encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
                print(String(decoding: try encoder.encode(all), as: UTF8.self))
                return
            }
            for (queue, letters) in all.sorted(by: { $0.key < $1.key }) {
                for letter in letters {
                    print("\(letter.id)  \(queue)  \(letter.type)  \(letter.failedAt)  tried \(letter.attempts)×  \(letter.reason)")
                }
            }
            if all.values.allSatisfy(\.isEmpty) { print("none") }
        }
    }

    struct Show: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(commandName: "show", abstract: "One parked message with its body.")
        }
        @OptionGroup var chosen: Chosen
        @Argument(help: "Its identifier, from the list.") var id: String

        func run() async throws {
            for dead in try await chosen.letters() {
                guard let letter = try await dead.show(id) else { continue }
                print("queue     \(dead.queue)\ntype      \(letter.type)\nkey       \(letter.key)\nreason    \(letter.reason)")
                print("attempts  \(letter.attempts)\nfailed    \(letter.failedAt)\n\n\(letter.body)")
                return
            }
            throw ValidationError("no parked message \(id)")
        }
    }

    struct Replay: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(commandName: "replay", abstract: "Put parked messages back into their queue.")
        }
        @OptionGroup var chosen: Chosen
        @OptionGroup var which: Which

        func run() async throws {
            var count = 0
            for dead in try await chosen.letters() { count += try await dead.replay(which.id) }
            print("\(count) put back")
        }
    }

    struct Drop: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(commandName: "drop", abstract: "Throw parked messages away for good.")
        }
        @OptionGroup var chosen: Chosen
        @OptionGroup var which: Which

        func run() async throws {
            var count = 0
            for dead in try await chosen.letters() { count += try await dead.drop(which.id) }
            print("\(count) thrown away")
        }
    }

    /// One message, or all by name.
    struct Which: ParsableArguments {
        @Argument(help: "The message's identifier, from the list.") var id: String?
        @Flag(help: "All of them.") var all = false

        func validate() throws {
            guard (id != nil) != all else { throw ValidationError("name one message, or say --all") }
        }
    }
}

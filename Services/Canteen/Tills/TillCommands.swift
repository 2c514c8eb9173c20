import ArgumentParser
import Foundation
import Kernel
import Postgres
import Service

/// `canteen register-till --name «Касса 1»`
struct RegisterTillCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "register-till", abstract: "Bring a till into service; prints its key as JSON, once.")

    @OptionGroup var options: ServiceOptions
    @Option(help: "What families read: Касса 1.") var name: String
    @Option(help: "The school's name; not needed where there is one.") var school: String?

    func run() async throws {
        let (name, school) = (name, school)
        let key = try await withParts(of: CanteenService.self, options) { parts in
            let id = try await chosenSchool(school, parts.database)
            let outbox = parts.outbox
            return try await explained(name) {
                try await parts.database.transaction { try RegisterTill(school: id, name: name).run(in: $0, outbox: outbox) }
            }
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        print(String(decoding: try encoder.encode(key), as: UTF8.self))
    }
}

/// `canteen tills`: which tills there are, what they are called, which of them sell no more.
struct TillsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tills", abstract: "Say which tills there are; rename one, or take it out of service.",
        subcommands: [ListTillsCommand.self, RenameTillCommand.self, EndTillCommand.self])
}

/// `canteen tills list`
struct ListTillsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "Say which tills work, by id and name.")

    @OptionGroup var options: ServiceOptions
    @Option(help: "The school's name; not needed where there is one.") var school: String?

    func run() async throws {
        let school = school
        let tills = try await withParts(of: CanteenService.self, options) { parts in
            let id = try await chosenSchool(school, parts.database)
            return try await parts.database.read { try Till.all(of: id, in: $0) }
        }
        for till in tills { print(till.id.text, "«\(till.name)»", separator: "  ") }
    }
}

/// `canteen tills rename «Касса 1» --to «Буфет»`
struct RenameTillCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rename", abstract: "Call a till otherwise, in every family's statement; its key stays.")

    @Argument(help: "Its name or its id.") var till: String
    @Option(name: .customLong("to"), help: "What families read from now on.") var name: String
    @OptionGroup var options: ServiceOptions
    @Option(help: "The school's name; not needed where there is one.") var school: String?

    func run() async throws {
        let (till, name, school) = (till, name, school)
        try await withParts(of: CanteenService.self, options) { parts in
            let id = try await chosenTill(till, school, parts.database)
            let outbox = parts.outbox
            try await explained(name) {
                try await parts.database.transaction { try RenameTill(till: id, name: name).run(in: $0, outbox: outbox) }
            }
        }
        print("«\(till)» is «\(name)» now.")
    }
}

/// `canteen tills end «Касса 1»`
struct EndTillCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "end", abstract: "Take a till out of service: its key sells nothing any more; what it sold stays.")

    @Argument(help: "Its name or its id.") var till: String
    @OptionGroup var options: ServiceOptions
    @Option(help: "The school's name; not needed where there is one.") var school: String?

    func run() async throws {
        let (till, school) = (till, school)
        try await withParts(of: CanteenService.self, options) { parts in
            let id = try await chosenTill(till, school, parts.database)
            let outbox = parts.outbox
            try await explained(till) {
                try await parts.database.transaction { try EndTill(till: id).run(in: $0, outbox: outbox) }
            }
        }
        print("«\(till)» sells no more.")
    }
}

/// The working till of a name or id.
///
/// - Throws: a sentence for the operator when there is none, or several have the name.
private func chosenTill(_ text: String, _ school: String?, _ database: Database) async throws -> UUID {
    let schoolID = try await chosenSchool(school, database)
    let found = try await database.read { try Till.all(of: schoolID, in: $0) }.filter { $0.name == text || $0.id.text == text.lowercased() }
    guard let till = found.first else { throw ValidationError("no till that works is called «\(text)».") }
    guard found.count == 1 else { throw ValidationError("several tills are called «\(text)»: name one by its id (tills list).") }
    return till.id
}

/// Says a refusal in words.
private func explained<T: Sendable>(_ name: String, _ work: () async throws -> T) async throws -> T {
    do { return try await work() } catch let refused as TillRefused {
        switch refused {
        case .unfitName: throw ValidationError("a till's name has 1 to \(Till.longestName) signs.")
        case .nameTaken: throw ValidationError("another till that works is called «\(name)».")
        case .noTill: throw ValidationError("there is no such till any more.")
        }
    }
}

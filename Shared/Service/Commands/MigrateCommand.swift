import ArgumentParser
import Configuration
import Foundation
import Logging
import Postgres

/// Brings the schema up to date.
struct MigrateCommand<S: SchoolService>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(commandName: "migrate", abstract: "Bring the service's schema up to date.")
    }

    @OptionGroup var options: ServiceOptions
    @Option(help: "A connection string of an administrator: makes the service's role and schema, or sets them right, first.")
    var admin: String?

    func run() async throws {
        let opened = try await Opened(S.self, options)
        if let admin {
            let conninfo = try opened.configuration.reader.requiredString(forKey: "postgres.url", isSecret: true)
            guard let password = ConnectionString.value(of: "password", in: conninfo) else {
                throw ConfigurationRefused(faults: ["postgres.url has no password; the role is made with it"])
            }
            let administrator = Database(
                DatabaseConfiguration(conninfo: admin, poolSize: 1, applicationName: "zvonok \(S.name) migrate"),
                logger: opened.logger)
            do {
                try await Roles.prepare(S.name, password: password, by: administrator)
            } catch {
                await administrator.close()
                throw error
            }
            await administrator.close()
        }
        let applied: [String]
        do {
            applied = try await Migrations.apply(S.migrations, to: opened.database)
        } catch {
            await opened.database.close()
            throw error
        }
        await opened.database.close()
        print(applied.isEmpty ? "the schema is up to date" : "applied:\n" + applied.map { "  \($0)" }.joined(separator: "\n"))
    }
}

/// libpq's connection strings, as far as one value is looked for.
enum ConnectionString {
    /// The value of a keyword in `key=value key='va lue'`, or of the user's password in `postgresql://user:password@host`.
    static func value(of keyword: String, in text: String) -> String? {
        if let url = URLComponents(string: text), let scheme = url.scheme, scheme.hasPrefix("postgres") {
            switch keyword {
            case "password": return url.password
            case "user": return url.user
            case "host": return url.host
            default: return url.queryItems?.first { $0.name == keyword }?.value
            }
        }
        var rest = text[...]
        while true {
            rest = rest.drop { $0.isWhitespace }
            guard let equals = rest.firstIndex(of: "=") else { return nil }
            let key = rest[..<equals].trimmingCharacters(in: .whitespaces)
            rest = rest[rest.index(after: equals)...].drop { $0.isWhitespace }
            let isQuoted = rest.first == "'"
            if isQuoted { rest = rest.dropFirst() }
            var value = ""
            while let character = rest.first {
                rest = rest.dropFirst()
                if character == "\\", let escaped = rest.first {
                    value.append(escaped)
                    rest = rest.dropFirst()
                } else if isQuoted ? character == "'" : character.isWhitespace {
                    break
                } else {
                    value.append(character)
                }
            }
            if key == keyword { return value }
        }
    }
}

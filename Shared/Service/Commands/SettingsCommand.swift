import ArgumentParser
import Foundation

/// Explains every key of the configuration.
struct SettingsCommand<S: SchoolService>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(commandName: "settings", abstract: "Explain every key of the configuration.")
    }

    @Flag(help: "As JSON, for programs.") var json = false
    @Flag(help: "As a configuration file to start from.") var example = false

    func run() async throws {
        let settings = S.allSettings.sorted { $0.key < $1.key }
        if json {
            print(try Self.json(settings))
        } else if example {
            print(Self.example(settings))
        } else {
            for setting in settings {
                let standard = setting.isRequired ? "required" : setting.standard.map { "default \($0.isEmpty ? "empty" : $0)" } ?? "optional"
                print("\(setting.key)  (\(setting.variable), \(standard))\n    \(setting.help)")
            }
        }
    }

    private static func json(_ settings: [Setting]) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let lines = settings.map {
            SettingLine(
                key: $0.key, variable: $0.variable, help: $0.help, kind: $0.kind.rawValue, standard: $0.standard,
                isRequired: $0.isRequired, isSecret: $0.isSecret)
        }
        return String(decoding: try encoder.encode(lines), as: UTF8.self)
    }

    /// A YAML file with every key, those with a default commented out.
    static func example(_ settings: [Setting]) -> String {
        var lines: [String] = []
        var open: [Substring] = []
        for setting in settings {
            let parts = setting.key.split(separator: ".")
            let levels = Array(parts.dropLast())
            let common = zip(open, levels).prefix { $0 == $1 }.count
            for depth in common..<levels.count {
                // A level without a value below it is no mapping, and would be refused.
                let path = levels[...depth].joined(separator: ".") + "."
                let isNeeded = settings.contains { $0.isRequired && $0.key.hasPrefix(path) }
                lines.append(String(repeating: "  ", count: depth) + "\(isNeeded ? "" : "# ")\(levels[depth]):")
            }
            open = levels
            let indent = String(repeating: "  ", count: levels.count)
            lines.append("\(indent)# \(setting.help)")
            let value = setting.standard ?? (setting.isSecret ? "…" : "")
            lines.append("\(indent)\(setting.isRequired ? "" : "# ")\(parts.last ?? ""): \"\(value)\"")
        }
        return lines.joined(separator: "\n")
    }
}

/// A setting as programs read it.
private struct SettingLine: Encodable {
    let key, variable, help, kind: String
    let standard: String?
    let isRequired, isSecret: Bool
}

import Configuration
import Foundation
import Synchronization
import SystemPackage

/// A service's configuration, read from its file and the environment and checked against the known keys.
///
/// The environment wins over the file, the file over the default of the setting.
public struct ServiceConfiguration: Sendable {
    /// Where a service reads its values: defaults included, so `string(forKey:)` answers for every setting
    /// that has one.
    public let reader: ConfigReader
    /// One `key = value` line per setting, secrets hidden, with where the value came from.
    public let printed: [String]

    /// Reads and checks.
    ///
    /// - Parameters:
    ///   - file: the YAML file; `nil` = environment alone.
    ///   - environment: variables by name; a variable that is nearly, but not quite, a known one is refused.
    ///   - settings: all keys there are.
    /// - Throws: ``ConfigurationRefused`` with every fault at once.
    public static func load(
        file: String?, environment: [String: String], settings: [Setting]
    ) async throws -> ServiceConfiguration {
        let secrets = Set(settings.filter(\.isSecret).map(\.key))
        var faults: [String] = []
        var inFile: [String] = []
        var fileProvider: FileProvider<YAMLSnapshot>?
        if let file {
            let seen = SeenKeys()
            // The specifier is asked about every key of the file: the one place where all of them pass by.
            let options = YAMLSnapshot.ParsingOptions(
                secretsSpecifier: .dynamic { key, _ in
                    seen.add(key)
                    return secrets.contains(key)
                })
            do {
                fileProvider = try await FileProvider<YAMLSnapshot>(parsingOptions: options, filePath: FilePath(file))
            } catch {
                throw ConfigurationRefused(faults: ["\(file): \(error)"])
            }
            inFile = seen.keys
            faults += unknown(inFile, settings: settings).map { "\(file): \($0)" }
        }
        faults += misspelt(environment, settings: settings)
        let known = environment.filter { variable, _ in settings.contains { $0.variable == variable } }
        let environmentProvider = EnvironmentVariablesProvider(
            environmentVariables: known,
            secretsSpecifier: .specific(Set(settings.filter(\.isSecret).map(\.variable))))
        let defaults = Dictionary(
            settings.compactMap { setting in setting.standard.map { (setting.variable, $0) } },
            uniquingKeysWith: { first, _ in first })
        // Defaults are texts like variables are, and are read as whatever type the service asks for.
        let standard = EnvironmentVariablesProvider(environmentVariables: defaults)
        var providers: [any ConfigProvider] = [environmentProvider]
        if let fileProvider { providers.append(fileProvider) }
        let given = ConfigReader(providers: providers)
        let reader = ConfigReader(providers: providers + [standard])

        var printed: [String] = []
        for setting in settings.sorted(by: { $0.key < $1.key }) {
            let stated = given.string(forKey: ConfigKey(setting.key), isSecret: setting.isSecret)
            if stated == nil && inFile.contains(setting.key) {
                faults.append("\(setting.key) must be a single value, not a list")
            }
            let value = stated ?? setting.standard
            if let value, let refusal = setting.refusal(of: value) { faults.append("\(setting.key) \(refusal)") }
            if setting.isRequired && (value ?? "").isEmpty {
                faults.append("\(setting.key) is missing (\(setting.help)); \(setting.variable) in the environment also gives it")
            }
            let origin =
                known[setting.variable] != nil ? "environment" : inFile.contains(setting.key) ? "file" : "default"
            let shown = value.map { setting.isSecret && !$0.isEmpty ? "(secret)" : $0 } ?? ""
            printed.append("\(setting.key) = \(shown)  [\(origin)]")
        }
        guard faults.isEmpty else { throw ConfigurationRefused(faults: faults) }
        return ServiceConfiguration(reader: reader, printed: printed)
    }

    /// The keys nobody knows, each with the known one that was probably meant.
    private static func unknown(_ keys: [String], settings: [Setting]) -> [String] {
        let known = settings.map(\.key)
        return keys.filter { !known.contains($0) }.sorted().map { key in
            guard let meant = nearest(to: key, among: known) else { return "\(key) is not a key of this service" }
            return "\(key) is not a key of this service; the nearest is \(meant)"
        }
    }

    /// The variables that differ from a known one by a slip of the finger. Others belong to somebody else.
    private static func misspelt(_ environment: [String: String], settings: [Setting]) -> [String] {
        let known = settings.map(\.variable)
        return environment.keys.sorted().compactMap { variable in
            guard !known.contains(variable), let meant = nearest(to: variable, among: known),
                variable.prefix(while: { $0 != "_" }) == meant.prefix(while: { $0 != "_" }),
                distance(variable, meant) <= 2
            else { return nil }
            return "the environment variable \(variable) is not known; the nearest is \(meant)"
        }
    }
}

/// A configuration with faults; nothing was started.
public struct ConfigurationRefused: Error, CustomStringConvertible, Equatable {
    /// Every fault, each a sentence that names the key.
    public let faults: [String]

    public init(faults: [String]) { self.faults = faults }

    public var description: String { "the configuration cannot be used:\n" + faults.map { "  - \($0)" }.joined(separator: "\n") }
}

/// The keys that were met while a file was read.
private final class SeenKeys: Sendable {
    private let storage = Mutex<[String]>([])
    func add(_ key: String) { storage.withLock { $0.append(key) } }
    var keys: [String] { storage.withLock { $0 } }
}

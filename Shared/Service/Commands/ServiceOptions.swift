import ArgumentParser
import Foundation

/// The options every command of a service understands.
///
/// An administration command has `@OptionGroup var options: ServiceOptions` and works on
/// `withParts(of: …, options) { parts in … }`.
public struct ServiceOptions: ParsableArguments, Sendable {
    @Option(name: .shortAndLong, help: "The configuration file (YAML). The environment wins over it.")
    public var config: String?

    public init() {}

    /// Options that name a file; for programs and tests that call a command themselves.
    public init(config: String?) { self.config = config }

    // The parser fills `config`; nothing else is stored.
    enum CodingKeys: CodingKey { case config }
}

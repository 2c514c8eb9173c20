import ArgumentParser

extension SchoolService {
    /// Makes a process of the service: reads the command line and does what it says.
    ///
    /// `serve | migrate | check | settings | topology | openapi | republish | dead-letters | raise-epoch`, and the service's own.
    public static func run() async { await CommandLineOf<Self>.main() }
}

/// All commands of a service.
struct CommandLineOf<S: SchoolService>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: S.name, abstract: "The service «\(S.name)» of Zvonok.",
            subcommands: [
                ServeCommand<S>.self, MigrateCommand<S>.self, CheckCommand<S>.self, SettingsCommand<S>.self,
                TopologyCommand<S>.self, OpenAPICommand<S>.self, RepublishCommand<S>.self, DeadLettersCommand<S>.self,
                RaiseEpochCommand<S>.self,
            ] + S.commands)
    }
}

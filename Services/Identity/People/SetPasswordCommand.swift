import ArgumentParser
import Foundation
import Kernel
import Postgres
import Service

/// `identity set-password --number S001 --login i.savina --password-stdin`
struct SetPasswordCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set-password",
        abstract: "Give somebody of the roster a login and a password; how the first curator comes in.",
        discussion: """
            The password is read from the standard input, so that no list of processes shows it. Without \
            --password-stdin a one-time password is made and printed: it must be changed at the first sign-in. \
            All sessions of the person end.
            """)

    @OptionGroup var options: ServiceOptions

    @Option(help: "The person's number in the roster.")
    var number: String

    @Option(help: "The login; may be left out when the person has one.")
    var login: String?

    @Flag(name: .customLong("password-stdin"), help: "Read the password from the standard input.")
    var readsPassword = false

    func run() async throws {
        var typed: String?
        if readsPassword {
            guard let line = readLine(strippingNewline: true), !line.isEmpty else {
                throw ValidationError("The standard input has no password.")
            }
            typed = line
        }
        let (number, login, password) = (number, login, typed)
        try await withParts(of: IdentityService.self, options) { parts in
            let command = GiveLogin(number: number, login: login, password: password, now: Date())
            let given = try await command.run(parts.database, parts.outbox, HashingBench(), CommonPasswords())
            if password == nil {
                print("\(given.login)\t\(given.password)")
            } else {
                print(given.login)
            }
        }
    }
}

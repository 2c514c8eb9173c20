import ArgumentParser
import Events
import Foundation
import Kernel
import Postgres
import Service

/// `ledger partners`: who may bring money by terminal or bank (AC-03).
struct PartnersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "partners", abstract: "Say who may bring money: payment terminals and banks.",
        subcommands: [AddPartnerCommand.self, ListPartnersCommand.self, RevokePartnerCommand.self])
}

/// `ledger partners add`: brings a partner in and prints the password that it is to use, which nobody can read again.
struct AddPartnerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Bring a partner in, or give the one of this name a new password and new settings.",
        discussion: "Prints its address, user and a new password; the password is kept only as a hash.")

    @Argument(help: "A short name of small Latin letters, digits and hyphens, as in the address: sber.") var name: String
    @Option(help: "As the statement names it: «Сбербанк Онлайн».") var title: String
    @Option(help: "How it speaks: \(Partner.Dialect.allCases.map(\.rawValue).joined(separator: ", ")).") var dialect: String
    @Option(help: "What the statement calls the way: terminal or bankRegister.") var method = "terminal"
    @Option(name: .customLong("from"), help: "A network it asks from, as 79.142.16.0/20; may be given several times.")
    var addresses: [String]
    @Option(help: "The least that one payment may bring, in roubles.") var least = "1"
    @Option(help: "The most that one payment may bring, in roubles.") var most = "15000"
    @Flag(help: "Whether whoever pays is shown what is on the account.") var tellsBalance = false
    @Option(help: "Time zone of the dates it writes.") var timeZone = "Europe/Moscow"
    @Option(
        name: .customLong("code"),
        help: "A result code that its contract numbers otherwise, as accountClosed=7; may be given several times.")
    var codes: [String] = []
    @Flag(help: "Whether it may take a payment back that nobody has spent.") var cancels = false
    @Flag(help: "It signs its requests (parameter hash) instead of giving user and password; the secret is printed.") var signs = false
    @OptionGroup var options: ServiceOptions

    /// What was typed, as a partner; or what is wrong with it.
    func partner(password: String) throws -> Partner {
        guard name.wholeMatch(of: /[a-z0-9][a-z0-9-]{0,38}/) != nil else {
            throw ValidationError("«\(name)» is no short name of small Latin letters, digits and hyphens.")
        }
        guard let dialect = Partner.Dialect(rawValue: dialect) else { throw ValidationError("no dialect is called «\(dialect)».") }
        guard let method = TopUpMethod(rawValue: method), method == .terminal || method == .bankRegister else {
            throw ValidationError("the method is terminal or bankRegister.")
        }
        for address in addresses where AddressRange(address) == nil { throw ValidationError("«\(address)» is no network.") }
        guard let least = Money(least), let most = Money(most), least > .zero, most >= least else {
            throw ValidationError("--least and --most are sums in roubles, the first above zero and not above the second.")
        }
        guard let zone = SchoolZone(timeZone) else { throw ValidationError("«\(timeZone)» is no time zone.") }
        var numbers: [String: Int] = [:]
        for code in codes {
            let parts = code.split(separator: "=").map(String.init)
            let names = PartnerRefusal.allCases.map(\.rawValue) + ["repeated"]
            guard parts.count == 2, names.contains(parts[0]), let number = Int(parts[1]), number != 0 else {
                throw ValidationError("«\(code)» is not NAME=NUMBER with a name out of \(names.joined(separator: ", ")).")
            }
            numbers[parts[0]] = number
        }
        return Partner(
            id: .v7(), name: name, title: title, dialect: dialect, method: method, addresses: addresses, userName: name,
            passwordHash: Partner.hash(password), tellsBalance: tellsBalance, least: least, most: most, zone: zone,
            codes: numbers, isRevoked: false, mayCancel: cancels, signingSecret: signs ? password : nil)
    }

    func run() async throws {
        let password = Partner.newPassword()
        let partner = try partner(password: password)
        let address = try await withParts(of: LedgerService.self, options) { parts in
            try await parts.database.transaction { try $0.keep(partner, at: Date()) }
            return parts.publicAddress
        }
        print("address  \(address)/ledger/partners/\(name)" + (signs ? "\nsecret   \(password)" : "\nuser     \(partner.userName)\npassword \(password)"))
    }
}

/// `ledger partners list`: everybody who may ask or might once, without passwords.
struct ListPartnersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "Say who may bring money, and how.")

    @OptionGroup var options: ServiceOptions

    func run() async throws {
        let partners = try await withParts(of: LedgerService.self, options) { parts in
            try await parts.database.read { try $0.partners() }
        }
        for partner in partners {
            print(
                partner.name, partner.isRevoked ? "revoked" : partner.dialect.rawValue, "«\(partner.title)»",
                "from \(partner.addresses.joined(separator: ", "))", "\(partner.least)–\(partner.most)",
                partner.tellsBalance ? "tells the balance" : "tells no balance", partner.mayCancel ? "may cancel" : "may not cancel",
                partner.signingSecret == nil ? "user and password" : "signs", separator: "  ")
        }
    }
}

/// `ledger partners revoke`: nothing more is taken from it; what it brought stays.
struct RevokePartnerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "revoke", abstract: "Take nothing more from a partner.")

    @Argument(help: "Its short name.") var name: String
    @OptionGroup var options: ServiceOptions

    func run() async throws {
        let isDone = try await withParts(of: LedgerService.self, options) { parts in
            try await parts.database.transaction { try $0.revokePartner(named: name, at: Date()) }
        }
        guard isDone else { throw ValidationError("no partner who may ask is called «\(name)».") }
        print("\(name) may ask no more.")
    }
}

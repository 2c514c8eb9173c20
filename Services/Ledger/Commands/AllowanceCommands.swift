import ArgumentParser
import Foundation
import Kernel
import Postgres
import Service

/// `ledger grant-allowances`: sets a lunch aside for every child who can pay it, so that tills may sell it without a
/// connection. Meant for the morning of a school day; asked again, it grants only what is missing.
struct GrantAllowancesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "grant-allowances", abstract: "Set a lunch's price aside for every child who can pay it today.")

    @Option(help: "The price of a lunch, as 128 or 128,50.") var amount: String
    @OptionGroup var options: ServiceOptions

    func run() async throws {
        guard let price = Money(amount), price > .zero else {
            throw ValidationError("«\(amount)» is no sum above zero.")
        }
        let count = try await withParts(of: LedgerService.self, options) { parts in
            var count = 0
            for (school, today) in try await parts.database.read({ try $0.schoolDays(at: Date()) }) {
                let grant = GrantAllowances(schoolID: school, day: today, amount: price)
                count += try await parts.database.transaction { [outbox = parts.outbox] in try grant.run(in: $0, outbox) }
            }
            return count
        }
        print("Granted to \(count) children.")
    }
}

/// `ledger release-allowances`: gives back what was set aside for days that are over.
struct ReleaseAllowancesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "release-allowances", abstract: "Give back what was set aside for days before today.")

    @OptionGroup var options: ServiceOptions

    func run() async throws {
        let count = try await withParts(of: LedgerService.self, options) { parts in
            var count = 0
            for (school, today) in try await parts.database.read({ try $0.schoolDays(at: Date()) }) {
                let release = ReleaseAllowances(schoolID: school, before: today)
                count += try await parts.database.transaction { [outbox = parts.outbox] in try release.run(in: $0, outbox) }
            }
            return count
        }
        print("Released \(count) allowances.")
    }
}

extension Transaction {
    /// Every school with its business day.
    fileprivate func schoolDays(at now: Date) throws -> [(UUID, Day)] {
        try rows(
            "select school_id, (\(now) at time zone time_zone)::date from school_books order by school_id",
            as: UUID.self, Day.self)
    }
}

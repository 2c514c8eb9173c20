import ArgumentParser
import Postgres
import Service

/// `ledger verify`: recomputes every balance from the entries and names the first difference (BY-02).
struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Recompute every balance from the entries; name the first difference.",
        discussion: "Reads only; may run while sales go on. Ends with 1 when the books are wrong.")

    @OptionGroup var options: ServiceOptions

    func run() async throws {
        let (difference, counts) = try await withParts(of: LedgerService.self, options) { parts in
            try await parts.database.read { tx in
                (
                    try VerifyBooks.firstDifference(in: tx),
                    try tx.first(
                        "select (select count(*) from meals_account), (select count(*) from movement)", as: Int.self, Int.self)
                )
            }
        }
        if let difference {
            print("The books are wrong. \(difference)")
            throw ExitCode.failure
        }
        print("The books are right: \(counts?.0 ?? 0) accounts, \(counts?.1 ?? 0) movements, \(VerifyBooks.claims.count) claims.")
    }
}

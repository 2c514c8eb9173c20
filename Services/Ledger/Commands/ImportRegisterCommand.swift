import ArgumentParser
import Foundation
import Kernel
import Postgres
import Service

/// `ledger import-register`: a partner's daily register, to be compared with what came (AC-03).
struct ImportRegisterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import-register", abstract: "Bring in a partner's daily register; the accountant sees what differs.",
        discussion: "CSV in UTF-8 or windows-1251 with a header: txn_id,date,account,sum. What was known of its days is replaced. A damaged file changes nothing.")

    @Argument(help: "The partner's short name.") var partner: String
    @Argument(help: "The register.", completion: .file()) var file: String
    @Option(help: "A day that it speaks of though nothing was paid on it, as 2026-11-20.") var day: [String] = []
    @Flag(help: "Put payments that never came by themselves on their accounts, as of banks that send registers only.") var credit = false
    @OptionGroup var options: ServiceOptions

    func run() async throws {
        guard let text = RegisterText.read(try Data(contentsOf: URL(fileURLWithPath: file))) else {
            throw ValidationError("«\(file)» is no text.")
        }
        let register = PartnerRegister(text)
        guard register.damage.isEmpty else {
            for sentence in register.damage.prefix(20) { print(sentence) }
            throw ValidationError("nothing was brought in: \(register.damage.count) faults.")
        }
        let days = try day.map { text in
            guard let day = Day(text) else { throw ValidationError("«\(text)» is no day.") }
            return day
        }
        let name = URL(fileURLWithPath: file).lastPathComponent
        let credited = try await withParts(of: LedgerService.self, options) { parts -> Int in
            guard let partner = try await parts.database.read({ try $0.partners().first { $0.name == partner } }) else {
                throw ValidationError("no partner is called «\(partner)».")
            }
            try await parts.database.transaction { try register.bring(of: partner, file: name, days: days, in: $0, at: Date()) }
            guard credit else { return 0 }
            let waiting = try await parts.database.read { try $0.creditableByRegister(of: partner) }
            for line in waiting {
                let put = CreditByRegister(partner: partner.name, number: line.number, schoolID: line.schoolID)
                _ = try await parts.database.transaction { try put.run(in: $0, parts.outbox, at: Date()) }
            }
            return waiting.count
        }
        if credit { print("\(credited) payments were put on their accounts by the register.") }
        print("\(register.lines.count) payments of \(partner), \(register.lines.map(\.amount).total) in all.")
    }
}

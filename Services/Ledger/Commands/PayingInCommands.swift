import ArgumentParser
import Foundation
import Kernel
import Postgres
import Service

/// `ledger set-card-terms`: how a school takes bank cards (AC-02, BY-03).
struct SetCardTermsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set-card-terms", abstract: "Say how a school takes bank cards: whether, at which fee, with receipts or without.",
        discussion: "What is not given goes back to its default: open, no fee, no receipts.")

    @Option(help: "Name of the school, where there are several.") var school: String?
    @Flag(help: "Cards are not taken.") var closed = false
    @Option(help: "What the payer adds, in percent, as 1,5.") var fee = "0"
    @Flag(help: "Receipts by 54-ФЗ are made by the acquirer.") var receipts = false
    @Option(help: "Tax system of the receipts, 1 to 6 (tag 1055).") var taxSystem: Int?
    @Option(help: "VAT code of the receipts, 1 to 12 (tag 1199); 1 is none.") var vat = 1
    @OptionGroup var options: ServiceOptions

    /// What was typed, as terms; or what is wrong with it.
    func terms() throws -> CardTerms {
        guard let percent = Money(fee), percent >= .zero, percent.kopecks <= 1000 else {
            throw ValidationError("--fee is a percentage from 0 to 10 with at most two decimals.")
        }
        guard !receipts || taxSystem != nil else { throw ValidationError("receipts need --tax-system.") }
        guard (1...12).contains(vat), (1...6).contains(taxSystem ?? 1) else {
            throw ValidationError("--vat is 1 to 12, --tax-system 1 to 6.")
        }
        return CardTerms(isOpen: !closed, fee: Int(percent.kopecks), receipts: receipts, taxSystem: taxSystem, vat: vat)
    }

    func run() async throws {
        let terms = try terms()
        try await withParts(of: LedgerService.self, options) { parts in
            let school = try await chosenSchool(school, parts.database)
            try await parts.database.transaction { try $0.set(terms, of: school, at: Date()) }
        }
        print(terms.isOpen ? "Cards are taken; the payer adds \(terms.feePercent) %; receipts: \(terms.receipts ? "yes" : "no")." : "Cards are not taken.")
    }
}

/// `ledger set-bank-details`: where banks send money for a school's accounts, for its payment codes (AC-03).
struct SetBankDetailsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set-bank-details", abstract: "Say where banks send money for a school's accounts: payment codes need it.")

    @Option(help: "Name of the school, where there are several.") var school: String?
    @Option(help: "Who is paid, up to 160 characters.") var payee: String
    @Option(help: "The payee's account at the bank, 20 digits.") var account: String
    @Option(help: "Name of the bank, up to 45 characters.") var bank: String
    @Option(help: "BIC of the bank, 9 digits.") var bic: String
    @Option(help: "Correspondent account, 20 digits; 0 where there is none.") var correspondent = "0"
    @Option(help: "INN of the payee, 10 or 12 digits.") var inn: String?
    @Option(help: "KPP of the payee, 9 digits.") var kpp: String?
    @OptionGroup var options: ServiceOptions

    /// What was typed, as details; or what is wrong with it.
    func details() throws -> BankDetails {
        let details = BankDetails(
            payee: payee, account: account, bank: bank, bic: bic, correspondent: correspondent, inn: inn, kpp: kpp)
        do {
            _ = try details.code(for: "0000000000")
        } catch .field(let name) {
            throw ValidationError("the field \(name) of a payment code cannot hold what was given.")
        }
        return details
    }

    func run() async throws {
        let details = try details()
        try await withParts(of: LedgerService.self, options) { parts in
            let school = try await chosenSchool(school, parts.database)
            try await parts.database.transaction { try $0.set(details, of: school, parts.outbox, at: Date()) }
        }
        print("Payment codes name \(details.payee), \(details.bank).")
    }
}

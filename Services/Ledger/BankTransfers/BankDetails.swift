import Events
import Foundation
import Kernel
import Messaging
import Postgres
import Web

/// Where a bank sends money for a school's accounts.
struct BankDetails: Equatable, Sendable {
    let payee: String
    let account: String
    let bank: String
    let bic: String
    /// `0` where there is none.
    let correspondent: String
    let inn: String?
    let kpp: String?

    /// What a bank's app reads for one child's account (ГОСТ Р 56042); the account number alone says whose it is (D-05).
    func code(for accountNumber: String, sum: Money? = nil) throws(PaymentCode.Refused) -> PaymentCode {
        try PaymentCode(
            payee: payee, account: account, bank: bank, bic: bic, correspondent: correspondent, inn: inn, kpp: kpp,
            purpose: "Питание, лицевой счёт \(accountNumber)", personalAccount: accountNumber, sum: sum)
    }
}

extension Transaction {
    /// A school's details; nil while it has told none.
    func bankDetails(of schoolID: UUID) throws -> BankDetails? {
        try first(
            "select payee, account, bank, bic, correspondent, inn, kpp from bank_details where school_id = \(schoolID)",
            as: String.self, String.self, String.self, String.self, String.self, String?.self, String?.self
        ).map { BankDetails(payee: $0.0, account: $0.1, bank: $0.2, bic: $0.3, correspondent: $0.4, inn: $0.5, kpp: $0.6) }
    }

    /// Keeps a school's details and tells the others.
    func set(_ details: BankDetails, of schoolID: UUID, _ outbox: Outbox, at now: Date) throws {
        try execute(
            """
            insert into bank_details (school_id, payee, account, bank, bic, correspondent, inn, kpp, changed_at)
            values (\(schoolID), \(details.payee), \(details.account), \(details.bank), \(details.bic),
                \(details.correspondent), \(details.inn), \(details.kpp), \(now))
            on conflict (school_id) do update
            set payee = excluded.payee, account = excluded.account, bank = excluded.bank, bic = excluded.bic,
                correspondent = excluded.correspondent, inn = excluded.inn, kpp = excluded.kpp, changed_at = excluded.changed_at,
                version = bank_details.version + 1
            """)
        try outbox.publish(bankDetails("school_id = \(schoolID)"), in: self)
    }

    /// As the others hear of them, in the order of schools, for republishing.
    func bankDetails(after school: UUID?, limit: Int) throws -> [BankDetailsChanged] {
        try bankDetails("\(school)::uuid is null or school_id > \(school) order by school_id limit \(limit)")
    }

    private func bankDetails(_ condition: SQL) throws -> [BankDetailsChanged] {
        try rows(
            "select school_id, version, payee, account, bank, bic, correspondent, inn, kpp from bank_details where \(condition)",
            as: UUID.self, Int64.self, String.self, String.self, String.self, String.self, String.self, String?.self, String?.self
        ).map {
            BankDetailsChanged(
                schoolID: $0.0, version: $0.1, payee: $0.2, account: $0.3, bank: $0.4, bic: $0.5, correspondent: $0.6, inn: $0.7,
                kpp: $0.8)
        }
    }
}

/// A payment code as a page shows it: the drawing, and the same in words.
struct TransferCode: Encodable, Sendable, Equatable {
    struct Line: Encodable, Sendable, Equatable {
        let name: String
        let value: String
    }

    /// What the code says.
    let text: String
    let side: Int
    let path: String
    let lines: [Line]

    init(_ details: BankDetails, account: Account, sum: Money?, for visit: Visit) throws {
        let code = try details.code(for: account.number, sum: sum)
        let drawing = try QRCode(code.text)
        text = code.text
        side = drawing.side
        path = drawing.path
        var lines = [
            Line(name: visit.tr("Payee"), value: details.payee), Line(name: visit.tr("Payee's account"), value: details.account),
            Line(name: visit.tr("Bank"), value: details.bank), Line(name: visit.tr("BIC"), value: details.bic),
        ]
        if let inn = details.inn { lines.append(Line(name: visit.tr("INN"), value: inn)) }
        if let kpp = details.kpp { lines.append(Line(name: visit.tr("KPP"), value: kpp)) }
        lines.append(Line(name: visit.tr("Personal account"), value: account.number.spacedNumber))
        self.lines = lines
    }
}

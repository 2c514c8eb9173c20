import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// Ledger has said where banks send money for a school's accounts: sheets printed from now on have a payment code (AC-04).
struct WhenBankDetailsChange {
    static let hearing = Hearing(
        queue: "identity.bank-details",
        [
            .each(BankDetailsChanged.self) { received, transaction, _ in
                try WhenBankDetailsChange(details: received.event, version: received.version).react(in: transaction)
            }
        ])

    let details: BankDetailsChanged
    /// With its owner's epoch.
    let version: Int64

    func react(in transaction: borrowing Transaction) throws {
        try transaction.execute(
            """
            insert into bank_details as known (school_id, version, payee, account, bank, bic, correspondent, inn, kpp, ended)
            values (\(details.schoolID), \(version), \(details.payee), \(details.account), \(details.bank), \(details.bic),
                \(details.correspondent), \(details.inn), \(details.kpp), \(details.ended))
            on conflict (school_id) do update
            set version = excluded.version, payee = excluded.payee, account = excluded.account, bank = excluded.bank,
                bic = excluded.bic, correspondent = excluded.correspondent, inn = excluded.inn, kpp = excluded.kpp,
                ended = excluded.ended
            where excluded.version > known.version
            """)
    }
}

extension Transaction {
    /// What banks' apps read to pay onto the accounts of these children, by child (ГОСТ Р 56042); the account number alone says
    /// whose it is (D-05). Empty where the school's details are not known.
    func paymentCodes(of children: [UUID], school: UUID) throws -> [UUID: PaymentCode] {
        guard
            let (payee, account, bank, bic, correspondent, inn, kpp) = try first(
                "select payee, account, bank, bic, correspondent, inn, kpp from bank_details where school_id = \(school) and not ended",
                as: String.self, String.self, String.self, String.self, String.self, String?.self, String?.self)
        else { return [:] }
        let numbers = try rows(
            "select person_id, account_number from pupil where person_id = any(\(children)) and not ended", as: UUID.self, String.self)
        return try numbers.reduce(into: [:]) { codes, row in
            codes[row.0] = try PaymentCode(
                payee: payee, account: account, bank: bank, bic: bic, correspondent: correspondent, inn: inn, kpp: kpp,
                purpose: "Питание, лицевой счёт \(row.1)", personalAccount: row.1)
        }
    }
}

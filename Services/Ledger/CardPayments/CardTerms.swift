import Foundation
import Kernel
import Postgres

/// How a school takes cards.
struct CardTerms: Equatable, Sendable {
    var isOpen = true
    /// In hundredths of a percent, added to what is put on the account.
    var fee = 0
    /// Whether receipts by 54-ФЗ are made.
    var receipts = false
    var taxSystem: Int?
    var vat = 1

    /// As people write it: `1,5`.
    var feePercent: String {
        let (whole, rest) = fee.quotientAndRemainder(dividingBy: 100)
        return rest == 0 ? "\(whole)" : rest % 10 == 0 ? "\(whole),\(rest / 10)" : "\(whole),\(rest < 10 ? "0" : "")\(rest)"
    }
}

extension Transaction {
    /// A school's terms; the standard ones when it has said nothing.
    func cardTerms(of schoolID: UUID) throws -> CardTerms {
        try first(
            "select is_open, fee, receipts, tax_system, vat from card_terms where school_id = \(schoolID)",
            as: Bool.self, Int.self, Bool.self, Int?.self, Int.self
        ).map { CardTerms(isOpen: $0.0, fee: $0.1, receipts: $0.2, taxSystem: $0.3, vat: $0.4) } ?? CardTerms()
    }

    func set(_ terms: CardTerms, of schoolID: UUID, at now: Date) throws {
        try execute(
            """
            insert into card_terms (school_id, is_open, fee, receipts, tax_system, vat, changed_at)
            values (\(schoolID), \(terms.isOpen), \(terms.fee), \(terms.receipts), \(terms.taxSystem), \(terms.vat), \(now))
            on conflict (school_id) do update
            set is_open = excluded.is_open, fee = excluded.fee, receipts = excluded.receipts,
                tax_system = excluded.tax_system, vat = excluded.vat, changed_at = excluded.changed_at
            """)
    }
}

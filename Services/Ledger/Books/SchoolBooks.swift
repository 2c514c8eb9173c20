import Foundation
import Kernel
import Postgres

/// The accounts of organisations that a school's movements need (design §7).
enum OrganisationAccount: String, CaseIterable {
    case supplier, cashDesk, acquiring, terminal, bankRegister

    /// The id follows from the school's, so that opening the books twice opens them once.
    func id(of schoolID: UUID) -> UUID { .derived(from: schoolID, "ledger.\(rawValue)") }
}

extension Transaction {
    /// Opens a school's books, or brings its time zone up to date.
    ///
    /// - Parameters:
    ///   - version: of the school's state with its owner's epoch; 0 when a pupil is heard of before his school, which then keeps the zone
    ///     it has until the school itself is heard.
    ///   - zone: of the school's business day (D-01).
    func openBooks(of schoolID: UUID, version: Int64, zone: SchoolZone, at now: Date) throws {
        let kinds = OrganisationAccount.allCases
        let ids = kinds.map { $0.id(of: schoolID) }
        try execute(
            """
            insert into account (id, kind, school_id, opened_at)
            select id, kind, \(schoolID), \(now) from unnest(\(ids), \(kinds.map(\.rawValue))) as new(id, kind)
            on conflict do nothing
            """)
        try execute(
            "insert into organisation_balance (account_id) select unnest(\(ids)) on conflict do nothing")
        try execute(
            """
            insert into school_books
                (school_id, version, time_zone, supplier_id, cash_desk_id, acquiring_id, terminal_id, register_id)
            values (\(schoolID), \(version), \(zone.identifier), \(ids[0]), \(ids[1]), \(ids[2]), \(ids[3]), \(ids[4]))
            on conflict (school_id) do update
            set version = excluded.version, time_zone = excluded.time_zone
            where excluded.version > school_books.version
            """)
    }
}

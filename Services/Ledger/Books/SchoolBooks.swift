import Foundation
import Kernel
import Postgres

/// The accounts of organisations that a school's movements need (design §7).
enum OrganisationAccount: String, CaseIterable {
    case supplier, cashDesk, acquiring, terminal, bankRegister, payouts, municipality

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
        func id(_ kind: OrganisationAccount) -> UUID { kind.id(of: schoolID) }
        try execute(
            """
            insert into school_books
                (school_id, version, time_zone, supplier_id, cash_desk_id, acquiring_id, terminal_id, register_id)
            values (\(schoolID), \(version), \(zone.identifier), \(id(.supplier)), \(id(.cashDesk)),
                \(id(.acquiring)), \(id(.terminal)), \(id(.bankRegister)))
            on conflict (school_id) do update
            set version = excluded.version, time_zone = excluded.time_zone
            where excluded.version > school_books.version
            """)
    }

    /// Opens an account that only some schools need, when it is needed; opened before, nothing changes.
    ///
    /// - Returns: its id.
    func open(_ kind: OrganisationAccount, of schoolID: UUID, at now: Date) throws -> UUID {
        let id = kind.id(of: schoolID)
        try execute(
            """
            insert into account (id, kind, school_id, opened_at) values (\(id), \(kind.rawValue), \(schoolID), \(now))
            on conflict do nothing
            """)
        try execute("insert into organisation_balance (account_id) values (\(id)) on conflict do nothing")
        return id
    }
}

import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// When Identity says something of a pupil, his account is opened, moved to his new school or closed (AC-01).
///
/// What is on a closed account stays on it. Nothing is ever deleted.
struct WhenPupilAppears {
    let pupil: PupilChanged
    /// Of the pupil's state, with its owner's epoch: only a higher one applies.
    let version: Int64

    /// - Throws: `Unacceptable` when another child has the same account number or ИДН.
    func react(in transaction: borrowing Transaction, _ outbox: Outbox, cause: Cause? = nil, at now: Date) throws {
        try transaction.openBooks(of: pupil.schoolID, version: 0, zone: .moscow, at: now)
        let id = Account.id(of: pupil.personID)
        try transaction.execute(
            """
            insert into account (id, kind, school_id, person_id, opened_at)
            values (\(id), 'meals', \(pupil.schoolID), \(pupil.personID), \(now))
            on conflict do nothing
            """)
        let changed: Int
        do {
            changed = try transaction.execute(
                """
                insert into meals_account
                    (id, person_id, school_id, number, pupil_code, pupil_version, is_open, version)
                values (\(id), \(pupil.personID), \(pupil.schoolID), \(pupil.accountNumber), \(pupil.pupilCode),
                    \(version), \(!pupil.ended), 1)
                on conflict (id) do update
                set school_id = excluded.school_id, supplier_id = excluded.supplier_id, time_zone = excluded.time_zone,
                    number = excluded.number, pupil_code = excluded.pupil_code,
                    pupil_version = excluded.pupil_version, is_open = excluded.is_open,
                    version = meals_account.version + 1
                where excluded.pupil_version > meals_account.pupil_version
                """)
        } catch let error as PostgresError where Self.twins.contains(error.constraint ?? "") {
            throw Unacceptable("another child has account number \(pupil.accountNumber) or code \(pupil.pupilCode)")
        }
        guard changed > 0, let account = try transaction.account(of: pupil.personID, at: now) else { return }
        try outbox.publish(AccountChanged(account: account.state, ended: false), cause: cause, in: transaction)
    }

    private static let twins: Set = ["meals_account_number_unique", "meals_account_pupil_code_unique"]
}

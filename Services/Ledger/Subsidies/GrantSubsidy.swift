import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// Staff enters a certificate of entitlement: from now on the municipality's money comes by its schedule and is spent before
/// own money (AC-08). Entering the same certificate of a child twice enters it once.
struct GrantSubsidy {
    /// Made by the form, so that a form sent twice enters once.
    let id: UUID
    let child: UUID
    let title: String
    let certificate: String
    let issuer: String
    let validFrom: Day
    let validUntil: Day
    let purpose: SubsidyPurpose
    let amount: Money
    let rhythm: SubsidyRhythm
    /// Nil for an import.
    let by: UUID?

    /// The most one accrual may bring: beyond it is a slip of the finger.
    static let most = Money(kopecks: 5_000_000)
    static let longestText = 120

    /// Enters it and accrues what is due today.
    /// - Throws: `SubsidyRefused`.
    func run(in transaction: borrowing Transaction, at now: Date) throws {
        guard amount > .zero, amount <= Self.most else { throw SubsidyRefused.notAnAmount }
        guard validFrom <= validUntil else { throw SubsidyRefused.termOutOfOrder }
        guard [title, certificate, issuer].allSatisfy({ !$0.isEmpty && $0.count <= Self.longestText }) else {
            throw SubsidyRefused.incomplete
        }
        let mealsID = Account.id(of: child)
        guard try transaction.lock(accounts: [mealsID]).contains(mealsID), let account = try transaction.account(of: child, at: now)
        else { throw SubsidyRefused.noAccount }
        if let (meals, number, sum) = try transaction.first(
            "select meals_id, certificate, amount from subsidy where id = \(id)", as: UUID.self, String.self, Money.self)
        {
            guard meals == mealsID, number == certificate, sum == amount else { throw SubsidyRefused.repeatedWithOtherContents }
            return
        }
        let known = try transaction.first(
            "select 1 from subsidy where meals_id = \(mealsID) and certificate = \(certificate)", as: Int.self)
        guard known == nil else { throw SubsidyRefused.certificateKnown }
        let startsOn = max(validFrom, account.today)
        try transaction.execute(
            """
            insert into account (id, kind, school_id, person_id, opened_at)
            values (\(id), 'subsidy', \(account.schoolID), \(child), \(now))
            """)
        try transaction.execute(
            """
            insert into subsidy (id, meals_id, school_id, title, certificate, issuer, valid_from, valid_until, pays_for, amount,
                every, starts_on, accrued_through, entered_by, entered_at)
            values (\(id), \(mealsID), \(account.schoolID), \(title), \(certificate), \(issuer), \(validFrom), \(validUntil),
                \(purpose.rawValue), \(amount), \(rhythm.rawValue), \(startsOn), \(startsOn - 1), \(by), \(now))
            """)
        try transaction.execute("update meals_account set subsidised = true where id = \(mealsID) and not subsidised")
        _ = try AccrueSubsidies.accrue(id, in: transaction, at: now)
    }
}

/// Staff ends a subsidy before its term: nothing is spent from it any more, and the rest goes back at once (AC-08).
struct EndSubsidy {
    let id: UUID
    let school: UUID
    let by: UUID

    /// Ending twice changes nothing.
    /// - Throws: `SubsidyRefused.noSubsidy`.
    func run(in transaction: borrowing Transaction, at now: Date) throws {
        guard
            let (meals) = try transaction.first(
                "select meals_id from subsidy where id = \(id) and school_id = \(school)", as: UUID.self)
        else { throw SubsidyRefused.noSubsidy }
        _ = try transaction.lock(accounts: [meals])
        try transaction.execute("update subsidy set ended_by = \(by) where id = \(id) and ended_by is null and ended_at is null")
        _ = try AccrueSubsidies.accrue(id, in: transaction, at: now)
    }
}

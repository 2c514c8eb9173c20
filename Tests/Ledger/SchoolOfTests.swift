import Events
import Foundation
import Kernel
import Messaging
import Postgres
import Support

@testable import Ledger

/// A school with its books, two families and an accountant, in the database of the running test case.
struct SchoolOfTests {
    let database = TestDatabase.current.database
    let outbox = Outbox(service: "ledger")
    let school = UUID.v7()
    /// Two children of one family.
    let masha = UUID.v7()
    let egor = UUID.v7()
    /// A child of another family.
    let timur = UUID.v7()
    let accountant = UUID.v7()
    let mother = UUID.v7()
    let till = UUID.v7()

    /// A Friday, 12:47 in Moscow.
    static let noon = Date(timeIntervalSince1970: 1_795_168_020)
    let now = Self.noon
    var today: Day { SchoolZone.moscow.day(of: now) }

    var children: [UUID] { [masha, egor, timur] }

    /// Opens the accounts of all three children.
    func open() async throws {
        let pupils = children.enumerated().map { place, child in pupil(child, number: place + 1) }
        try await database.transaction { [school, now, outbox] tx in
            try tx.openBooks(of: school, version: 1, zone: .moscow, at: now)
            for pupil in pupils {
                try WhenPupilAppears(pupil: pupil, version: pupil.version).react(in: tx, outbox, at: now)
            }
        }
    }

    /// Who is paid for services; to be opened.
    var provider: UUID { .derived(from: school, "provider") }

    func openProvider(in transaction: borrowing Transaction) throws {
        try transaction.execute(
            "insert into account (id, kind, school_id, opened_at) values (\(provider), 'provider', \(school), \(now))")
        try transaction.execute("insert into organisation_balance (account_id) values (\(provider))")
    }

    func pupil(_ child: UUID, number: Int, version: Int64 = 1, ended: Bool = false) -> PupilChanged {
        PupilChanged(
            personID: child, version: version, schoolID: school,
            accountNumber: "027000000\(number)", pupilCode: "I44F2EUE\(number)", ended: ended)
    }

    /// Puts money on an account at the desk.
    @discardableResult
    func topUp(_ child: UUID, _ roubles: Int64, receipt: String = UUID().uuidString, at: Date? = nil) async throws -> Account {
        let topUp = TopUpAtDesk(
            id: .v7(), child: child, amount: Money(kopecks: roubles * 100), receipt: receipt, by: accountant)
        return try await database.transaction { [outbox, now] in try topUp.run(in: $0, outbox, at: at ?? now) }
    }

    func limit(_ child: UUID, _ roubles: Int64?, at: Date? = nil) async throws {
        let change = SetDailyLimit(child: child, limit: roubles.map { Money(kopecks: $0 * 100) }, by: mother)
        _ = try await database.transaction { [outbox, now] in try change.run(in: $0, outbox, at: at ?? now) }
    }

    func charge(
        _ child: UUID, _ roubles: Int64, _ kind: PurchaseKind = .personal, id: UUID = .v7(), sale: UUID = .v7(),
        attempt: Int = 1, what: String = "Обед № 2", expires: Date? = nil, offline: Day? = nil, allowance: UUID? = nil,
        till: UUID? = nil
    ) -> Charge {
        Charge(
            chargeID: id, saleID: sale, attempt: attempt, personID: child, amount: Money(kopecks: roubles * 100),
            kind: kind, what: what, tillID: till, soldAt: now, expiresAt: expires, offlineDay: offline, allowanceID: allowance)
    }

    func withdrawal(of charge: Charge) -> WithdrawCharge {
        WithdrawCharge(
            chargeID: charge.chargeID, saleID: charge.saleID, attempt: charge.attempt, personID: charge.personID,
            reason: "no answer within 1 s")
    }

    /// Decides charges in one batch.
    @discardableResult
    func decide(_ charges: [Charge], at: Date? = nil) async throws -> [ChargeOutcome?] {
        try await database.transaction { [now] in try $0.decide(charges, at: at ?? now) }
    }

    @discardableResult
    func withdraw(_ charges: [Charge], at: Date? = nil) async throws -> [ChargeOutcome?] {
        let withdrawals = charges.map(withdrawal)
        return try await database.transaction { [now] in try $0.withdraw(withdrawals, at: at ?? now) }
    }

    func account(_ child: UUID, at: Date? = nil) async throws -> Account? {
        try await database.read { [now] in try $0.account(of: child, at: at ?? now) }
    }

    func firstDifference() async throws -> String? {
        try await database.read { try VerifyBooks.firstDifference(in: $0) }
    }

    /// The names of the events that wait to be sent, in their order.
    func said() async throws -> [String] {
        try await database.read { try $0.rows("select routing_key from outbox order by seq", as: String.self) }
    }
}

extension ChargeOutcome {
    /// What the naive rules would have answered.
    var answer: NaiveBooks.Answer? {
        switch verdict {
        case .differs: .differs
        case .early: .early
        case .new, .repeat: state.map { .ended($0, reason) }
        }
    }
}

extension Money {
    static func roubles(_ roubles: Int64) -> Money { Money(kopecks: roubles * 100) }
}

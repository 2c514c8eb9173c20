import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// A teacher notes who of a class was at a paid lesson, and each is charged by himself (AC-13): who has no money is marked so, his
/// guardians are told, and nobody else is kept waiting for it (D-02).
struct ChargeClass {
    let service: UUID
    let day: Day
    let children: [UUID]
    let by: UUID

    enum Outcome: Equatable {
        case paid
        /// Charged for this day before.
        case paidBefore
        case noMoney
        /// His guardians have not subscribed him: nobody is charged for what he did not ask for.
        case notSubscribed
    }

    /// Each child in a transaction of his own.
    ///
    /// - Throws: `ServiceRefused`.
    func run(_ database: Database, _ outbox: Outbox, at now: Date) async throws -> [UUID: Outcome] {
        var outcomes: [UUID: Outcome] = [:]
        for child in children where outcomes[child] == nil {
            outcomes[child] = try await database.transaction { try charge(child, in: $0, outbox, at: now) }
        }
        return outcomes
    }

    func charge(_ child: UUID, in transaction: borrowing Transaction, _ outbox: Outbox, at now: Date) throws -> Outcome {
        let accountID = Account.id(of: child)
        _ = try transaction.lock(accounts: [accountID])
        guard let account = try transaction.account(of: child, at: now), let offer = try transaction.paidService(service, on: account.today),
            offer.schoolID == account.schoolID, account.isOpen
        else { return .notSubscribed }
        guard offer.rhythm == .visit else { throw ServiceRefused.notByVisit }
        guard day <= account.today, day > account.today - ServicePeriod.daysForVisit else { throw ServiceRefused.dayOutOfReach }
        guard let subscription = try transaction.subscriptions(.children([child], of: service)).first(where: { $0.holds(on: day) }),
            let period = offer.period(holding: day, startsOn: subscription.startsOn)
        else { return .notSubscribed }
        guard let due = try transaction.owe(period, of: offer, by: subscription, at: now) else { return .notSubscribed }
        let isPaid = try transaction.first("select state = 'paid' from service_due where id = \(due)", as: Bool.self) ?? false
        if isPaid { return .paidBefore }
        switch try ChargeDue(due: due, by: by, notesRefusal: true).run(in: transaction, outbox, at: now) {
        case .paid: return .paid
        case .noMoney: return .noMoney
        case .lapsed: return .notSubscribed
        }
    }
}

/// Why a service was not entered, changed or charged.
enum ServiceRefused: Error, Equatable {
    case noService
    case incomplete
    case notAnAmount
    case termOutOfOrder
    case noPlaces
    case notByVisit
    /// Not in the future, and not longer ago than a teacher may note.
    case dayOutOfReach
    /// The same form was sent before with other contents.
    case repeatedWithOtherContents
}

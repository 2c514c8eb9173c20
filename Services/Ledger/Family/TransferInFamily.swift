import Directory
import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// A guardian moves money from one of his children to another (AC-09, BY-04): at once, without a fee, without an office.
///
/// The id is made by the form before it is sent, so a form sent twice moves once. What is held for a child stays with him.
struct TransferInFamily: Equatable {
    let id: UUID
    let from: UUID
    let to: UUID
    let amount: Money
    let by: UUID

    /// The most one transfer may move: beyond it is a slip of the finger.
    static let most = Money(kopecks: 10_000_000)

    /// Posts the transfer and says how both accounts stand.
    ///
    /// Whether both children are the guardian's is not asked here: the route asks about the giver, the form about the receiver.
    /// - Throws: `TransferRefused`.
    func run(in transaction: borrowing Transaction, _ outbox: Outbox, at now: Date) throws {
        guard amount > .zero, amount <= Self.most else { throw TransferRefused.notAnAmount }
        guard from != to else { throw TransferRefused.sameChild }
        let (giverID, receiverID) = (Account.id(of: from), Account.id(of: to))
        _ = try transaction.lock(accounts: [giverID, receiverID])
        if let (kind, giver, receiver, sum) = try transaction.first(
            "select kind, account_id, other_id, amount from movement where id = \(id)",
            as: String.self, UUID.self, UUID?.self, Money.self)
        {
            guard kind == Posting.Kind.familyTransfer.rawValue, giver == giverID, receiver == receiverID, sum == amount
            else { throw TransferRefused.repeatedWithOtherContents }
            return
        }
        guard let giver = try transaction.account(of: from, at: now), let receiver = try transaction.account(of: to, at: now)
        else { throw TransferRefused.noAccount }
        guard receiver.isOpen else { throw TransferRefused.receiverClosed }
        guard amount <= giver.available else { throw TransferRefused.notEnough(giver.available) }
        try transaction.post(
            Posting(
                id: id, kind: .familyTransfer, accountID: giverID, otherID: receiverID, amount: amount, day: giver.today, by: by,
                legs: [.meals(giverID, -amount), .meals(receiverID, amount)]),
            at: now)
        for child in [from, to] {
            guard let account = try transaction.account(of: child, at: now) else { continue }
            try outbox.publish(AccountChanged(account: account.state), in: transaction)
        }
    }
}

/// Why money did not move between two children.
enum TransferRefused: Error, Equatable {
    case notAnAmount
    case sameChild
    case noAccount
    case receiverClosed
    /// What could have been given; what is held does not count.
    case notEnough(Money)
    /// The same form was sent before with other children or another sum.
    case repeatedWithOtherContents
}

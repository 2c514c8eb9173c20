import Foundation
import Kernel
import Postgres

/// A guardian names the sum under which he wants to be told that money runs low, or that he does not.
struct SetLowBalance {
    let child: UUID
    /// Nil: nobody is told.
    let below: Money?

    /// The most that a form accepts: beyond it is a slip of the finger.
    static let most = Money(kopecks: 1_000_000)

    /// - Returns: whether the child has an account.
    func run(in transaction: borrowing Transaction) throws -> Bool {
        try transaction.execute("update meals_account set low_below = \(below) where id = \(Account.id(of: child))") == 1
    }
}

extension Transaction {
    /// The sum under which the guardians are told; nil when they are not.
    func lowBelow(of child: UUID) throws -> Money? {
        try first("select low_below from meals_account where id = \(Account.id(of: child))", as: Money?.self) ?? nil
    }
}

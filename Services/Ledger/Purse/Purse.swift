import Directory
import Events
import Foundation
import Kernel
import Postgres
import Web

/// One child's account as the family sees it: how much there is, how long it lasts, what may be spent today.
///
/// Names come from the reader's own token: Ledger keeps none (D-05). Whoever has no such name, an accountant, reads
/// the account number.
struct Purse: Encodable, Sendable, Equatable {
    /// How full the daily limit is (AC-07).
    struct Limit: Encodable, Sendable, Equatable {
        let limit: Money
        let left: Money
        let limitText: String
        let leftText: String
        /// "30%", for the bar.
        let percent: String
        let isUsedUp: Bool
        let label: String
    }

    let child: UUID
    let title: String
    let accent: String
    let accountNumber: String
    let accountNumberText: String
    let pupilCode: String
    let isOpen: Bool
    let balance: Money
    /// The large figure, and its small remainder with the currency.
    let balanceWhole: String
    let balanceRest: String
    let balanceText: String
    let isDebt: Bool
    let lead: String?
    let held: Money
    let spentToday: Money
    let spentTodayText: String
    let limit: Limit?
    let statementPath: String
    let limitPath: String
    let balancePath: String
    let topUpPath: String
}

extension Purse {
    init(_ account: Account, lunch: Money?, for visit: Visit) {
        let claim = visit.viewer.children.first { $0.id == account.personID }
        let figure = visit.format.parts(account.balance)
        let path = "/ledger/children/\(account.personID.text)"
        let rule = account.limit
        self.init(
            child: account.personID, title: claim?.name ?? account.number.spacedNumber, accent: claim?.accent.rawValue ?? "sea",
            accountNumber: account.number, accountNumberText: account.number.spacedNumber, pupilCode: account.pupilCode,
            isOpen: account.isOpen, balance: account.balance, balanceWhole: figure.whole, balanceRest: figure.rest,
            balanceText: visit.money(account.balance), isDebt: account.balance < .zero,
            lead: visit.howLongItLasts(account, lunch: lunch), held: account.held, spentToday: account.spentToday,
            spentTodayText: visit.money(account.spentToday),
            limit: rule.limit.map { limit in
                let left = rule.left ?? .zero
                return Limit(
                    limit: limit, left: left, limitText: visit.money(limit), leftText: visit.money(left),
                    percent: "\(rule.percent ?? 0)%", isUsedUp: left == .zero,
                    label: visit.tr("Spent today %@ of %@", visit.money(account.spentToday), visit.money(limit)))
            },
            statementPath: path + "/statement", limitPath: path + "/limit", balancePath: path + "/balance",
            topUpPath: path + "/top-up")
    }
}

extension String {
    /// An account number as people read it aloud: `0270 391 482`.
    var spacedNumber: String {
        guard count == 10 else { return self }
        return "\(prefix(4))\u{a0}\(dropFirst(4).prefix(3))\u{a0}\(suffix(3))"
    }
}

import Directory
import Foundation
import Kernel
import Postgres
import Web

/// All own children side by side: how much each has, what is left of the day's limit (AC-07, AC-17).
struct PursePage: Page {
    static let template = "purse/index"
    let title: String
    let section = "money"
    let purses: [Purse]
    let isEmpty: Bool
}

/// One child's balance: a piece of other services' pages, and a number for programs (AC-17).
struct BalancePage: Page {
    static let template = "purse/balance"
    let title: String
    let section = "money"
    let purse: Purse
}

extension PursePage {
    init(for visit: Visit, _ database: Database) async throws {
        let purses = try await database.read { tx in
            let children = try Directory.children(of: visit.viewer, .seeMoney, at: visit.now, in: tx)
            let accounts = Dictionary(
                try tx.accounts(.children(children.map(\.id)), at: visit.now).map { ($0.personID, $0) },
                uniquingKeysWith: { $1 })
            // In the order in which the family's other pages show them: that of the token.
            let order = visit.viewer.children.map(\.id)
            let lunches = try tx.usualLunches(of: accounts.values.map(\.id))
            return children.compactMap { accounts[$0.id] }
                .sorted { order.place(of: $0.personID) < order.place(of: $1.personID) }
                .map { Purse($0, lunch: lunches[$0.id], for: visit) }
        }
        self.init(title: visit.tr("Money"), purses: purses, isEmpty: purses.isEmpty)
    }
}

extension BalancePage {
    init(for visit: Visit, _ database: Database) async throws {
        let child = try visit.uuid("child")
        let purse = try await database.read { tx -> Purse? in
            try tx.account(of: child, at: visit.now).map {
                Purse($0, lunch: try tx.usualLunch(of: $0.id), for: visit)
            }
        }
        guard let purse else { throw Problem.notFound }
        self.init(title: visit.tr("Money"), purse: purse)
    }
}

extension [UUID] {
    fileprivate func place(of id: UUID) -> Int { firstIndex(of: id) ?? count }
}

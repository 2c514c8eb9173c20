import Directory
import Events
import Foundation
import Kernel
import Postgres
import Web

/// What the children a tutor answers for have on their accounts (AC-15): those first whose money is short. A child is his account
/// number and pupil code here, as on every page of money (D-05).
struct ClassBalancesPage: Page {
    struct Child: Encodable, Sendable, Equatable {
        let accountNumber: String
        let pupilCode: String
        let rosterNumber: String?
        let balance: Money
        let balanceText: String
        /// How long it lasts; nil where no lunch was bought yet and there is money.
        let state: String?
        /// A debt, or not enough for a lunch.
        let isShort: Bool
    }

    static let template = "balances/class"
    let title: String
    let section = "refunds"
    /// The classes he may look at.
    let classes: [StatementPage.Choice]
    let hasClasses: Bool
    /// The class that is shown; nil when he has none.
    let className: String?
    let summary: String
    let children: [Child]
    let hasChildren: Bool
}

extension ClassBalancesPage {
    init(for visit: Visit, _ database: Database) async throws {
        let asked = visit.query("class").flatMap(UUID.init(uuidString:))
        let (classes, chosen, rows) = try await database.read { tx -> ([ClassRecord], ClassRecord?, [Row]) in
            let classes = try tx.classesWatched(by: visit)
            // Another's class reads as one that is not there.
            let chosen = asked == nil ? classes.first : classes.first { $0.id == asked }
            guard let chosen else { return (classes, nil, []) }
            let pupils = try Directory.pupils(of: chosen.id, in: tx)
            let accounts = try tx.accounts(.children(pupils.map(\.id)), at: visit.now)
            let lunches = try tx.usualLunches(of: accounts.map(\.id))
            let numbers = Dictionary(pupils.map { ($0.id, $0.rosterNumber) }, uniquingKeysWith: { first, _ in first })
            return (
                classes, chosen,
                accounts.filter(\.isOpen).map { Row(account: $0, lunch: lunches[$0.id], rosterNumber: numbers[$0.personID] ?? nil) }
            )
        }
        if asked != nil, chosen == nil { throw Problem.notFound }
        let children = rows.sorted { ($0.isShort ? 0 : 1, $0.account.number) < ($1.isShort ? 0 : 1, $1.account.number) }.map { row in
            Child(
                accountNumber: row.account.number.spacedNumber, pupilCode: row.account.pupilCode, rosterNumber: row.rosterNumber,
                balance: row.account.balance, balanceText: visit.plain(row.account.balance),
                state: row.words(visit), isShort: row.isShort)
        }
        let short = children.count(where: \.isShort)
        self.init(
            title: visit.tr("Balances of a class"),
            classes: classes.map {
                .init(
                    title: $0.name.text, path: "/ledger/class-balances?class=\($0.id.text)", isCurrent: $0.id == chosen?.id, accent: nil)
            },
            hasClasses: classes.count > 1, className: chosen?.name.text,
            summary: short == 0 ? visit.tr("Everybody has enough.") : visit.trn(short, "The money of one child is short.", "The money of %d children is short."),
            children: children, hasChildren: !children.isEmpty)
    }

    private struct Row: Sendable {
        let account: Account
        let lunch: Money?
        let rosterNumber: String?

        func words(_ visit: Visit) -> String? {
            if account.balance < .zero { return visit.tr("in debt") }
            if account.available <= .zero { return visit.tr("no money") }
            guard let lunch, lunch > .zero else { return nil }
            let count = Int(account.available.kopecks / lunch.kopecks)
            return count == 0 ? visit.tr("less than a lunch") : visit.trn(count, "for one lunch", "for %d lunches")
        }

        var isShort: Bool { account.balance < .zero || lunch.map { account.available < $0 } ?? (account.available <= .zero) }
    }
}

extension Transaction {
    /// A tutor's own class, or every class of a school where he has none.
    fileprivate func classesWatched(by visit: Visit) throws -> [ClassRecord] {
        let places = try Directory.places(of: visit.viewer, .watchBalances, in: self)
        let own = try places.compactMap(\.classID).compactMap { try Directory.schoolClass($0, in: self) }
        let schools = Set(places.filter { $0.classID == nil }.map(\.schoolID))
        let all = try own + schools.flatMap { try Directory.classes(ofSchool: $0, in: self) }
        return Dictionary(all.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first }).values.sorted { $0.name < $1.name }
    }
}

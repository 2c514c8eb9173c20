import Directory
import Foundation
import Kernel
import Postgres
import Web

/// What terminals and banks say they brought beside what came (AC-03): an accountant sees every difference.
///
/// Account numbers only (D-05).
struct ReconciliationPage: Page {
    struct Partners: Encodable, Sendable, Equatable {
        let title: String
        let latest: String
    }

    struct Line: Encodable, Sendable, Equatable {
        let partner: String
        let number: String
        let day: Day
        let dayText: String
        let kind: String
        let words: String
        let account: String
        let ours: Money?
        let oursText: String
        let theirs: Money?
        let theirsText: String
    }

    struct Conflict: Encodable, Sendable, Equatable {
        let partner: String
        let number: String
        let account: String
        let amountText: String
        let times: Int
    }

    static let template = "desk/reconciliation"
    let title: String
    let section = "desk"
    let partners: [Partners]
    let hasPartners: Bool
    let lines: [Line]
    let hasLines: Bool
    let conflicts: [Conflict]
    let hasConflicts: Bool
}

extension ReconciliationPage {
    init(for visit: Visit, _ database: Database) async throws {
        let (partners, lines, conflicts) = try await database.read { tx in
            let schools = try tx.deskSchools(of: visit.viewer)
            let partners = try tx.rows(
                """
                select p.title, (select max(d.day) from register_day d where d.partner_id = p.id)
                from partner p order by p.name
                """, as: String.self, Day?.self)
            let conflicts = try tx.rows(
                """
                select p.title, c.number, c.account_number, c.amount, c.times
                from partner_conflict c join partner p on p.id = c.partner_id
                left join meals_account m on m.number = c.account_number
                where m.school_id is null or m.school_id = any(\(schools))
                order by c.last_seen_at desc limit 100
                """, as: String.self, String.self, String.self, Money?.self, Int.self)
            return (partners, try tx.registerDifferences(schools: schools), conflicts)
        }
        self.init(
            title: visit.tr("Registers of terminals and banks"),
            partners: partners.map { partner in
                Partners(
                    title: partner.0,
                    latest: partner.1.map { visit.tr("the latest register is of %@", visit.date($0)) } ?? visit.tr("no register has come yet"))
            },
            hasPartners: !partners.isEmpty, lines: lines.map { Line($0, visit) }, hasLines: !lines.isEmpty,
            conflicts: conflicts.map {
                Conflict(
                    partner: $0.0, number: $0.1, account: $0.2.spacedNumber, amountText: $0.3.map(visit.plain) ?? "—", times: $0.4)
            },
            hasConflicts: !conflicts.isEmpty)
    }
}

extension ReconciliationPage.Line {
    fileprivate init(_ difference: RegisterDifference, _ visit: Visit) {
        let (kind, words) =
            switch (difference.ours, difference.theirs) {
            case (_, nil): ("onlyOurs", visit.tr("only with us"))
            case (nil, _): ("onlyTheirs", visit.tr("only in the register"))
            case (let ours, let theirs) where ours == theirs: ("otherAccount", visit.tr("another account"))
            default: ("otherSum", visit.tr("another sum"))
            }
        let accounts = [difference.ourAccount, difference.theirAccount].compactMap(\.self)
        self.init(
            partner: difference.partner, number: difference.number, day: difference.day, dayText: visit.date(difference.day), kind: kind,
            words: words, account: accounts.first == accounts.last ? (accounts.first ?? "").spacedNumber : accounts.map(\.spacedNumber).joined(separator: " ≠ "),
            ours: difference.ours, oursText: difference.ours.map(visit.plain) ?? "—", theirs: difference.theirs,
            theirsText: difference.theirs.map(visit.plain) ?? "—")
    }
}

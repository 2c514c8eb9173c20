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
        /// Puts it on the account; nil where that cannot be.
        let creditPath: String?
        let partnerName: String
    }

    struct DayLine: Encodable, Sendable, Equatable {
        let partner: String
        let day: Day
        let dayText: String
        let file: String
        let oursText: String
        let theirsText: String
        let isEven: Bool
    }

    /// Bringing a register in by hand.
    struct Form: Encodable, Sendable, Equatable {
        let partner: Field
        let day: Field
        let file: Field
        let text: Field
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
    /// The latest days of registers, newest first.
    let days: [DayLine]
    let hasDays: Bool
    /// What was just done.
    let done: String?
    let wrong: String?
    let form: Form?
    let lines: [Line]
    let hasLines: Bool
    let conflicts: [Conflict]
    let hasConflicts: Bool
}

extension ReconciliationPage {
    init(for visit: Visit, _ database: Database, wrong: FieldErrors = FieldErrors()) async throws {
        let typed = wrong.messages.isEmpty ? nil : try await visit.form()
        let (partners, lines, conflicts, days) = try await database.read { tx in
            let schools = try tx.deskSchools(of: visit.viewer)
            let partners = try tx.rows(
                """
                select p.title, (select max(d.day) from register_day d where d.partner_id = p.id), p.name
                from partner p order by p.name
                """, as: String.self, Day?.self, String.self)
            let conflicts = try tx.rows(
                """
                select p.title, c.number, c.account_number, c.amount, c.times
                from partner_conflict c join partner p on p.id = c.partner_id
                left join meals_account m on m.number = c.account_number
                where m.school_id is null or m.school_id = any(\(schools))
                order by c.last_seen_at desc limit 100
                """, as: String.self, String.self, String.self, Money?.self, Int.self)
            return (partners, try tx.registerDifferences(schools: schools), conflicts, try tx.registerDays(schools: schools))
        }
        self.init(
            title: visit.tr("Registers of terminals and banks"),
            partners: partners.map { partner in
                Partners(
                    title: partner.0,
                    latest: partner.1.map { visit.tr("the latest register is of %@", visit.date($0)) } ?? visit.tr("no register has come yet"))
            },
            hasPartners: !partners.isEmpty,
            days: days.map { day in
                DayLine(
                    partner: day.partner, day: day.day, dayText: visit.date(day.day), file: day.file,
                    oursText: "\(visit.plain(day.ours)) · \(day.ourCount)", theirsText: "\(visit.plain(day.theirs)) · \(day.theirCount)",
                    isEven: day.isEven)
            },
            hasDays: !days.isEmpty,
            done: visit.query("lines").flatMap(Int.init).map { visit.trn($0, "The register of one payment is in.", "The register of %d payments is in.") },
            wrong: wrong["id"], form: Form(partners.map { ($0.2, $0.0) }, typed, wrong, visit), lines: lines.map { Line($0, visit) }, hasLines: !lines.isEmpty,
            conflicts: conflicts.map {
                Conflict(
                    partner: $0.0, number: $0.1, account: $0.2.spacedNumber, amountText: $0.3.map(visit.plain) ?? "—", times: $0.4)
            },
            hasConflicts: !conflicts.isEmpty)
    }
}

extension ReconciliationPage.Form {
    /// - Parameter partners: name and title of each; without one there is no form.
    fileprivate init?(_ partners: [(name: String, title: String)], _ typed: Web.Form?, _ wrong: FieldErrors, _ visit: Visit) {
        guard let first = partners.first else { return nil }
        let chosen = typed?["partner"] ?? first.name
        self.init(
            partner: .choice(
                "partner", visit.tr("Whose register"), partners.map { .init($0.name, $0.title, isChosen: $0.name == chosen) },
                wrong: wrong["partner"]),
            day: .day("day", visit.tr("Day, if nothing was paid on it"), value: typed?["day"] ?? "", wrong: wrong["day"]),
            file: .file(
                "file", visit.tr("The register's file"), accept: ".csv,.txt,text/csv,text/plain",
                hint: visit.tr("CSV in UTF-8 or windows-1251, the header first: txn_id,date,account,sum. What was known of its days is replaced. One of more than a megabyte is brought in by the operator."),
                wrong: wrong["file"]),
            text: .area(
                "text", visit.tr("Or its rows, pasted"), value: typed?["text"] ?? "",
                hint: visit.tr("The header first here too, commas or semicolons between."),
                wrong: wrong["text"], most: ReconciliationForm.longest))
    }
}

extension ReconciliationPage.Line {
    fileprivate init(_ difference: RegisterDifference, _ visit: Visit) {
        let (kind, words) =
            switch (difference.ours, difference.theirs) {
            case (_, nil): ("onlyOurs", visit.tr("only with us"))
            case (nil, _) where difference.isCancelled: ("cancelled", visit.tr("cancelled with us"))
            case (nil, _): ("onlyTheirs", visit.tr("only in the register"))
            case (let ours, let theirs) where ours == theirs: ("otherAccount", visit.tr("another account"))
            default: ("otherSum", visit.tr("another sum"))
            }
        let accounts = [difference.ourAccount, difference.theirAccount].compactMap(\.self)
        self.init(
            partner: difference.partner, number: difference.number, day: difference.day, dayText: visit.date(difference.day), kind: kind,
            words: words, account: accounts.first == accounts.last ? (accounts.first ?? "").spacedNumber : accounts.map(\.spacedNumber).joined(separator: " ≠ "),
            ours: difference.ours, oursText: difference.ours.map(visit.plain) ?? "—", theirs: difference.theirs,
            theirsText: difference.theirs.map(visit.plain) ?? "—", creditPath: difference.creditPath, partnerName: difference.name)
    }
}

import Directory
import Events
import Foundation
import Kernel
import Web

/// Everything that is kept about a person, to read and to print; its JSON is the same for a program.
struct ExportPage: Page {
    static let template = "export/show"

    struct Fact: Encodable, Sendable {
        let label: String
        let value: String
    }

    struct Row: Encodable, Sendable {
        let facts: [Fact]
    }

    struct Part: Encodable, Sendable {
        let table: String
        let title: String
        let rows: [Row]
    }

    let title: String
    let section = "profile"
    let person: UUID
    let name: String
    let parts: [Part]
    let file: String
    let deletion: String
    /// The files of all services, one after the other: what makes the whole package.
    let files: [ProfileSafety.Link]
    let package: String
    let others: [ProfileSafety.Link]
    let hasOthers: Bool

    init(_ visit: Visit, _ export: PersonalExport, name: PersonName, child: UUID?) {
        title = visit.tr("What is kept")
        person = export.personID
        self.name = name.full
        let base = child.map { "/identity/children/\($0.text)" } ?? "/identity/profile"
        file = base + "/export.json"
        deletion = base + "/deletion"
        package = "zvonok-\(export.personID.text).json"
        let services: [(String, String)] = [
            ("journal", "Diary and marks"), ("access", "Cards"), ("canteen", "Diet and meals"), ("notifier", "Letters"), ("ledger", "Money"),
        ]
        files = [ProfileSafety.Link(title: visit.tr("People and access"), address: base + "/export.json")]
            + services.filter { child != nil || $0.0 != "ledger" }.map { service, title in
                ProfileSafety.Link(
                    title: visit.tr(title), address: child.map { "/\(service)/children/\($0.text)/kept" } ?? "/\(service)/kept")
            }
        parts = export.parts.map { part in
            Part(
                table: part.table, title: visit.tr(part.title),
                rows: part.rows.map { row in
                    Row(
                        facts: zip(part.labels, row).compactMap { label, value in
                            value.map { Fact(label: visit.tr(label), value: visit.kept($0)) }
                        })
                })
        }
        others = visit.viewer.isPupil || !visit.viewer.children.isEmpty ? ProfileSafety.elsewhere(visit) : []
        hasOthers = !others.isEmpty
    }
}

/// The wish to be forgotten: what it means, when it is due, how it is taken back.
struct DeletionPage: Page {
    static let template = "export/deletion"
    let title: String
    let section = "profile"
    let name: String?
    let isOpen: Bool
    let mayAsk: Bool
    let refusal: String?
    let requested: String?
    let due: String?
    let warning: String?
    let kept: [String]
    let action: String
    let cancel: String
    let password: Field

    init(_ visit: Visit, _ state: DeletionState, child: (id: UUID, name: PersonName)?, wrong: String? = nil) {
        title = visit.tr("Deletion")
        name = child?.name.full
        isOpen = state.open != nil
        refusal = state.open == nil ? state.rule.refusal.map { visit.tr($0.text) } : nil
        mayAsk = state.open == nil && state.rule.refusal == nil
        requested = state.open.map { visit.format.date(visit.zone.day(of: $0.requestedAt), thisYear: visit.today.year) }
        due = state.open.map { visit.format.date(visit.zone.day(of: $0.dueAt), thisYear: visit.today.year) }
        warning = child == nil && !state.lonely.isEmpty
            ? visit.tr("Nobody else sees the diary of %@.", state.lonely.map(\.short).joined(separator: ", ")) : nil
        kept = [
            visit.tr("Movements of money stay in the school's books for five years, by account number and without a name."),
            visit.tr("Marks and attendance stay in the journal of the class by law, without a name."),
            visit.tr("Passages, cards, remarks, comments, notices and letters go in every part of the system."),
        ]
            + PersonalRecord.all.compactMap { record in
                guard case .kept(let why) = record.end, !record.about.isEmpty else { return nil }
                return visit.tr(why)
            }
        let base = child.map { "/identity/children/\($0.id.text)" } ?? "/identity/profile"
        action = base + "/deletion"
        cancel = base + "/deletion/end"
        password = .password("password", visit.tr("Your present password"), wrong: wrong)
    }
}

extension Visit {
    private static let factNames: Set<String> = [
        "role", "class", "subject", "count", "purpose", "version", "left", "second step", "signs in passwords", "added", "changed", "ended",
        "lines refused",
    ]

    /// A kept value as a person reads it: moments and days in his words, the rest as it is.
    func kept(_ value: String) -> String {
        switch value {
        case "yes": return tr("yes")
        case "no": return tr("no")
        default: break
        }
        if let day = Day(value) { return format.date(day, thisYear: 0) }
        let words = value.split(separator: ", ").compactMap { Topic(rawValue: String($0)) }
        if !words.isEmpty, words.map(\.rawValue).joined(separator: ", ") == value {
            return words.map { tr($0.rawValue) }.joined(separator: ", ")
        }
        // Facts of the log: «role: cashier; class: 7 «Б»».
        let facts = value.split(separator: "; ").map { $0.split(separator: ": ", maxSplits: 1).map(String.init) }
        if facts.allSatisfy({ $0.count == 2 && Self.factNames.contains($0[0]) }) {
            return self.facts(Dictionary(facts.map { ($0[0], $0[1]) }, uniquingKeysWith: { first, _ in first }))
        }
        if let moment = Date(iso8601: value) {
            return "\(format.date(zone.day(of: moment), thisYear: 0)), \(format.time(moment))"
        }
        return AuditAction(rawValue: value).map { tr($0.text) } ?? Role(rawValue: value).map { tr($0.english) } ?? tr(value)
    }
}

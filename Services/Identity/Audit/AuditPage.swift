import Events
import Foundation
import Kernel
import Web

/// Who changed what about whom, and when.
struct AuditPage: Page {
    static let template = "audit/index"

    struct Entry: Encodable, Sendable {
        let id: UUID
        /// ISO 8601, for programs.
        let at: String
        let when: String
        let action: String
        let what: String
        let by: String
        let byID: UUID?
        let about: String?
        let aboutLink: String?
        let detail: String?
        let facts: [String: String]
    }

    let title: String
    let section = "staff"
    /// The person it is narrowed to.
    let person: UUID?
    let personName: String?
    let name: Field
    let from: Field
    let to: Field
    let entries: [Entry]
    let isEmpty: Bool
    let empty: StateBlock
    /// The next page.
    let older: String?

    init(
        _ visit: Visit, _ found: [AuditLog.Entry], filter: AuditFilter, person: UUID?, personName: PersonName?, wrong: [String: String]
    ) {
        title = visit.tr("Log of changes")
        self.person = person
        self.personName = personName?.full
        name = .text("q", visit.tr("Name of who did it or whom it concerns"), value: filter.text, type: "search", most: 100)
        from = .day("from", visit.tr("From the day"), value: filter.fromText, wrong: wrong["from"])
        to = .day("to", visit.tr("To the day"), value: filter.toText, wrong: wrong["to"])
        entries = found.prefix(AuditFilter.pageSize).map { entry in
            Entry(
                id: entry.id, at: entry.at.iso8601, when: visit.format.moment(entry.at, now: visit.now), action: entry.rawAction,
                what: entry.action.map { visit.tr($0.text) } ?? entry.rawAction,
                by: entry.by?.full ?? visit.tr("the installation"), byID: entry.byID,
                about: entry.aboutID == entry.byID ? nil : entry.about?.full,
                aboutLink: entry.aboutID == entry.byID ? nil : entry.aboutID.map { "/identity/audit?person=\($0.text)" },
                detail: entry.detail.isEmpty ? nil : visit.facts(entry.detail), facts: entry.detail)
        }
        isEmpty = entries.isEmpty
        empty = .empty(visit.tr("Nothing was changed"), visit.tr("Nothing in the log fits what you look for."))
        older = found.count > AuditFilter.pageSize ? filter.address(after: found[AuditFilter.pageSize - 1].id) : nil
    }
}

/// What somebody looks for in the log, as it stands in the address.
struct AuditFilter: Sendable, Equatable {
    static let pageSize = 50
    var text = ""
    var fromText = ""
    var toText = ""
    var person: UUID?

    /// The address of the page after an entry.
    func address(after id: UUID) -> String {
        var parts: [String] = []
        for (key, value) in [("q", text), ("from", fromText), ("to", toText), ("person", person?.text ?? "")] where !value.isEmpty {
            parts.append("\(key)=\(value.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "")")
        }
        return "/identity/audit?" + (parts + ["after=\(id.text)"]).joined(separator: "&")
    }
}

extension Visit {
    /// «role: cashier; class: 7 «Б»» in the reader's language.
    func facts(_ detail: [String: String]) -> String {
        detail.sorted { $0.key < $1.key }.map { key, value in
            "\(tr(key)): \(Role(rawValue: value).map { tr($0.english) } ?? tr(value))"
        }.joined(separator: "; ")
    }
}

import Directory
import Events
import Foundation
import Kernel
import Postgres
import Web

/// The log of changes, for whoever administers a school.
struct AuditRoutes: Sendable {
    let cabinet: Cabinet

    func add(to book: inout RouteBook) {
        book.page("/identity/audit", .administer, about: .anySchool) { visit in
            var filter = AuditFilter(
                text: String((visit.query("q") ?? "").prefix(100)), fromText: String((visit.query("from") ?? "").prefix(20)),
                toText: String((visit.query("to") ?? "").prefix(20)))
            filter.person = visit.query("person").flatMap { UUID(uuidString: $0) }
            var wrong: [String: String] = [:]
            func day(_ field: String, _ text: String) -> Day? {
                guard !text.isEmpty else { return nil }
                guard let day = Day(text) else {
                    wrong[field] = visit.tr("This is no day.")
                    return nil
                }
                return day
            }
            let (first, last) = (day("from", filter.fromText), day("to", filter.toText))
            if let first, let last, last < first { wrong["to"] = visit.tr("The period ends before it begins.") }
            let (zone, viewer, after) = (visit.zone, visit.viewer.personID, visit.query("after").flatMap { UUID(uuidString: $0) })
            let (isWrong, asked) = (!wrong.isEmpty, filter)
            let found = try await cabinet.database.read { transaction -> ([AuditLog.Entry], PersonName?) in
                var log = AuditLog(schools: try SchoolsOf.keeper(viewer, Role.administering, in: transaction))
                log.person = asked.person
                log.words = LoginName.key(asked.text).split(whereSeparator: \.isWhitespace).map(String.init)
                log.from = first.map { zone.start(of: $0) }
                log.until = last.map { zone.start(of: $0.adding(days: 1)) }
                log.after = after
                log.limit = AuditFilter.pageSize + 1
                let entries = isWrong ? [] : try log.run(in: transaction)
                // Whoever is narrowed to is named from what the reader may see of him, so that no name is told to a stranger.
                let name = entries.first { $0.aboutID == asked.person }?.about ?? entries.first { $0.byID == asked.person }?.by
                return (entries, name)
            }
            return AuditPage(visit, found.0, filter: filter, person: filter.person, personName: found.1, wrong: wrong)
        }
    }
}

import Directory
import Foundation
import Kernel
import Postgres
import Web

/// Who comes to one's class or school by a transfer, and who leaves it.
struct ArrivalsPage: Page {
    static let template = "arrivals/index"

    struct Row: Encodable, Sendable {
        let id: UUID
        let kind: String
        let time: String
        let line: String
        /// Where it is decided; only for those who decide, and while the pupil comes to them.
        let href: String?
    }

    let title: String
    let section = "arrivals"
    let rows: [Row]
    let empty: StateBlock?
}

extension ArrivalsPage {
    /// How long a notice stands.
    private static let remembered: TimeInterval = 60 * 86_400

    init(for visit: Visit, _ database: Database, _ catalogue: Catalogue) async throws {
        let (viewer, since) = (visit.viewer, visit.now.addingTimeInterval(-Self.remembered))
        let (notices, names) = try await database.read { tx -> ([StaffNotice], StaffNames) in
            let roles = try Directory.places(of: viewer, .seeArrivals, in: tx)
            let notices = try StaffNotice.of(roles, since: since, in: tx)
            return (notices, try StaffNames(for: notices, in: tx))
        }
        let words = visit.words(catalogue)
        self.init(
            title: visit.tr("Comings and goings"),
            rows: notices.map { notice in
                Row(
                    id: notice.id, kind: notice.kind.rawValue, time: words.format.moment(notice.at, now: visit.now), line: words.line(notice, names),
                    href: notice.classID == nil && notice.kind != .leaves ? "/identity/transfers/\(notice.transferID.text)" : nil)
            },
            empty: notices.isEmpty
                ? .empty(visit.tr("Nobody comes or goes"), visit.tr("Here stands who asks for a place, who comes and who leaves.")) : nil)
    }
}

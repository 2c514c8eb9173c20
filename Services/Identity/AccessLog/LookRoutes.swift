import Directory
import Foundation
import Kernel
import Postgres
import Web

/// Who looked at a child, for those who answer for it (BY-10).
struct LookRoutes: Sendable {
    let cabinet: Cabinet

    func add(to book: inout RouteBook) {
        book.page("/identity/children/{child}/looks", .seeLooks, about: .child(parameter: "child")) { visit in
            let (id, reader, now) = (try visit.uuid("child"), visit.viewer.personID, visit.now)
            // An unreadable month is this one.
            let month = LooksMonth.first(of: visit.query("month").flatMap(LooksMonth.day) ?? visit.today)
            let found = try await cabinet.database.read { transaction -> ([FamilyAccess.Child], Day?, [WhoLooked.Look]) in
                (
                    try FamilyAccess.read(for: reader, now: now, in: transaction).children.filter(\.isMine),
                    try WhoLooked.beginning(of: id, in: transaction),
                    try WhoLooked(childID: id, days: LooksMonth.days(of: month)).read(in: transaction)
                )
            }
            guard let child = found.0.first(where: { $0.id == id }) else { throw Problem.notFound }
            return LooksPage(visit, child, siblings: found.0, month: month, beginning: found.1, found.2)
        }
    }
}

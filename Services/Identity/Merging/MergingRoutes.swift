import Directory
import Events
import Foundation
import HTTPTypes
import Kernel
import Postgres
import Web

/// The curator merges two accounts of one guardian, and takes it back (ID-29).
struct MergingRoutes: Sendable {
    let cabinet: Cabinet

    /// A guardian of one of the curator's schools; nobody else exists here.
    private static func guardian(_ id: UUID, of viewer: UUID, in transaction: borrowing Transaction) throws -> UUID? {
        let mine = Set(try SchoolsOf.keeper(viewer, [.curator], in: transaction))
        let isGuardian = try transaction.first(
            "select exists (select from person where id = \(id) and kind = 'guardian' and not ended)", as: Bool.self)
        guard isGuardian == true else { return nil }
        return try SchoolsOf.person(id, in: transaction).first { mine.contains($0) }
    }

    private static let person = RouteSubject.resolved { visit, transaction in
        try guardian(try visit.uuid("person"), of: visit.viewer.personID, in: transaction).map { .school($0) }
    }

    /// Both of the path.
    private static let pair = RouteSubject.resolved { visit, transaction in
        let viewer = visit.viewer.personID
        guard let school = try guardian(try visit.uuid("person"), of: viewer, in: transaction),
            try guardian(try visit.uuid("other"), of: viewer, in: transaction) != nil
        else { return nil }
        return .school(school)
    }

    private static let merging = RouteSubject.resolved { visit, transaction in
        let id = try visit.uuid("merging")
        let mine = Set(try SchoolsOf.keeper(visit.viewer.personID, [.curator], in: transaction))
        let schools = try transaction.first("select schools from merging where id = \(id)", as: [UUID].self)
        guard let schools, let first = schools.first, mine.isSuperset(of: schools) else { return nil }
        return .school(first)
    }

    func add(to book: inout RouteBook) {
        book.page("/identity/people/{person}/merging", .mergeAccounts, about: Self.person) { try await candidates($0) }
        book.page("/identity/people/{person}/merging/{other}", .mergeAccounts, about: Self.pair) { try await preview($0) }
        book.post("/identity/people/{person}/merging/{other}", .mergeAccounts, about: Self.pair) { try await merge($0) }
        book.page("/identity/mergings", .mergeAccounts, about: .anySchool) { visit in
            try await list(visit, done: visit.query("done").flatMap { Self.done[$0] }.map { visit.tr($0) })
        }
        book.post("/identity/mergings/{merging}/undo", .mergeAccounts, about: Self.merging) { visit in
            let command = UndoMerging(id: try visit.uuid("merging"), by: visit.viewer.personID, now: visit.now)
            let outbox = cabinet.outbox
            do {
                try await cabinet.database.transaction { try command.run(in: $0, outbox) }
            } catch let refused as MergingRefused {
                return .page(try await list(visit, wrong: refused), .conflict)
            }
            return .seeOther("/identity/mergings?done=undone")
        }
    }

    private static let done = [
        "merged": "The two accounts are one now.", "undone": "The accounts are two again, as they were.",
    ]

    private func candidates(_ visit: Visit) async throws -> MergingCandidatesPage {
        let (id, viewer) = (try visit.uuid("person"), visit.viewer.personID)
        let typed = visit.query("q").map { String($0.prefix(100)) }
        let found = try await cabinet.database.read { transaction -> (PersonCard, String, [FindPeople.Found])? in
            guard let card = try PersonCard.read(id, in: transaction) else { return nil }
            // Who registered twice mostly wrote the same name.
            let text = typed ?? card.name.listed
            let schools = try SchoolsOf.keeper(viewer, [.curator], in: transaction)
            return (card, text, try FindPeople(text: text, schools: schools).run(in: transaction))
        }
        guard let (card, text, people) = found else { throw Problem.notFound }
        return MergingCandidatesPage(visit, card, text: text, people)
    }

    private func preview(_ visit: Visit, refusal: MergingRefused? = nil) async throws -> MergingPreviewPage {
        let check = MergingCheck(
            keptID: try visit.uuid("person"), extraID: try visit.uuid("other"), by: visit.viewer.personID, now: visit.now)
        guard let preview = try await cabinet.database.read({ try MergingPreview.read(check, in: $0) }) else {
            throw Problem.notFound
        }
        return MergingPreviewPage(visit, preview, refusal: refusal)
    }

    private func merge(_ visit: Visit) async throws -> Answer {
        let command = MergeAccounts(
            keptID: try visit.uuid("person"), extraID: try visit.uuid("other"), by: visit.viewer.personID, now: visit.now)
        let outbox = cabinet.outbox
        do {
            _ = try await cabinet.database.transaction { try command.run(in: $0, outbox) }
        } catch let refused as MergingRefused {
            return .page(try await preview(visit, refusal: refused), .conflict)
        }
        return .seeOther("/identity/mergings?done=merged")
    }

    private func list(_ visit: Visit, done: String? = nil, wrong: MergingRefused? = nil) async throws -> MergingsPage {
        let viewer = visit.viewer.personID
        let mergings = try await cabinet.database.read { transaction -> [Merging] in
            try Merging.list(of: try SchoolsOf.keeper(viewer, [.curator], in: transaction), in: transaction)
        }
        return MergingsPage(visit, mergings, done: done, wrong: wrong)
    }
}

import Directory
import Foundation
import HTTPTypes
import Kernel
import Postgres
import Web

/// The curator enters by which number Gosuslugi knows a person (ID-19). Whoever may enter a number opens a way into the
/// account, so the rule is that of the one-time password.
struct SnilsRoutes: Sendable {
    let cabinet: Cabinet

    func add(to book: inout RouteBook) {
        book.page("/identity/people/{person}/snils", .managePeople, about: PeopleRoutes.person) { visit in
            try await page(visit, done: visit.query("done"))
        }
        book.form(
            "/identity/people/{person}/snils", .managePeople, about: PeopleRoutes.person,
            again: { visit, errors in
                try await page(visit, typed: try await visit.form()["snils"] ?? "", wrong: errors["snils"])
            }
        ) { visit in try await enter(visit) }
        book.post("/identity/people/{person}/snils/removal", .managePeople, about: PeopleRoutes.person) { visit in
            let (id, by, now) = (try visit.uuid("person"), visit.viewer.personID, visit.now)
            try await change(visit) { transaction in
                try SetOneTimePassword.check(id, by: by, in: transaction)
                try SnilsBook.remove(id, in: transaction)
                try Audit.note(.identityUnlinked, by: by, about: id, at: now, in: transaction)
            }
            return .seeOther("/identity/people/\(id.text)/snils?done=removed")
        }
    }

    private func enter(_ visit: Visit) async throws -> Answer {
        guard let book = cabinet.snils else { throw Problem.notFound }
        let (id, by, now) = (try visit.uuid("person"), visit.viewer.personID, visit.now)
        guard let snils = Snils(try await visit.form()["snils"] ?? "") else {
            throw FieldErrors(["snils": visit.tr("This is no SNILS: eleven digits, the last two check the others.")])
        }
        do {
            try await change(visit) { transaction in
                try SetOneTimePassword.check(id, by: by, in: transaction)
                try book.enter(snils, for: id, by: by, now: now, in: transaction)
            }
        } catch SnilsBook.Refused.isTaken {
            throw FieldErrors(["snils": visit.tr("This SNILS is entered for somebody else already.")])
        } catch let error as PostgresError where error.constraint == "snils_once" {
            throw FieldErrors(["snils": visit.tr("This SNILS is entered for somebody else already.")])
        }
        return .seeOther("/identity/people/\(id.text)/snils?done=saved")
    }

    private func change(_ visit: Visit, _ body: @escaping @Sendable (borrowing Transaction) throws -> Void) async throws {
        do {
            try await cabinet.database.transaction { try body($0) }
        } catch SetOneTimePassword.Refused.notYours {
            throw Problem(.forbidden, "Only a curator of this person's school may change it.")
        }
    }

    private func page(_ visit: Visit, typed: String = "", wrong: String? = nil, done: String? = nil) async throws -> SnilsPage {
        guard cabinet.snils != nil else { throw Problem.notFound }
        let (id, by) = (try visit.uuid("person"), visit.viewer.personID)
        let found = try await cabinet.database.read { transaction -> (PersonCard, SnilsBook.Entry?, Bool)? in
            guard let card = try PersonCard.read(id, in: transaction) else { return nil }
            let mayChange: Bool
            do {
                try SetOneTimePassword.check(id, by: by, in: transaction)
                mayChange = true
            } catch SetOneTimePassword.Refused.notYours {
                mayChange = false
            }
            return (card, try SnilsBook.entry(of: id, in: transaction), mayChange)
        }
        guard let (card, entry, mayChange) = found else { throw Problem.notFound }
        let said: String? =
            switch done {
            case "saved": visit.tr("The number is saved.")
            case "removed": visit.tr("The number is removed.")
            default: nil
            }
        return SnilsPage(
            visit, id: id, name: card.name.full, entry: entry, mayChange: mayChange, typed: typed, wrong: wrong, done: said)
    }
}

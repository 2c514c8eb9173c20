import Directory
import Events
import Foundation
import HTTPTypes
import Kernel
import Postgres
import Web

/// At whose accounts somebody guesses, for whoever has to help their owners.
struct GuessesPage: Page {
    static let template = "people/guesses"

    struct Account: Encodable, Sendable {
        let id: UUID
        let name: String
        /// The person's page, for those who may see it.
        let link: String?
        let login: String
        let attempts: String
        let waits: String?
    }

    let title: String
    let section = "staff"
    let accounts: [Account]
    let isEmpty: Bool
    let empty: StateBlock

    init(_ visit: Visit, _ found: [GuessedAccount]) {
        title = visit.tr("Wrong attempts")
        accounts = found.map { account in
            let parts = [
                account.passwords > 0 ? visit.trn(account.passwords, "%d wrong password", "%d wrong passwords") : nil,
                account.codes > 0 ? visit.trn(account.codes, "%d wrong code", "%d wrong codes") : nil,
            ]
            return Account(
                id: account.id, name: account.name.full,
                link: visit.sections.contains("people") ? "/identity/people/\(account.id.text)" : nil, login: account.login, attempts: parts.compactMap(\.self).joined(separator: ", "),
                waits: account.waitsUntil.map { visit.tr("comes in only from browsers of his own until %@", visit.format.moment($0, now: visit.now)) })
        }
        isEmpty = accounts.isEmpty
        empty = .empty(visit.tr("Nobody guesses"), visit.tr("In the last quarter of an hour there was no wrong attempt at an account of your schools."))
    }
}

/// The page of wrong attempts, and their forgetting.
struct GuessRoutes: Sendable {
    let cabinet: Cabinet

    func add(to book: inout RouteBook) {
        book.page("/identity/guesses", .administer, about: .anySchool) { visit in
            let (viewer, now) = (visit.viewer.personID, visit.now)
            let found = try await cabinet.database.read { transaction in
                try GuessedAccount.read(SchoolsOf.keeper(viewer, Role.administering, in: transaction), now: now, in: transaction)
            }
            return GuessesPage(visit, found)
        }
        book.post("/identity/people/{person}/guesses/end", .managePeople, about: PeopleRoutes.person) { visit in
            let command = ForgetGuesses(personID: try visit.uuid("person"), by: visit.viewer.personID, now: visit.now)
            do {
                try await cabinet.database.transaction { transaction in
                    try SetOneTimePassword.check(command.personID, by: command.by, in: transaction)
                    try command.run(in: transaction)
                }
            } catch SetOneTimePassword.Refused.notYours {
                throw Problem(.forbidden, "This account is not yours to look after")
            }
            return .seeOther("/identity/people/\(command.personID.text)")
        }
    }
}

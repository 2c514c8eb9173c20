import Directory
import Events
import Foundation
import HTTPTypes
import Kernel
import Postgres
import Web

/// The curator looks people up and helps those who lost their password (ID-18, D-04).
struct PeopleRoutes: Sendable {
    let cabinet: Cabinet

    /// A pupil of the reader's schools, so that the look is written down (BY-10); of anybody else one of the schools he has to
    /// do with that the reader looks after. None for strangers.
    static let person = RouteSubject.resolved { visit, transaction in
        let id = try visit.uuid("person")
        let mine = try SchoolsOf.keeper(visit.viewer.personID, [.curator, .secretary], in: transaction)
        guard let school = try SchoolsOf.person(id, in: transaction).first(where: { mine.contains($0) }) else { return nil }
        let isPupil = try transaction.first(
            "select exists (select from pupil where person_id = \(id) and not ended)", as: Bool.self)
        return isPupil == true ? .child(id) : .school(school)
    }

    func add(to book: inout RouteBook) {
        book.page("/identity/people", .managePeople, about: .anySchool) { visit in
            let text = String((visit.query("q") ?? "").prefix(100))
            let viewer = visit.viewer
            let search = try await cabinet.database.read { transaction -> ([FindPeople.Found], Int, Bool, Bool) in
                let schools = try SchoolsOf.keeper(viewer.personID, [.curator, .secretary], in: transaction)
                let search = FindPeople(text: text, schools: schools)
                let mayConnect = try !Directory.places(of: viewer, .connectModules, in: transaction).isEmpty
                let isCurator = try !SchoolsOf.keeper(viewer.personID, [.curator], in: transaction).isEmpty
                return (try search.run(in: transaction), search.limit, mayConnect, isCurator)
            }
            return PeoplePage(
                visit, text: text, found: search.0, limit: search.1, mayConnect: search.2, isCurator: search.3)
        }
        book.page("/identity/people/{person}", .managePeople, about: Self.person) { visit in
            try await page(visit)
        }
        book.post("/identity/people/{person}/password", .managePeople, about: Self.person) { visit in
            let id = try visit.uuid("person")
            let command = SetOneTimePassword(personID: id, by: visit.viewer.personID, now: visit.now)
            do {
                let given = try await command.run(cabinet.database, cabinet.outbox, cabinet.bench)
                let card = try await cabinet.database.read { try PersonCard.read(id, in: $0) }
                let until = visit.zone.day(of: visit.now.addingTimeInterval(SetOneTimePassword.goodFor))
                return .page(
                    OneTimePasswordPage(
                        title: visit.tr("One-time password"), id: id, name: card?.name.full ?? "", login: given.login,
                        password: given.password,
                        explanation: visit.tr(
                            "Good for one sign-in until %@; then a new one has to be chosen.", visit.format.date(until)))
                ).with(.cacheControl, "no-store")
            } catch SetOneTimePassword.Refused.notYours {
                return .page(
                    try await page(visit, refusal: visit.tr("The curator may set this password only at another school, or not at all.")),
                    .forbidden)
            } catch SetOneTimePassword.Refused.notRegistered {
                return .page(try await page(visit), .conflict)
            }
        }
    }

    func page(_ visit: Visit, refusal: String? = nil) async throws -> PersonPage {
        let id = try visit.uuid("person")
        let viewer = visit.viewer.personID
        let found = try await cabinet.database.read { transaction -> (PersonCard, Bool, PersonSafety)? in
            guard let card = try PersonCard.read(id, in: transaction) else { return nil }
            let curates = Set(try SchoolsOf.keeper(viewer, [.curator], in: transaction))
            let safety = try PersonSafety.read(id, for: viewer, in: transaction)
            return (card, !curates.isDisjoint(with: try SchoolsOf.person(id, in: transaction)), safety)
        }
        guard let (card, mayPassword, safety) = found else { throw Problem.notFound }
        return PersonPage(
            visit, card, safety, mayPassword: mayPassword && refusal == nil, refusal: refusal,
            hasPortal: cabinet.snils != nil && mayPassword)
    }
}

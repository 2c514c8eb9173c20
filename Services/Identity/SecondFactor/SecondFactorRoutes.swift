import Directory
import Foundation
import HTTPTypes
import Kernel
import Postgres
import Web

/// The second step in the profile, and its reset by the curator.
struct SecondFactorRoutes: Sendable {
    let cabinet: Cabinet

    func add(to book: inout RouteBook) {
        book.page("/identity/profile/second-factor", .seeOneself, about: .oneself) { visit in
            try await page(visit, done: visit.query("done").flatMap { Self.done[$0] }.map { visit.tr($0) })
        }
        book.post("/identity/profile/second-factor", .seeOneself, about: .oneself) { try await begin($0) }
        book.post("/identity/profile/second-factor/confirmation", .seeOneself, about: .oneself) { try await confirm($0) }
        book.post("/identity/profile/second-factor/codes", .seeOneself, about: .oneself) { visit in
            let form = try await visit.form()
            return try await refusing(visit) {
                let codes = try await RenewRecoveryCodes(
                    personID: visit.viewer.personID, password: String((form["password"] ?? "").prefix(1000)), now: visit.now
                ).run(cabinet.database, cabinet.box, cabinet.bench)
                return sheet(visit, codes)
            }
        }
        book.post("/identity/profile/second-factor/end", .seeOneself, about: .oneself) { visit in
            let form = try await visit.form()
            return try await refusing(visit) {
                try await EndSecondFactor(
                    personID: visit.viewer.personID, password: String((form["password"] ?? "").prefix(1000)), now: visit.now
                ).run(cabinet.database, cabinet.letters, cabinet.bench)
                return .seeOther("/identity/profile/second-factor?done=off")
            }
        }
        book.post("/identity/people/{person}/second-factor/end", .managePeople, about: PeopleRoutes.person) { visit in
            let command = ResetSecondFactor(personID: try visit.uuid("person"), by: visit.viewer.personID, now: visit.now)
            let letters = cabinet.letters
            do {
                try await cabinet.database.transaction { try command.run(in: $0, letters) }
            } catch SetOneTimePassword.Refused.notYours {
                return .page(
                    try await PeopleRoutes(cabinet: cabinet).page(
                        visit, refusal: visit.tr("The curator may reset this second step only at another school, or not at all.")),
                    .forbidden)
            }
            return .seeOther("/identity/people/\(command.personID.text)")
        }
    }

    private static let done = ["off": "The second step is switched off."]

    private func begin(_ visit: Visit) async throws -> Answer {
        let form = try await visit.form()
        let (person, now, box) = (visit.viewer.personID, visit.now, cabinet.box)
        return try await refusing(visit) {
            try await OwnPassword(personID: person, password: String((form["password"] ?? "").prefix(1000)), now: now)
                .prove(cabinet.database, cabinet.bench, field: "begin-password")
            _ = try await cabinet.database.transaction { try SetUpSecondFactor(personID: person, now: now).begin(box, in: $0) }
            return .seeOther("/identity/profile/second-factor")
        }
    }

    private func confirm(_ visit: Visit) async throws -> Answer {
        let typed = String((try await visit.form()["code"] ?? "").prefix(40))
        let (viewer, now, box, letters) = (visit.viewer, visit.now, cabinet.box, cabinet.letters)
        return try await refusing(visit) {
            let codes = try await cabinet.database.transaction { transaction in
                try SetUpSecondFactor(personID: viewer.personID, now: now)
                    .confirm(typed, keeping: viewer.sessionID, box, letters, in: transaction)
            }
            guard let codes else {
                throw ProfileRefused(fields: ["code": "This code is not right. Look at the application and at the clock of the telephone."])
            }
            return sheet(visit, codes)
        }
    }

    private func sheet(_ visit: Visit, _ codes: [RecoveryCode]) -> Answer {
        .page(RecoveryCodesPage(title: visit.tr("Recovery codes"), codes: codes.map(\.text))).with(.cacheControl, "no-store")
    }

    private func refusing(_ visit: Visit, _ act: () async throws -> Answer) async throws -> Answer {
        do {
            return try await act()
        } catch let refused as ProfileRefused {
            return .page(try await page(visit, wrong: refused.fields), .unprocessableContent).with(.cacheControl, "no-store")
        } catch is HashingBusy {
            throw Problem(.serviceUnavailable, "Too many people sign in at this moment. Try again in a minute.")
        }
    }

    private func page(_ visit: Visit, done: String? = nil, wrong: [String: FieldMessage] = [:]) async throws -> SecondFactorPage {
        let (person, now, box) = (visit.viewer.personID, visit.now, cabinet.box)
        let (factor, waiting, login) = try await cabinet.database.read { transaction -> (SecondFactor, TimeCode?, String) in
            let factor = try SecondFactor.read(of: person, in: transaction)
            let waiting = factor.isOn ? nil : try SetUpSecondFactor(personID: person, now: now).waiting(box, in: transaction)
            let login = try transaction.first("select name from login where person_id = \(person)", as: String.self)
            return (factor, waiting, login ?? "")
        }
        return SecondFactorPage(
            visit, factor, waiting: try waiting.map { try NewTimeCode($0, account: login, publicAddress: cabinet.publicAddress) },
            done: done, wrong: wrong)
    }
}

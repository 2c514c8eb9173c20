import Foundation
import HTTPTypes
import Kernel
import Postgres
import Web

/// The second step at the sign-in: asked for, or set up because the school wants it.
struct SecondStepRoutes: Sendable {
    let cabinet: Cabinet
    private static let late = "/identity/sign-in?why=step"

    func add(to book: inout RouteBook) {
        book.open(.post, "/identity/sign-in/second-step") { try await prove($0) }
        book.open(.post, "/identity/sign-in/set-up") { try await confirm($0) }
    }

    private func prove(_ visit: Visit) async throws -> Answer {
        let form = try await visit.form()
        let (ticket, to) = (String((form["ticket"] ?? "").prefix(100)), SignInRoutes.local(form["to"]))
        let command = ProveSecondStep(
            ticket: ticket, code: String((form["code"] ?? "").prefix(40)), address: visit.address,
            agent: visit.head[.userAgent] ?? "", device: visit.cookie(SignInRoutes.deviceCookie), now: visit.now)
        func again(_ text: String, _ status: HTTPResponse.Status) -> Answer {
            .page(SecondStepPage(visit, ticket: ticket, to: to ?? "", wrong: text), status).with(.cacheControl, "no-store")
        }
        switch try await command.run(cabinet.database, cabinet.box) {
        case .signedIn(let session, let device, let left):
            // With the last ones used up the profile is where new ones come from.
            let place = left.map { $0 < 3 } == true ? "/identity/profile/second-factor" : to
            return try await SignInRoutes(cabinet: cabinet).enter(visit, session, device: device, to: place)
        case .wrong(let left):
            return again(
                visit.tr("This code is not right.") + " " + visit.trn(left, "%d attempt left.", "%d attempts left."),
                .unprocessableContent)
        case .wait(let until):
            return again(
                visit.tr("Too many attempts. Try again at %@.", visit.format.time(until.addingTimeInterval(60))), .tooManyRequests
            ).with(.retryAfter, "\(max(1, Int(until.timeIntervalSince(visit.now))))")
        case .over: return .seeOther(Self.late)
        }
    }

    /// The page on which somebody sets it up who has shown his password and must have it.
    func setUp(_ visit: Visit, ticket: String, to: String, wrong: String?) async throws -> Answer {
        let (now, box) = (visit.now, cabinet.box)
        let found = try await cabinet.database.transaction { transaction -> (TimeCode, String)? in
            guard let person = try FactorTicket.holder(ticket, now: now, in: transaction),
                let code = try SetUpSecondFactor(personID: person, now: now).begin(box, in: transaction)
            else { return nil }
            let login = try transaction.first("select name from login where person_id = \(person)", as: String.self)
            return (code, login ?? "")
        }
        guard let (code, login) = found else { return .seeOther(Self.late) }
        let page = SecondStepSetUpPage(
            title: visit.tr("The second step"), ticket: ticket, to: to,
            code: try NewTimeCode(code, account: login, publicAddress: cabinet.publicAddress), wrong: wrong)
        return .page(page, wrong == nil ? .ok : .unprocessableContent).with(.cacheControl, "no-store")
    }

    private func confirm(_ visit: Visit) async throws -> Answer {
        let form = try await visit.form()
        let (ticket, typed) = (String((form["ticket"] ?? "").prefix(100)), String((form["code"] ?? "").prefix(40)))
        let to = SignInRoutes.local(form["to"])
        let (now, box, letters) = (visit.now, cabinet.box, cabinet.letters)
        let (address, agent, cookie) = (visit.address, visit.head[.userAgent] ?? "", visit.cookie(SignInRoutes.deviceCookie))
        typealias Entered = (codes: [RecoveryCode], session: OpenedSession, device: RandomToken)
        let entered = try await cabinet.database.transaction { transaction -> Entered? in
            guard let person = try FactorTicket.holder(ticket, now: now, in: transaction),
                let codes = try SetUpSecondFactor(personID: person, now: now)
                    .confirm(typed, keeping: nil, box, letters, in: transaction)
            else { return nil }
            let known = try KnownBrowser.hash(cookie, of: person, in: transaction)
            let (session, device) = try SignIn.enter(
                person, device: known == nil ? nil : cookie, address: address, agent: agent, now: now, in: transaction)
            return (codes, session, device)
        }
        guard let entered else {
            return try await setUp(visit, ticket: ticket, to: to ?? "", wrong: visit.tr("This code is not right."))
        }
        return try await SignInRoutes(cabinet: cabinet).enter(visit, entered.session, device: entered.device, to: to) { next in
            FirstRecoveryCodesPage(title: visit.tr("Recovery codes"), codes: entered.codes.map(\.text), next: next)
        }
    }
}

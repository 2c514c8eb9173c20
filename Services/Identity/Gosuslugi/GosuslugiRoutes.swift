import Foundation
import HTTPTypes
import Kernel
import Logging
import Postgres
import Web

/// «Войти через ГОСУСЛУГИ» (ID-19): to the portal and back.
///
/// The browser is sent there by a link and not by a form, and comes back by a plain visit. What comes back counts only in the
/// browser that was sent (``PortalVisit``); where it goes on to is a path of ours, chosen before it left.
struct GosuslugiRoutes: Sendable {
    static let path = "/identity/gosuslugi"

    let cabinet: Cabinet
    let signIn: SignInRoutes

    func add(to book: inout RouteBook) {
        book.open(.get, Self.path) { try await leave($0) }
        book.open(.get, PortalSettings.callbackPath) { try await comeBack($0) }
    }

    /// The address behind the button.
    static func link(to: String?) -> String { to.map { "\(path)?to=\(SignInRoutes.encoded($0))" } ?? path }

    private func leave(_ visit: Visit) async throws -> Answer {
        guard let portal = cabinet.portal else { throw Problem.notFound }
        let journey = PortalVisit(to: SignInRoutes.local(visit.query("to")))
        do {
            return Answer.seeOther(try await portal.authorisation(for: journey, now: visit.now))
                .settingCookie(PortalVisit.cookie, journey.cookieValue, seconds: PortalVisit.seconds)
                .with(.cacheControl, "no-store")
        } catch {
            return try await answer(visit, why(error), journey)
        }
    }

    private func comeBack(_ visit: Visit) async throws -> Answer {
        guard let portal = cabinet.portal, let book = cabinet.snils else { throw Problem.notFound }
        guard let journey = PortalVisit(cookie: visit.cookie(PortalVisit.cookie)), journey.isMine(state: visit.query("state")) else {
            // Somebody else's answer ends nobody's own way.
            return try await answer(visit, .over, nil)
        }
        let done: Answer
        do {
            done = try await admit(visit, journey, portal, book)
        } catch {
            done = try await answer(visit, why(error), journey)
        }
        return done.settingCookie(PortalVisit.cookie, "", seconds: 0)
    }

    private func admit(_ visit: Visit, _ journey: PortalVisit, _ portal: any Portal, _ book: SnilsBook) async throws -> Answer {
        if let error = visit.query("error") {
            throw Self.said(error, visit.query("error_description") ?? "")
        }
        guard let code = visit.query("code"), !code.isEmpty, code.utf8.count <= 4000 else {
            throw PortalFailure.wrongAnswer("neither a code nor an error")
        }
        let (address, now) = (visit.address, visit.now)
        // Counted before the portal is asked: nobody makes us ask it without an end.
        let verdict = try await cabinet.database.transaction { try Guessing.countPortal(address: address, now: now, in: $0) }
        if case .wait = verdict { return try await answer(visit, .tooMany, journey) }
        let command = SignInThroughPortal(
            person: try await portal.person(code: code, visit: journey, now: now), book: book, address: address,
            agent: visit.head[.userAgent] ?? "", device: visit.cookie(SignInRoutes.deviceCookie), today: visit.today, now: now)
        let outcome = try await cabinet.database.transaction { transaction in
            let outcome = try command.run(in: transaction)
            try Guessing.forgivePortal(address: address, in: transaction)
            return outcome
        }
        return try await signIn.proceed(visit, outcome, to: journey.to)
    }

    /// What the portal says instead of a code.
    static func said(_ error: String, _ description: String) -> any Error {
        if error == "access_denied" || description.contains("ESIA-007004") { return Cancelled() }
        if description.contains("ESIA-007055") { return PortalRefusal.notConfirmed }
        let words = "«\(error.prefix(60)): \(description.prefix(200))»".filter { !$0.isNewline }
        if ["temporarily_unavailable", "server_error"].contains(error) { return PortalFailure.away(words) }
        return PortalFailure.wrongAnswer(words)
    }

    struct Cancelled: Error {}

    private func why(_ error: any Error) throws -> GosuslugiPage.Reason {
        switch error {
        case let refusal as PortalRefusal: return .refused(refusal)
        case is Cancelled: return .cancelled
        case let failure as PortalFailure:
            cabinet.logger.warning("a sign-in through Gosuslugi failed", metadata: ["error": "\(failure)"])
            if case .away = failure { return .away }
            return .wrongAnswer
        case let failure as SignatureFailure:
            cabinet.logger.error("a request to Gosuslugi could not be signed", metadata: ["error": "\(failure)"])
            return .away
        default: throw error
        }
    }

    private func answer(_ visit: Visit, _ reason: GosuslugiPage.Reason, _ journey: PortalVisit?) async throws -> Answer {
        let curator = try await cabinet.database.read { try SchoolCurator.theOnlyOne(in: $0) }
        let page = GosuslugiPage(visit, reason, again: Self.link(to: journey?.to), curator: curator?.initials)
        let answer = Answer.page(page, reason.status).with(.cacheControl, "no-store")
        return reason == .away ? answer.with(.retryAfter, "60") : answer
    }
}

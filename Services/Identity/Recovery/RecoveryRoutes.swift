import Foundation
import HTTPTypes
import Kernel
import Postgres
import Web

/// The question for a new password, and whether the letter is on its way.
struct RecoveryPage: Page {
    static let template = "recovery/show"
    let title: String
    let section = ""
    let text: String
    let isAsked: Bool
    let wrong: String?
    let curator: String?
}

/// The page behind the link of the letter.
struct RecoveredPasswordPage: Page {
    static let template = "recovery/password"
    let title: String
    let section = ""
    let action: String
    let login: String
    let isOver: Bool
    let passwordHint: String
    let wrong: String?
    let repeatedWrong: String?
}

/// Access that was lost and comes back by a letter (ID-15, ID-17).
struct RecoveryRoutes: Sendable {
    let cabinet: Cabinet
    /// No answer comes sooner, so that its time does not tell whether a letter was written.
    private static let slowest = Duration.milliseconds(250)

    func add(to book: inout RouteBook) {
        book.open(.get, "/identity/recovery") { .page(try await page($0)) }
        book.open(.post, "/identity/recovery") { try await ask($0) }
        book.open(.get, "/identity/recovery/{token}") { visit in
            let token = try visit.parameter("token")
            return try await form(visit, token, [:])
        }
        book.open(.post, "/identity/recovery/{token}") { try await choose($0) }
    }

    private func page(_ visit: Visit, text: String = "", isAsked: Bool = false, wrong: String? = nil) async throws -> RecoveryPage {
        let curator = try await cabinet.database.read { try SchoolCurator.theOnlyOne(in: $0) }
        return RecoveryPage(
            title: visit.tr("A new password"), text: text, isAsked: isAsked, wrong: wrong,
            curator: curator.map { visit.tr("Curator: %@.", $0.initials) })
    }

    private func ask(_ visit: Visit) async throws -> Answer {
        let text = String((try await visit.form()["text"] ?? "").prefix(254))
        guard !text.trimmed.isEmpty else {
            return .page(try await page(visit, wrong: visit.tr("Write your e-mail address or your login.")), .unprocessableContent)
        }
        let until = ContinuousClock.now + Self.slowest
        let command = AskForRecovery(text: text, address: visit.address, now: visit.now)
        let outcome = try await command.run(cabinet.database, cabinet.letters)
        try await Task.sleep(until: until, clock: .continuous)
        switch outcome {
        case .answered: return .page(try await page(visit, text: text, isAsked: true))
        case .wait(let until):
            let wrong = visit.tr("Too many attempts. Try again at %@.", visit.format.time(until.addingTimeInterval(60)))
            return .page(try await page(visit, text: text, wrong: wrong), .tooManyRequests)
                .with(.retryAfter, "\(max(1, Int(until.timeIntervalSince(visit.now))))")
        }
    }

    private func form(_ visit: Visit, _ token: String, _ wrong: [String: String]) async throws -> Answer {
        let now = visit.now
        let found = try await cabinet.database.read { transaction -> (String, Bool)? in
            guard let found = try LetterToken.look(token, .recover, now: now, in: transaction) else { return nil }
            let policy = try PasswordPolicy.of(found.personID, in: transaction)
            return (policy.owner.login, policy.allowsSigns)
        }
        let page = RecoveredPasswordPage(
            title: visit.tr("A new password"), action: found == nil ? "" : "/identity/recovery/\(token)", login: found?.0 ?? "",
            isOver: found == nil, passwordHint: visit.passwordHint(allowsSigns: found?.1 ?? false),
            wrong: wrong["password"].map { visit.tr($0) }, repeatedWrong: wrong["repeated"].map { visit.tr($0) })
        return .page(page, found == nil ? .gone : wrong.isEmpty ? .ok : .unprocessableContent).with(.cacheControl, "no-store")
    }

    private func choose(_ visit: Visit) async throws -> Answer {
        let token = try visit.parameter("token")
        let form = try await visit.form()
        let command = ChooseRecoveredPassword(
            token: token, password: form["password"] ?? "", repeated: form["repeated"] ?? "", now: visit.now)
        do {
            switch try await command.run(cabinet.database, cabinet.letters, cabinet.bench, cabinet.common) {
            case .changed(let login):
                return .seeOther("/identity/sign-in?why=recovered&login=\(SignInRoutes.encoded(login))")
            case .refused(let wrong): return try await self.form(visit, token, wrong)
            case .over: return try await self.form(visit, token, [:])
            }
        } catch is HashingBusy {
            throw Problem(.serviceUnavailable, "Too many people sign in at this moment. Try again in a minute.")
        }
    }
}

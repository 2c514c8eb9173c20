import Directory
import Foundation
import HTTPTypes
import Kernel
import Postgres
import Web

/// The page behind the link of a confirmation letter.
struct ConfirmationPage: Page {
    static let template = "confirmation/show"
    let title: String
    let section = ""
    let action: String
    /// Masked: the link may have come into other hands.
    let email: String
    let isDone: Bool
    let isOver: Bool
}

/// What there is to confirm, shown at the first sign-in and from the profile (ID-14, ID-16).
struct OwnAddressPage: Page {
    static let template = "confirmation/own"
    let title: String
    let section = "profile"
    let login: String
    let email: String?
    let waits: Bool
    let next: String
    /// What became of the wish for another letter.
    let notice: String?
}

/// Addresses are confirmed: by the link of the letter without signing in, and the letter once more from the profile.
struct ConfirmationRoutes: Sendable {
    let cabinet: Cabinet

    func add(to book: inout RouteBook) {
        book.open(.get, "/identity/confirmation/{token}") { visit in
            let (token, now) = (try visit.parameter("token"), visit.now)
            let found = try await cabinet.database.read { try LetterToken.look(token, .confirm, now: now, in: $0) }
            return answer(visit, token, email: found?.email, isDone: false)
        }
        book.open(.post, "/identity/confirmation/{token}") { visit in
            let (token, now, outbox) = (try visit.parameter("token"), visit.now, cabinet.outbox)
            let email = try await cabinet.database.transaction { try ConfirmAddress(token: token, now: now).run(in: $0, outbox) }
            return answer(visit, token, email: email, isDone: true)
        }
        book.page("/identity/profile/confirmation", .seeOneself, about: .oneself) { try await own($0, notice: nil) }
        book.post("/identity/profile/confirmation", .seeOneself, about: .oneself) { visit in
            let (person, now, letters) = (visit.viewer.personID, visit.now, cabinet.letters)
            let outcome = try await cabinet.database.transaction {
                try AskToConfirmAgain(personID: person, now: now).run(in: $0, letters)
            }
            switch outcome {
            case .sent, .nothingToConfirm: return .page(try await own(visit, notice: outcome == .nothingToConfirm ? nil : visit.tr("The letter is on its way.")))
            case .wait(let until):
                let text = visit.tr("Too many letters. Ask for another at %@.", visit.format.time(until.addingTimeInterval(60)))
                return .page(try await own(visit, notice: text), .tooManyRequests)
                    .with(.retryAfter, "\(max(1, Int(until.timeIntervalSince(now))))")
            }
        }
    }

    private func answer(_ visit: Visit, _ token: String, email: String?, isDone: Bool) -> Answer {
        .page(
            ConfirmationPage(
                title: visit.tr("Confirming the address"), action: "/identity/confirmation/\(token)",
                email: email.map(EmailAddress.masked) ?? "", isDone: isDone && email != nil, isOver: email == nil),
            email == nil ? .gone : .ok
        ).with(.cacheControl, "no-store")
    }

    private func own(_ visit: Visit, notice: String?) async throws -> OwnAddressPage {
        let (id, now) = (visit.viewer.personID, visit.now)
        guard let profile = try await cabinet.database.read({ try OwnProfile.read(id, now: now, in: $0) }) else { throw Problem.notFound }
        return OwnAddressPage(
            title: visit.tr("Confirm your data"), login: profile.login ?? "", email: profile.newEmail ?? profile.email,
            waits: profile.newEmail != nil || (profile.email != nil && !profile.isEmailConfirmed),
            next: SignInRoutes.local(visit.query("to")) ?? "/", notice: notice)
    }
}

import Foundation
import HTTPTypes
import Kernel
import Postgres
import Web

/// Registration by code, for people nobody knows yet (ID-05 to ID-13).
struct RegistrationRoutes: Sendable {
    let cabinet: Cabinet

    func add(to book: inout RouteBook) {
        book.open(.get, "/identity/registration") { try await show($0) }
        book.open(.post, "/identity/registration") { try await register($0) }
        book.open(.get, "/identity/registration/done") { visit in
            .page(RegisteredPage(title: visit.tr("Registration is complete"), login: visit.query("login").map { String($0.prefix(40)) }))
        }
    }

    private func show(_ visit: Visit) async throws -> Answer {
        guard let typed = visit.query("code"), !typed.trimmed.isEmpty else {
            return .page(RegistrationCodePage(title: visit.tr("Registration"), code: "", wrong: nil))
        }
        return try await form(visit, typed, nil, [:]).with(.cacheControl, "no-store")
    }

    /// The form behind a code, or the question for the code again.
    private func form(
        _ visit: Visit, _ typedCode: String, _ typed: RegisterByCode?, _ wrong: [String: FieldMessage]
    ) async throws -> Answer {
        func again(_ text: String, _ status: HTTPResponse.Status) -> Answer {
            .page(RegistrationCodePage(title: visit.tr("Registration"), code: String(typedCode.prefix(20)), wrong: text), status)
        }
        guard let code = InvitationCode(typedCode) else {
            return again(visit.tr(InvitationRefused.unknown.text), .unprocessableContent)
        }
        let (address, now) = (visit.address, visit.now)
        do {
            let verdict = try await cabinet.database.transaction { try Guessing.countCode(address: address, now: now, in: $0) }
            if case .wait(let until) = verdict { return wait(visit, typedCode, until) }
            let hash = try await cabinet.bench.run { try PasswordHash.ofCode(code) }
            let (invitation, asked) = try await cabinet.database.transaction { transaction -> (Invitation, AskedConsents) in
                let invitation = try Invitation.find(hash, now: now, in: transaction)
                try Guessing.forgiveCode(address: address, in: transaction)
                return (invitation, try AskedConsents.by(invitation, in: transaction))
            }
            return .page(
                RegistrationPage(visit, invitation, asked, typed, code: code, wrong: wrong), wrong.isEmpty ? .ok : .unprocessableContent)
        } catch let refused as InvitationRefused {
            return again(visit.tr(refused.text), .unprocessableContent)
        } catch is HashingBusy {
            return again(visit.tr("Too many people sign in at this moment. Try again in a minute."), .serviceUnavailable)
        }
    }

    private func wait(_ visit: Visit, _ code: String, _ until: Date) -> Answer {
        .page(
            RegistrationCodePage(
                title: visit.tr("Registration"), code: String(code.prefix(20)),
                wrong: visit.tr("Too many attempts. Try again at %@.", visit.format.time(until.addingTimeInterval(60)))),
            .tooManyRequests
        ).with(.retryAfter, "\(max(1, Int(until.timeIntervalSince(visit.now))))")
    }

    private func register(_ visit: Visit) async throws -> Answer {
        let form = try await visit.form()
        func text(_ name: String) -> String { String((form[name] ?? "").prefix(2000)) }
        let registration = RegisterByCode(
            code: text("code"), otherCodes: text("children"), login: text("login"), password: text("password"),
            repeated: text("repeated"), surname: text("surname"), givenName: text("given"), patronymic: text("patronymic"),
            phone: text("phone"), email: text("email"), ownConsent: UUID(uuidString: text("own-consent")),
            childConsent: UUID(uuidString: text("child-consent")), language: visit.language.rawValue, address: visit.address, now: visit.now)
        do {
            switch try await registration.run(cabinet.database, cabinet.letters, cabinet.bench, cabinet.common) {
            case .registered(_, let login):
                return .seeOther("/identity/registration/done?login=\(SignInRoutes.encoded(login))")
            case .refused(let fields):
                return try await self.form(visit, registration.code, registration, fields).with(.cacheControl, "no-store")
            case .wait(let until):
                return wait(visit, registration.code, until)
            }
        } catch is HashingBusy {
            return try await self.form(
                visit, registration.code, registration,
                ["code": "Too many people sign in at this moment. Try again in a minute."])
        }
    }
}

import Directory
import Foundation
import HTTPTypes
import Kernel
import Postgres
import Web

/// «Профиль – Мои данные»: everybody's own data, and nobody else's.
struct ProfileRoutes: Sendable {
    let cabinet: Cabinet

    func add(to book: inout RouteBook) {
        book.page("/identity/profile", .seeOneself, about: .oneself) { visit in
            try await page(visit, done: visit.query("done").flatMap { Self.done[$0] }.map { visit.tr($0) })
        }
        book.page("/identity/sections", .seeOneself, about: .oneself) { visit in
            SectionsPage(title: visit.tr("All sections"))
        }
        book.post("/identity/profile/name", .seeOneself, about: .oneself) { visit in
            try await change(visit, "name", keeping: ["surname", "given", "patronymic"]) { form in
                let command = ChangeOwnName(
                    personID: visit.viewer.personID, surname: form["surname"] ?? "", givenName: form["given"] ?? "",
                    patronymic: form["patronymic"] ?? "")
                let outbox = cabinet.outbox
                try await cabinet.database.transaction { try command.run(in: $0, outbox) }
            }
        }
        book.post("/identity/profile/contact", .seeOneself, about: .oneself) { visit in
            try await change(visit, "contact", keeping: ["phone", "email"]) { form in
                try await ChangeContact(
                    personID: visit.viewer.personID, phone: form["phone"] ?? "", email: form["email"] ?? "",
                    password: form["password"] ?? "", now: visit.now
                ).run(cabinet.database, cabinet.letters, cabinet.bench)
            }
        }
        book.post("/identity/profile/signature", .seeOneself, about: .oneself) { visit in
            try await change(visit, "signature", keeping: ["signature"]) { form in
                let command = ChangeSignature(personID: visit.viewer.personID, text: form["signature"] ?? "")
                let outbox = cabinet.outbox
                try await cabinet.database.transaction { try command.run(in: $0, outbox) }
            }
        }
        book.post("/identity/profile/login", .seeOneself, about: .oneself) { visit in
            try await change(visit, "login", keeping: ["login"]) { form in
                try await ChangeLogin(
                    personID: visit.viewer.personID, login: form["login"] ?? "", password: form["password"] ?? "", now: visit.now
                ).run(cabinet.database, cabinet.bench)
            }
        }
        book.post("/identity/profile/password", .seeOneself, about: .oneself) { visit in
            try await change(visit, "password", keeping: []) { form in
                try await ChangePassword(
                    personID: visit.viewer.personID, sessionID: visit.viewer.sessionID, current: form["current"] ?? "",
                    password: form["password"] ?? "", repeated: form["repeated"] ?? "", now: visit.now
                ).run(cabinet.database, cabinet.outbox, cabinet.bench, cabinet.common)
            }
        }
        book.post("/identity/profile/language", .seeOneself, about: .oneself) { visit in
            try await change(visit, "language", keeping: []) { form in
                let command = ChangeLanguage(personID: visit.viewer.personID, language: form["language"] ?? "")
                let outbox = cabinet.outbox
                try await cabinet.database.transaction { try command.run(in: $0, outbox) }
            }
        }
        book.post("/identity/profile/children", .seeOneself, about: .oneself) { visit in
            try await change(visit, "child", keeping: ["code"]) { form in
                let command = AddChild(
                    guardianID: visit.viewer.personID, code: form["code"] ?? "", address: visit.address, now: visit.now)
                switch try await command.run(cabinet.database, cabinet.outbox, cabinet.bench) {
                case .added: return
                case .refused(let text): throw ProfileRefused(fields: ["code": FieldMessage(text)])
                case .wait: throw ProfileRefused(fields: ["code": "Too many attempts. Try again in a quarter of an hour."])
                }
            }
        }
        book.post("/identity/profile/sessions/{session}/end", .seeOneself, about: .oneself) { visit in
            let id = try visit.uuid("session")
            let (viewer, now, outbox) = (visit.viewer, visit.now, cabinet.outbox)
            try await cabinet.database.transaction { transaction in
                // Only his own: another's session is not found, and nothing tells that it exists. The browser is no longer known.
                try transaction.execute(
                    """
                    delete from device where person_id = \(viewer.personID)
                        and token_hash = (select device_hash from session where id = \(id) and person_id = \(viewer.personID))
                    """)
                try EndSessions.one(id, of: viewer.personID, because: "out", now: now, in: transaction, outbox)
            }
            return .seeOther("/identity/profile?done=session")
        }
        book.post("/identity/profile/sessions/end-others", .seeOneself, about: .oneself) { visit in
            let (viewer, now, outbox) = (visit.viewer, visit.now, cabinet.outbox)
            try await cabinet.database.transaction { transaction in
                try EndSessions.of(
                    [viewer.personID], because: "out", keeping: viewer.sessionID, now: now, in: transaction, outbox)
                // Browsers that were signed out are no longer known either.
                try transaction.execute("delete from device where person_id = \(viewer.personID)")
            }
            return .seeOther("/identity/profile?done=session")
        }
        book.post("/identity/profile/sessions/end-all", .seeOneself, about: .oneself) { visit in
            let (viewer, now, outbox) = (visit.viewer, visit.now, cabinet.outbox)
            try await cabinet.database.transaction { transaction in
                try EndSessions.of([viewer.personID], because: "out", now: now, in: transaction, outbox)
                try transaction.execute("delete from device where person_id = \(viewer.personID)")
                try Audit.note(.signedOutEverywhere, by: viewer.personID, about: viewer.personID, at: now, in: transaction)
            }
            return SignInRoutes(cabinet: cabinet).cleared(.seeOther("/identity/sign-in?why=out"))
        }
    }

    private static let done = [
        "name": "The name is saved.", "contact": "Phone and e-mail are saved.", "login": "The login is changed.",
        "password": "The password is changed.", "language": "The language is changed.", "signature": "The signature is saved.", "child": "The child is added.",
        "session": "Signed out there.",
    ]

    /// Makes a change; when it is refused the page comes again with what was typed. After it the token is renewed,
    /// because name, children and language stand in it.
    private func change(
        _ visit: Visit, _ what: String, keeping fields: [String], _ act: (Form) async throws -> Void
    ) async throws -> Answer {
        let form = try await visit.form()
        do {
            try await act(form)
        } catch let refused as ProfileRefused {
            var typed: [String: String] = [:]
            for field in fields { typed[field] = form[field].map { String($0.prefix(2000)) } }
            return .page(try await page(visit, typed: typed, wrong: refused.fields), .unprocessableContent)
        } catch is HashingBusy {
            throw Problem(.serviceUnavailable, "Too many people sign in at this moment. Try again in a minute.")
        }
        let back = "/identity/profile?done=\(what)"
        return .seeOther("/identity/session/renewal?to=\(SignInRoutes.encoded(back))")
    }

    private func page(
        _ visit: Visit, done: String? = nil, typed: [String: String] = [:], wrong: [String: FieldMessage] = [:]
    ) async throws -> ProfilePage {
        let (id, now) = (visit.viewer.personID, visit.now)
        typealias Found = (OwnProfile, PasswordPolicy, SecondFactor, [ConsentLine], [UUID], SnilsBook.Entry?)
        let found = try await cabinet.database.read { transaction -> Found? in
            guard let profile = try OwnProfile.read(id, now: now, in: transaction) else { return nil }
            return (
                profile, try PasswordPolicy.of(id, in: transaction), try SecondFactor.read(of: id, in: transaction),
                try ConsentsOf.read(id, in: transaction), try ProfileSafety.answered(by: id, in: transaction),
                try SnilsBook.entry(of: id, in: transaction)
            )
        }
        guard let (profile, policy, factor, consents, answered, snils) = found else { throw Problem.notFound }
        let children = profile.children.filter { answered.contains($0.id) }.map { (id: $0.id, name: $0.name) }
        return ProfilePage(
            visit, profile, ProfileSafety(visit, factor, consents, children: children, snils: snils), allowsSigns: policy.allowsSigns, done: done,
            typed: typed, wrong: wrong)
    }
}

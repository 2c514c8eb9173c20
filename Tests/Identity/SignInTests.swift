import Events
import Foundation
import Kernel
import Postgres
import Support
import Testing

@testable import Identity

@Suite("Sign-in", .database(School.migrations)) struct SignInTests {
    let school = School(database: TestDatabase.current.database)

    private func signedIn(_ outcome: SignIn.Outcome) throws -> (OpenedSession, RandomToken) {
        guard case .signedIn(let session, let device) = outcome else { throw NotSignedIn() }
        return (session, device)
    }

    private struct NotSignedIn: Error {}

    private func isWaiting(_ outcome: SignIn.Outcome) -> Bool { if case .wait = outcome { true } else { false } }

    @Test("ID-02: only who is in the school's lists and knows the password comes in")
    func signIn() async throws {
        try await school.open()
        try await school.give("S1", login: "i.savina")
        let (session, _) = try signedIn(try await school.signIn("I.Savina"))
        #expect(session.personID == (try await school.id("S1")))
        guard case .wrong(let left) = try await school.signIn("i.savina", "wrongpass") else { Issue.record("came in"); return }
        #expect(left == 4)
        guard case .wrong = try await school.signIn("nobody", "gz7mtk4q") else { Issue.record("came in"); return }
    }

    @Test("A stranger's guessing closes the account to his address only")
    func strangerDoesNotLockOut() async throws {
        try await school.open()
        try await school.give("G1", login: "olga")
        for _ in 0..<5 { _ = try await school.signIn("olga", "wrongpass", address: "6.6.6.6") }
        #expect(isWaiting(try await school.signIn("olga", "wrongpass", address: "6.6.6.6")))
        // Even the right password is not looked at from there.
        #expect(isWaiting(try await school.signIn("olga", address: "6.6.6.6")))
        _ = try signedIn(try await school.signIn("olga", address: "10.0.0.1"))
        let later = school.now.addingTimeInterval(16 * 60)
        _ = try signedIn(try await school.signIn("olga", address: "6.6.6.6", at: later))
    }

    @Test("Guessing from many addresses makes the account wait, but not the browser its owner knows")
    func knownBrowser() async throws {
        try await school.open()
        try await school.give("G1", login: "olga")
        let (_, device) = try signedIn(try await school.signIn("olga"))
        for address in 0..<10 {
            for _ in 0..<5 { _ = try await school.signIn("olga", "wrongpass", address: "6.6.6.\(address)") }
        }
        #expect(isWaiting(try await school.signIn("olga", address: "10.0.0.77")))
        let (_, same) = try signedIn(try await school.signIn("olga", address: "10.0.0.1", device: device.text))
        #expect(same == device)
        // Another person's browser is no key to this account.
        try await school.give("G3", login: "irina")
        let (_, irinas) = try signedIn(try await school.signIn("irina", address: "10.0.0.3"))
        #expect(isWaiting(try await school.signIn("olga", address: "10.0.0.78", device: irinas.text)))
    }

    @Test("A known browser may guess no more than others do")
    func knownBrowserIsCounted() async throws {
        try await school.open()
        try await school.give("G1", login: "olga")
        let (_, device) = try signedIn(try await school.signIn("olga"))
        for _ in 0..<10 { _ = try await school.signIn("olga", "wrongpass", device: device.text) }
        #expect(isWaiting(try await school.signIn("olga", device: device.text)))
    }

    @Test("Many guesses at once are counted before any is answered")
    func concurrentGuesses() async throws {
        try await school.open()
        try await school.give("G1", login: "olga")
        let outcomes = try await withThrowingTaskGroup(of: SignIn.Outcome.self) { group in
            for _ in 0..<20 { group.addTask { try await school.signIn("olga", "wrongpass") } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes.count { if case .wrong = $0 { true } else { false } } == 5)
    }

    @Test("D-04: a one-time password opens nothing but the choice of one's own")
    func oneTimePassword() async throws {
        try await school.open()
        try await school.give("S1", login: "i.savina")
        try await school.give("G1", login: "olga")
        let (old, _) = try signedIn(try await school.signIn("olga"))
        let (olga, curator) = (try await school.id("G1"), try await school.id("S1"))
        let given = try await SetOneTimePassword(personID: olga, by: curator, now: school.now)
            .run(school.database, school.outbox, school.bench)
        #expect(given.login == "olga")
        // All sessions of before are over.
        #expect(try await renew(old.renewal.text) == .over)
        guard case .wrong = try await school.signIn("olga") else { Issue.record("the old password works"); return }
        guard case .mustChange(let ticket, _) = try await school.signIn("olga", given.password) else { Issue.record("signed in at once"); return }
        func choose(_ password: String) async throws -> ChooseNewPassword.Outcome {
            try await ChooseNewPassword(ticket: ticket.text, password: password, address: "10.0.0.1", agent: "", now: school.now)
                .run(school.database, school.outbox, school.bench, nil)
        }
        guard case .refused(.isCommon) = try await choose(given.password) else { Issue.record("the one-time password stays"); return }
        guard case .refused(.tooShort) = try await choose("kurz") else { Issue.record("too short"); return }
        guard case .signedIn = try await choose("kw3xtp9r") else { Issue.record("refused"); return }
        guard case .over = try await choose("kw3xtp9r") else { Issue.record("a ticket is good once"); return }
        _ = try signedIn(try await school.signIn("olga", "kw3xtp9r"))
    }

    @Test("D-04: a one-time password is good for a week")
    func oneTimePasswordEnds() async throws {
        try await school.open()
        try await school.give("G1", login: "olga")
        let given = try await SetOneTimePassword(personID: try await school.id("G1"), by: nil, now: school.now)
            .run(school.database, school.outbox, school.bench)
        let late = school.now.addingTimeInterval(SetOneTimePassword.goodFor + 1)
        guard case .wrong = try await school.signIn("olga", given.password, at: late) else { Issue.record("still good"); return }
    }

    @Test("ID-18: who is not a curator of his school sets nobody's password, and nobody an operator's")
    func nobodyClimbs() async throws {
        try await school.open()
        for number in ["S1", "S3", "S4", "G1"] { try await school.give(number, login: "login.\(number)") }
        func set(_ number: String, by: String) async throws {
            _ = try await SetOneTimePassword(personID: try await school.id(number), by: try await school.id(by), now: school.now)
                .run(school.database, school.outbox, school.bench)
        }
        await #expect(throws: SetOneTimePassword.Refused.notYours) { try await set("G1", by: "S3") }
        await #expect(throws: SetOneTimePassword.Refused.notYours) { try await set("S4", by: "S1") }
        await #expect(throws: SetOneTimePassword.Refused.notRegistered) { try await set("G3", by: "S1") }
        try await set("G1", by: "S1")
    }

    private func renew(_ token: String, after: TimeInterval = 0) async throws -> RenewSession.Outcome {
        let outbox = school.outbox
        let now = school.now.addingTimeInterval(after)
        return try await school.database.transaction { try RenewSession(token: token, now: now).run(in: $0, outbox) }
    }

    @Test("A renewal token is exchanged for the next one")
    func renewal() async throws {
        try await school.open()
        try await school.give("G1", login: "olga")
        let (session, _) = try signedIn(try await school.signIn("olga"))
        guard case .renewed(let second) = try await renew(session.renewal.text, after: 300) else { Issue.record("over"); return }
        #expect(second.id == session.id)
        #expect(second.renewal != session.renewal)
        guard case .renewed = try await renew(second.renewal.text, after: 600) else { Issue.record("over"); return }
        #expect(try await renew("invented") == .over)
        let stored = try await school.database.read { try $0.rows("select r::text from renewal r", as: String.self) }
        #expect(!stored.contains { $0.contains(second.renewal.text) })
    }

    @Test("A renewal token used a second time ends the session for both, and everybody hears it")
    func reuse() async throws {
        try await school.open()
        try await school.give("G1", login: "olga")
        let (session, _) = try signedIn(try await school.signIn("olga"))
        guard case .renewed(let second) = try await renew(session.renewal.text, after: 300) else { Issue.record("over"); return }
        #expect(try await renew(session.renewal.text, after: 400) == .reused)
        #expect(try await renew(second.renewal.text, after: 401) == .over)
        #expect(try await school.said(SessionEnded.name) == 1)
    }

    @Test("Two tabs that wake together both stay signed in")
    func twoTabs() async throws {
        try await school.open()
        try await school.give("G1", login: "olga")
        let (session, _) = try signedIn(try await school.signIn("olga"))
        let outcomes = try await withThrowingTaskGroup(of: RenewSession.Outcome.self) { group in
            for _ in 0..<4 { group.addTask { try await renew(session.renewal.text, after: 300) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes.allSatisfy { if case .renewed = $0 { true } else { false } })
        #expect(try await school.said(SessionEnded.name) == 0)
    }

    @Test("A session that nobody uses ends: staff's after a working day, a family's after a month")
    func lifetime() async throws {
        try await school.open()
        try await school.give("G1", login: "olga")
        try await school.give("S1", login: "i.savina")
        let (family, _) = try signedIn(try await school.signIn("olga"))
        let (staff, _) = try signedIn(try await school.signIn("i.savina"))
        #expect(try await renew(staff.renewal.text, after: SessionLife.staff + 1) == .over)
        guard case .renewed = try await renew(family.renewal.text, after: SessionLife.staff + 1) else { Issue.record("over"); return }
    }

    @Test("Signing out ends one's own session and nobody else's")
    func signOut() async throws {
        try await school.open()
        try await school.give("G1", login: "olga")
        try await school.give("G3", login: "irina")
        let (olgas, _) = try signedIn(try await school.signIn("olga"))
        let (irinas, _) = try signedIn(try await school.signIn("irina", address: "10.0.0.3"))
        let (outbox, now) = (school.outbox, school.now)
        try await school.database.transaction { transaction in
            // Somebody else's session, by its right id.
            try EndSessions.one(irinas.id, of: olgas.personID, because: "out", now: now, in: transaction, outbox)
            try EndSessions.one(olgas.id, of: olgas.personID, because: "out", now: now, in: transaction, outbox)
        }
        #expect(try await renew(olgas.renewal.text, after: 10) == .over)
        guard case .renewed = try await renew(irinas.renewal.text, after: 10) else { Issue.record("over"); return }
    }

    @Test("ID-24: a new password needs the old one, ends the other sessions and keeps this one")
    func changePassword() async throws {
        try await school.open()
        try await school.give("G1", login: "olga")
        let (here, _) = try signedIn(try await school.signIn("olga"))
        let (there, _) = try signedIn(try await school.signIn("olga", address: "10.0.0.2"))
        func change(_ current: String, _ password: String) async throws {
            try await ChangePassword(
                personID: here.personID, sessionID: here.id, current: current, password: password, repeated: password, now: school.now
            ).run(school.database, school.outbox, school.bench, nil)
        }
        await #expect(throws: ProfileRefused(fields: ["current": "This is not your password."])) { try await change("wrongpass", "kw3xtp9r") }
        await #expect(throws: ProfileRefused(fields: ["password": FieldMessage(PasswordRefused.hasSigns.text)])) { try await change("gz7mtk4q", "kw3.xtp9r") }
        try await change("gz7mtk4q", "kw3xtp9r")
        guard case .renewed = try await renew(here.renewal.text, after: 10) else { Issue.record("this one ended"); return }
        #expect(try await renew(there.renewal.text, after: 10) == .over)
    }

    @Test("ID-24: another login, by the password; the old one is free again")
    func changeLogin() async throws {
        try await school.open()
        try await school.give("G1", login: "olga")
        try await school.give("G3", login: "irina")
        let olga = try await school.id("G1")
        func change(_ login: String, _ password: String = "gz7mtk4q") async throws {
            try await ChangeLogin(personID: olga, login: login, password: password, now: school.now).run(school.database, school.bench)
        }
        await #expect(throws: ProfileRefused(fields: ["login": FieldMessage(LoginRefused.isTaken.text)])) { try await change("Irina") }
        await #expect(throws: ProfileRefused(fields: ["login-password": "This is not your password."])) { try await change("olga.v", "wrongpass") }
        await #expect(throws: ProfileRefused(fields: ["login": FieldMessage(PasswordRefused.isLogin.text)])) { try await change("gz7mtk4q") }
        try await change("olga.v")
        _ = try signedIn(try await school.signIn("olga.v"))
        try await school.give("P1", login: "olga")
    }

    @Test("The curator finds people by a piece of the name (е = ё), class, login and number, and only of her school")
    func search() async throws {
        try await school.open()
        try await school.give("G1", login: "olga")
        let curator = try await school.id("S1")
        func find(_ text: String) async throws -> [String] {
            try await school.database.read { transaction in
                let schools = try SchoolsOf.keeper(curator, [.curator, .secretary], in: transaction)
                return try FindPeople(text: text, schools: schools).run(in: transaction).map { $0.rosterNumber ?? "-" }
            }
        }
        #expect(try await find("елкин") == ["P3", "G3"])
        #expect(try await find("Ёлкин семен") == ["P3"])
        #expect(try await find("7б") == ["P1", "P3"])
        #expect(try await find("OLGA") == ["G1"])
        #expect(try await find("s2") == ["S2"])
        #expect(try await find("ветр анна") == ["P1"])
        #expect(try await find("%") == [])
        #expect(try await find("") == [])
        let none = try await school.database.read { try FindPeople(text: "ветрова", schools: []).run(in: $0) }
        #expect(none.isEmpty)
    }

    @Test("The signing key is made once, also by two copies, and told")
    func keys() async throws {
        let (one, two) = (SigningKeys(school.database, school.outbox), SigningKeys(school.database, school.outbox))
        let now = school.now
        async let first = one.current(now: now)
        async let second = two.current(now: now)
        #expect(try await first.id == second.id)
        #expect(try await school.said(SigningKeyChanged.name) == 1)
        let facts = try await school.database.read { try SigningKeys.facts(nil, after: nil, limit: 10, in: $0) }
        #expect(facts.count == 1)
        #expect(facts.first?.publicKey.contains("BEGIN PUBLIC KEY") == true)
        #expect(facts.first?.algorithm == "ES256")

        // A day before its end there is a second one, said and not signing yet.
        let eve = now.addingTimeInterval(KeySchedule.signs - 86_400)
        let still = try await one.renew(now: eve)
        #expect(try await still.id == first.id)
        #expect(try await school.said(SigningKeyChanged.name) == 2)
        let after = try await one.renew(now: now.addingTimeInterval(KeySchedule.signs + 1))
        #expect(try await after.id != first.id)
        // The old one is withdrawn when the last token signed with it is over, and its secret is gone.
        try await one.renew(now: now.addingTimeInterval(KeySchedule.signs + KeySchedule.validAfter + 1))
        let secrets = try await school.database.read { try $0.rows("select private_key from signing_key where ended", as: String.self) }
        #expect(secrets == [""])
    }
}

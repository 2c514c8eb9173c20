import Events
import Foundation
import Kernel
import Postgres
import Support
import Testing

@testable import Identity

@Suite("Addresses and recovery", .database(School.migrations)) struct AddressTests {
    let school = School(database: TestDatabase.current.database)

    private func confirm(_ link: String, at: Date? = nil) async throws -> String? {
        let (token, now, outbox) = (String(link.split(separator: "/").last ?? ""), at ?? school.now, school.outbox)
        return try await school.database.transaction { try ConfirmAddress(token: token, now: now).run(in: $0, outbox) }
    }

    private func change(_ number: String, email: String, password: String = "gz7mtk4q") async throws {
        try await ChangeContact(
            personID: try await school.id(number), phone: "+79160000001", email: email, password: password, now: school.now
        ).run(school.database, school.letters, school.bench)
    }

    private func ask(_ text: String, from address: String = "10.0.0.1", at: Date? = nil) async throws -> AskForRecovery.Outcome {
        try await AskForRecovery(text: text, address: address, now: at ?? school.now).run(school.database, school.letters)
    }

    private func recover(_ link: String, _ password: String = "w8kz3hpf", at: Date? = nil) async throws -> ChooseRecoveredPassword.Outcome {
        try await ChooseRecoveredPassword(
            token: String(link.split(separator: "/").last ?? ""), password: password, repeated: password, now: at ?? school.now
        ).run(school.database, school.letters, school.bench, nil)
    }

    /// Olga has registered with an address of her own and confirmed it.
    private func registered() async throws {
        try await school.open()
        let code = try await school.code(for: "G1", child: "P1", in: "7Б")
        _ = try await school.register(school.registration(code: code))
        _ = try await confirm(try await school.link(.confirmAddress))
    }

    @Test("ID-14: registering sends one letter to the typed address; the school's counts until it is answered")
    func registration() async throws {
        try await school.open()
        let code = try await school.code(for: "G1", child: "P1", in: "7Б")
        _ = try await school.register(school.registration(code: code))
        let letters = try await school.askedLetters()
        #expect(letters.map(\.kind) == [.confirmAddress, .addressChanged])
        #expect(letters.map(\.email) == ["olga.v@example.org", "olga@example.org"])
        #expect(letters[0].greeting == "Ольга Игоревна" && letters[1].about == "o…v@example.org")
        var profile = try await school.profile("G1")
        #expect(profile?.email == "olga@example.org" && profile?.newEmail == "olga.v@example.org" && profile?.isEmailConfirmed == false)
        #expect(try await confirm(try await school.link(.confirmAddress)) == "olga.v@example.org")
        profile = try await school.profile("G1")
        #expect(profile?.email == "olga.v@example.org" && profile?.newEmail == nil && profile?.isEmailConfirmed == true)
    }

    @Test("A link of a letter is good once, for its days, and is stored hashed")
    func once() async throws {
        try await school.open()
        let code = try await school.code(for: "G1", child: "P1", in: "7Б")
        _ = try await school.register(school.registration(code: code))
        let link = try await school.link(.confirmAddress)
        let stored = try await school.database.rows("select encode(token_hash, 'escape') from letter_token", as: String.self)
        #expect(stored.count == 1 && !link.contains(stored[0]))
        #expect(try await confirm(link, at: school.now.addingTimeInterval(8 * 86_400)) == nil)
        #expect(try await confirm(link) != nil)
        #expect(try await confirm(link) == nil)
        #expect(try await confirm("/identity/confirmation/nonsense") == nil)
    }

    @Test("AX-07: an address of the school's list may have letters unconfirmed; one that was typed may not")
    func told() async throws {
        try await school.open()
        let (olga, code) = (try await school.id("G1"), try await school.code(for: "G1", child: "P1", in: "7Б"))
        func contact() async throws -> ContactChanged? {
            try await school.database.read { try PeopleFacts.contacts(.ids([olga]), in: $0).first }
        }
        let before = try await contact()
        #expect(before?.emailFromSchool == true && before?.emailConfirmed == false)
        _ = try await school.register(school.registration(code: code))
        let between = try await contact()
        #expect(between?.email == "olga@example.org" && between?.newEmail == "olga.v@example.org" && between?.emailFromSchool == true)
        _ = try await confirm(try await school.link(.confirmAddress))
        let after = try await contact()
        #expect(after?.email == "olga.v@example.org" && after?.emailConfirmed == true && after?.emailFromSchool == false && after?.newEmail == nil)
    }

    @Test("ID-24: another address needs the password, counts when confirmed, and the old one is told")
    func changing() async throws {
        try await registered()
        await #expect(throws: ProfileRefused(fields: ["contact-password": "This is not your password."])) {
            try await change("G1", email: "third@example.org", password: "wrong")
        }
        try await change("G1", email: "olga.v@example.org", password: "")
        try await school.forget()
        try await change("G1", email: "third@example.org")
        #expect(try await school.askedLetters().map { "\($0.kind) \($0.email)" } == ["confirmAddress third@example.org", "addressChanged olga.v@example.org"])
        #expect(try await school.profile("G1")?.email == "olga.v@example.org")
        // Back to the one that counts: the link to the other is good no more.
        let link = try await school.link(.confirmAddress)
        try await change("G1", email: "olga.v@example.org")
        #expect(try await confirm(link) == nil)
        #expect(try await school.profile("G1")?.newEmail == nil)
    }

    @Test("ID-16: the letter comes again when asked for, three times an hour")
    func again() async throws {
        try await school.open()
        let code = try await school.code(for: "G1", child: "P1", in: "7Б")
        _ = try await school.register(school.registration(code: code))
        let first = try await school.link(.confirmAddress)
        let (id, now, letters) = (try await school.id("G1"), school.now, school.letters)
        for number in 1...4 {
            let outcome = try await school.database.transaction { try AskToConfirmAgain(personID: id, now: now).run(in: $0, letters) }
            if number < 4 { #expect(outcome == .sent("olga.v@example.org")) } else { #expect(outcome != .sent("olga.v@example.org")) }
        }
        #expect(try await confirm(first) == nil)
        #expect(try await confirm(try await school.link(.confirmAddress)) != nil)
    }

    @Test("ID-15, ID-17: a confirmed address gets the way to a new password, once; every session ends")
    func recovery() async throws {
        try await registered()
        guard case .signedIn(let session, let device) = try await school.signIn("o.vetrova") else { Issue.record("not signed in"); return }
        #expect(try await ask(" Olga.V@example.org ") == .answered)
        let letter = try #require(try await school.askedLetters().last { $0.kind == .recoverAccess })
        #expect(letter.email == "olga.v@example.org" && letter.about == "o.vetrova")
        let link = try await school.link(.recoverAccess)
        #expect(try await recover(link, "kurz") == .refused(["password": PasswordRefused.tooShort.text]))
        #expect(try await recover(link, at: school.now.addingTimeInterval(3 * 3600)) == .over)
        #expect(try await recover(link) == .changed(login: "o.vetrova"))
        #expect(try await recover(link, "n4vwq8sd") == .over)
        #expect(try await school.askedLetters().last?.kind == .accessChanged)
        guard case .wrong = try await school.signIn("o.vetrova") else { Issue.record("the old password still works"); return }
        guard case .signedIn = try await school.signIn("o.vetrova", "w8kz3hpf", device: device.text) else { Issue.record("the new one does not"); return }
        let ended = try await school.database.rows("select end_reason from session where id = \(session.id)", as: String?.self)
        #expect(ended == ["recovery"])
        #expect(try await school.said(SessionEnded.name) == 1)
    }

    @Test("ID-18: an unconfirmed address, an unknown one and a login without any get the same answer and no letter", arguments: [
        "irina", "irina@example.org", "nobody", "nobody@example.org", "anna",
    ])
    func unknown(text: String) async throws {
        try await school.open()
        try await school.give("G3", login: "irina")
        try await school.give("P1", login: "anna")
        #expect(try await ask(text) == .answered)
        #expect(try await school.askedLetters().isEmpty)
    }

    @Test("Asking for recovery is throttled alike for who exists and who does not; by address it has to wait")
    func throttled() async throws {
        try await registered()
        try await school.forget()
        for _ in 0..<5 {
            #expect(try await ask("o.vetrova") == .answered)
            #expect(try await ask("nobody") == .answered)
        }
        #expect(try await school.askedLetters().count == 3)
        for number in 0..<50 { _ = try await ask("other\(number)") }
        guard case .wait = try await ask("other") else { Issue.record("goes on"); return }
        #expect(try await ask("other", from: "10.9.9.9") == .answered)
        #expect(try await ask("o.vetrova", at: school.now.addingTimeInterval(3700)) == .answered)
        #expect(try await school.askedLetters().count == 4)
    }

    @Test("An address is told to others only as far as its owner needs to know it again", arguments: [
        ("olga@example.org", "o…a@example.org"), ("ab@example.org", "…@example.org"), ("nonsense", "…"),
    ])
    func masked(email: String, shown: String) { #expect(EmailAddress.masked(email) == shown) }
}

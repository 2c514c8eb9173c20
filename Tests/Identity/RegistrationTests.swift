import Events
import Foundation
import Kernel
import Postgres
import Support
import Testing

@testable import Identity

@Suite("Invitations and registration", .database(School.migrations)) struct RegistrationTests {
    let school = School(database: TestDatabase.current.database)

    @Test("ID-05, ID-06: a class gets one code per pupil and one per guardian and child, all different")
    func issue() async throws {
        try await school.open()
        let codes = try await school.codes("7Б")
        #expect(codes.map { "\($0.kind.rawValue) \($0.personNumber ?? "-")" } == [
            "pupil P1", "guardian G1", "guardian G2", "pupil P3", "guardian G3",
        ])
        #expect(Set(codes.map(\.code.signs)).count == 5)
        let stored = try await school.database.read { transaction in
            try transaction.rows("select encode(code_hash, 'hex') || i::text from invitation i", as: String.self)
        }
        for code in codes { #expect(!stored.contains { $0.contains(code.code.signs) }) }
    }

    @Test("ID-07, ID-13: a guardian registers with her code and signs in")
    func register() async throws {
        try await school.open()
        let code = try await school.code(for: "G1", child: "P1", in: "7Б")
        try await school.forget()
        let outcome = try await school.register(school.registration(code: code.lowercased()))
        let olga = try await school.id("G1")
        #expect(outcome == .registered(personID: olga, login: "o.vetrova"))
        guard case .signedIn(let session, _) = try await school.signIn("O.Vetrova") else { Issue.record("not signed in"); return }
        #expect(session.personID == olga)
        let person = try #require(try await school.database.read { try SignedInPerson.read(olga, in: $0) })
        #expect(person.children.map(\.name) == ["Анна", "Пётр"])
        #expect(Set(person.children.map(\.accent)).count == 2)
        #expect(try await school.said(ContactChanged.name) == 1)
        let profile = try #require(try await school.database.read { try OwnProfile.read(olga, now: Date(), in: $0) })
        #expect(profile.phone == "+79160000009")
        // ID-14: nobody has confirmed the address yet, and nothing pretends so.
        #expect(!profile.isEmailConfirmed)
    }

    @Test("ID-05: a code is good once")
    func onlyOnce() async throws {
        try await school.open()
        let code = try await school.code(for: "G1", child: "P1", in: "7Б")
        _ = try await school.register(school.registration(code: code))
        let again = try await school.register(school.registration(code: code, login: "another"))
        #expect(again == .refused(["code": FieldMessage(InvitationRefused.used.text)]))
    }

    @Test("An expired, a revoked and an invented code open nothing")
    func deadCodes() async throws {
        try await school.open()
        let code = try await school.code(for: "G1", child: "P1", in: "7Б")
        let late = school.now.addingTimeInterval(IssueInvitations.goodFor + 1)
        #expect(try await school.register(school.registration(code: code, at: late)) == .refused(["code": FieldMessage(InvitationRefused.expired.text)]))
        // New sheets take the old ones' place.
        let next = try await school.code(for: "G1", child: "P1", in: "7Б")
        #expect(try await school.register(school.registration(code: code)) == .refused(["code": FieldMessage(InvitationRefused.revoked.text)]))
        let now = school.now
        try await school.database.transaction { transaction in
            let ids = try transaction.rows("select id from invitation where revoked_at is null", as: UUID.self)
            for id in ids { try RevokeInvitation(id: id, by: nil, now: now).run(in: transaction) }
        }
        #expect(try await school.register(school.registration(code: next)) == .refused(["code": FieldMessage(InvitationRefused.revoked.text)]))
        for code in ["AAAA-AAAA", "так не бывает", ""] {
            #expect(try await school.register(school.registration(code: code)) == .refused(["code": FieldMessage(InvitationRefused.unknown.text)]))
        }
    }

    @Test("ID-12: a parent whom the school listed twice gets all diaries at once by the codes in «Дети»")
    func severalCodes() async throws {
        var files = School.files
        files[3].text = files[3].text.replacing("P2,G1,мать,Ветрова,Ольга,Игоревна,f,+79160000001", with: "P2,G9,мать,Ветрова,Ольга,Игоревна,f,+79160000001")
        try await school.open(files)
        let first = try await school.code(for: "G1", child: "P1", in: "7Б")
        let second = try await school.code(for: "G9", child: "P2", in: "3А")
        #expect(try await school.rights("G1")?.children.count == 1)
        var registration = school.registration(code: first)
        registration.otherCodes = "\(second)\n\(first)"
        guard case .registered = try await school.register(registration) else { Issue.record("refused"); return }
        let rights = try #require(try await school.rights("G1"))
        #expect(rights.children.count == 2)
        #expect(rights.version == 2)
        #expect(rights.children.map(\.isPrimary).filter(\.self).count == 1)
    }

    @Test("ID-12: a bad code in «Дети» names itself, and nothing is registered")
    func badChildCode() async throws {
        try await school.open()
        let codes = try await school.codes("7Б")
        let first = try #require(codes.first { $0.personNumber == "G1" }).code.text
        let pupil = try #require(codes.first { $0.personNumber == "P3" }).code.text
        var registration = school.registration(code: first)
        registration.otherCodes = pupil
        #expect(try await school.register(registration)
            == .refused(["children": FieldMessage("This code is for the pupil, not for the parent.", about: pupil)]))
        registration.otherCodes = "AAAA-AAAA"
        #expect(try await school.register(registration)
            == .refused(["children": FieldMessage(InvitationRefused.unknown.text, about: "AAAA-AAAA")]))
        registration.otherCodes = ""
        guard case .registered = try await school.register(registration) else { Issue.record("refused"); return }
    }

    @Test("ID-26: a pupil cannot combine diaries")
    func pupilCannotCombine() async throws {
        try await school.open()
        let codes = try await school.codes("7Б")
        var registration = school.registration(code: try #require(codes.first { $0.personNumber == "P1" }).code.text)
        registration.otherCodes = try #require(codes.first { $0.personNumber == "G3" }).code.text
        #expect(try await school.register(registration) == .refused(["children": "Only parents can see several diaries."]))
    }

    @Test("ID-10: phone and e-mail are a parent's duty and a pupil's choice")
    func contacts() async throws {
        try await school.open()
        let codes = try await school.codes("7Б")
        var parent = school.registration(code: try #require(codes.first { $0.personNumber == "G1" }).code.text)
        parent.phone = ""
        parent.email = " "
        guard case .refused(let fields) = try await school.register(parent) else { Issue.record("accepted"); return }
        #expect(Set(fields.keys) == ["phone", "email"])
        var pupil = school.registration(code: try #require(codes.first { $0.personNumber == "P1" }).code.text, login: "anna")
        pupil.phone = ""
        pupil.email = ""
        guard case .registered(let id, _) = try await school.register(pupil) else { Issue.record("refused"); return }
        #expect(try await school.id("P1") == id)
        // ID-22: whatever name a pupil sends, the school's stays.
        let name = try await school.database.read { try SignedInPerson.read(id, in: $0)?.name.full }
        #expect(name == "Ветрова Анна Михайловна")
    }

    @Test("ID-08, ID-09: a password that breaks the rule is refused at its field, for the owner of the code")
    func passwords() async throws {
        try await school.open()
        let code = try await school.code(for: "P1", child: "P1", in: "7Б")
        for (password, refused) in [
            ("short7", PasswordRefused.tooShort), ("with.dots.in", .hasSigns), ("07032013", .isBirthDate), ("annavetrova", .isLogin),
            ("7б7б7б7б", .isRoom),
        ] {
            let registration = RegisterByCode(
                code: code, login: "anna.vetrova", password: password, repeated: password, address: "10.0.0.1", now: school.now)
            #expect(try await school.register(registration) == .refused(["password": FieldMessage(refused.text)]), "\(password)")
        }
        let differing = RegisterByCode(
            code: code, login: "anna.vetrova", password: "gz7mtk4q", repeated: "gz7mtk4x", address: "10.0.0.1", now: school.now)
        #expect(try await school.register(differing) == .refused(["repeated": "The two passwords differ."]))
    }

    @Test("D-03: the school's setting decides about signs")
    func schoolAllowsSigns() async throws {
        var files = School.files
        files[0].text = "school,name,time_zone,modules,password_signs\ndemo,Школа «Набережная»,Europe/Moscow,canteen,yes\n"
        try await school.open(files)
        let code = try await school.code(for: "P1", child: "P1", in: "7Б")
        let registration = RegisterByCode(
            code: code, login: "anna.vetrova", password: "gz7.mtk4!", repeated: "gz7.mtk4!", address: "10.0.0.1", now: school.now)
        guard case .registered = try await school.register(registration) else { Issue.record("refused"); return }
    }

    @Test("A login is one person's, however it is written")
    func takenLogin() async throws {
        try await school.open()
        try await school.give("G3", login: "Ёлка")
        let code = try await school.code(for: "G1", child: "P1", in: "7Б")
        #expect(try await school.register(school.registration(code: code, login: "елка"))
            == .refused(["login": FieldMessage(LoginRefused.isTaken.text)]))
    }

    @Test("A child without listed guardians has a code for whoever the school hands it to")
    func unlistedGuardian() async throws {
        var files = School.files
        files[3].text = files[3].text.split(separator: "\n").filter { !$0.hasPrefix("P3") }.joined(separator: "\n")
        try await school.open(files)
        let codes = try await school.codes("7Б")
        let code = try #require(codes.first { $0.kind == .guardian && $0.childNumber == "P3" })
        #expect(code.personName == nil)
        guard case .registered(let id, _) = try await school.register(school.registration(code: code.code.text)) else {
            Issue.record("refused")
            return
        }
        let rights = try #require(try await school.database.read { try PeopleFacts.rights(.ids([id]), in: $0).first })
        #expect(rights.children.map(\.isPrimary) == [true])
    }

    @Test("ID-25, ID-29, ID-03: another child is added by its code; a code somebody registered with is not taken over")
    func addChild() async throws {
        try await school.open()
        let first = try await school.code(for: "G1", child: "P1", in: "7Б")
        _ = try await school.register(school.registration(code: first))
        let olga = try await school.id("G1")
        let codes = try await school.codes("7Б")
        let irina = try #require(codes.first { $0.personNumber == "G3" }).code.text
        let pupil = try #require(codes.first { $0.personNumber == "P3" }).code.text
        func add(_ code: String) async throws -> AddChild.Outcome {
            try await AddChild(guardianID: olga, code: code, address: "10.0.0.1", now: school.now)
                .run(school.database, school.outbox, school.bench)
        }
        #expect(try await add(pupil) == .refused("This code is for the pupil, not for the parent."))
        #expect(try await add("AAAA-AAAA") == .refused(InvitationRefused.unknown.text))
        #expect(try await add(irina) == .added(PersonName(surname: "Ёлкин", given: "Семён")))
        #expect(try await school.rights("G1")?.children.count == 3)
        #expect(try await school.rights("G1")?.version == 2)
        #expect(try await add(irina) == .refused(InvitationRefused.used.text))
    }

    @Test("ID-29: who is registered does not register again with the next child's code")
    func registeredAlready() async throws {
        try await school.open()
        let seventh = try await school.code(for: "G1", child: "P1", in: "7Б")
        let third = try await school.code(for: "G1", child: "P2", in: "3А")
        _ = try await school.register(school.registration(code: seventh))
        guard case .refused(let fields) = try await school.register(school.registration(code: third, login: "second")) else {
            Issue.record("accepted")
            return
        }
        #expect(fields["code"] != nil)
    }

    @Test("Guessing codes is stopped per address; another address goes on, and so does time")
    func codeGuessing() async throws {
        try await school.open()
        for _ in 0..<Guessing.Scope.codeAddress.limit.attempts {
            #expect(try await school.register(school.registration(code: "AAAA-AAAA")) == .refused(["code": FieldMessage(InvitationRefused.unknown.text)]))
        }
        guard case .wait(let until) = try await school.register(school.registration(code: "AAAA-AAAA")) else {
            Issue.record("goes on guessing")
            return
        }
        #expect(until > school.now)
        let code = try await school.code(for: "G1", child: "P1", in: "7Б")
        var elsewhere = RegisterByCode(
            code: code, login: "o.vetrova", password: "gz7mtk4q", repeated: "gz7mtk4q", address: "10.9.9.9", now: school.now)
        elsewhere.ownConsent = School.words
        elsewhere.childConsent = School.words
        elsewhere.surname = "Ветрова"
        elsewhere.givenName = "Ольга"
        elsewhere.phone = "+79160000009"
        elsewhere.email = "olga@example.org"
        guard case .registered = try await school.register(elsewhere) else { Issue.record("stopped for all"); return }
    }

    @Test("One code cannot be used by two registrations at once")
    func race() async throws {
        try await school.open()
        let code = try await school.code(for: "G1", child: "P1", in: "7Б")
        let outcomes = try await withThrowingTaskGroup(of: RegisterByCode.Outcome.self) { group in
            for index in 0..<4 {
                group.addTask { try await school.register(school.registration(code: code, login: "olga\(index)")) }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        let registered = outcomes.count { if case .registered = $0 { true } else { false } }
        #expect(registered == 1)
        let logins = try await school.database.read { try $0.first("select count(*) from login", as: Int64.self) }
        #expect(logins == 1)
    }
}

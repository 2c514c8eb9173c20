import Events
import Foundation
import Kernel
import Postgres
import Support
import Testing

@testable import Identity

@Suite("The second step", .database(School.migrations)) struct SecondFactorTests {
    let school = School(database: TestDatabase.current.database)

    /// Sets the second step up for somebody with a login.
    private func setUp(_ number: String, at: Date? = nil) async throws -> (TimeCode, [RecoveryCode]) {
        let (id, now, box, letters) = (try await school.id(number), at ?? school.now, school.box, school.letters)
        return try await school.database.transaction { transaction in
            let set = SetUpSecondFactor(personID: id, now: now)
            guard let code = try set.begin(box, in: transaction),
                let codes = try set.confirm(
                    code.code(step: TimeCode.step(at: now)), keeping: nil, box, letters, in: transaction)
            else { throw NobodyHas(number: number) }
            return (code, codes)
        }
    }

    private func ticket(_ login: String, at: Date, address: String = "10.0.0.1", device: String? = nil) async throws -> String {
        guard case .secondStep(let ticket) = try await school.signIn(login, address: address, device: device, at: at) else {
            throw NobodyHas(number: login)
        }
        return ticket.text
    }

    private func prove(
        _ ticket: String, _ code: String, at: Date, address: String = "10.0.0.1", device: String? = nil
    ) async throws -> ProveSecondStep.Outcome {
        try await ProveSecondStep(ticket: ticket, code: code, address: address, agent: "", device: device, now: at)
            .run(school.database, school.box)
    }

    private func isIn(_ outcome: ProveSecondStep.Outcome) -> Bool { if case .signedIn = outcome { true } else { false } }
    private func isWrong(_ outcome: ProveSecondStep.Outcome) -> Bool { if case .wrong = outcome { true } else { false } }

    @Test("With the second step on, the password alone opens nothing; with the code it does, and the code is good once")
    func signIn() async throws {
        try await school.open()
        try await school.give("G1", login: "olga")
        let (code, _) = try await setUp("G1")
        // The step in which it was set up has been used.
        let later = school.now.addingTimeInterval(60)
        let first = try await ticket("olga", at: later)
        #expect(try await school.said(SessionEnded.name) == 0)
        #expect(isWrong(try await prove(first, "000000", at: later)))
        let right = code.code(step: TimeCode.step(at: later))
        #expect(isIn(try await prove(first, right, at: later)))
        guard case .over = try await prove(first, right, at: later) else { Issue.record("a ticket is good once"); return }
        #expect(isWrong(try await prove(try await ticket("olga", at: later), right, at: later)))
        let next = later.addingTimeInterval(30)
        #expect(isIn(try await prove(try await ticket("olga", at: next), code.code(step: TimeCode.step(at: next)), at: next)))
    }

    @Test("Of many who bring the same code at once one comes in")
    func once() async throws {
        try await school.open()
        try await school.give("G1", login: "olga")
        let (code, codes) = try await setUp("G1")
        for right in [code.code(step: TimeCode.step(at: school.now.addingTimeInterval(60))), codes[0].text] {
            let now = school.now.addingTimeInterval(60)
            var tickets: [String] = []
            for index in 0..<4 { tickets.append(try await ticket("olga", at: now, address: "10.0.1.\(index)")) }
            let outcomes = try await withThrowingTaskGroup(of: ProveSecondStep.Outcome.self) { group in
                for (index, ticket) in tickets.enumerated() {
                    group.addTask { try await prove(ticket, right, at: now, address: "10.0.1.\(index)") }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(outcomes.count(where: isIn) == 1)
        }
    }

    @Test("Ten recovery codes, each good once; new ones end the old")
    func recoveryCodes() async throws {
        try await school.open()
        try await school.give("G1", login: "olga")
        let (_, codes) = try await setUp("G1")
        #expect(codes.count == 10 && Set(codes.map(\.signs)).count == 10)
        let now = school.now.addingTimeInterval(60)
        guard case .signedIn(_, _, let left) = try await prove(try await ticket("olga", at: now), codes[3].text, at: now) else {
            Issue.record("refused"); return
        }
        #expect(left == 9)
        #expect(isWrong(try await prove(try await ticket("olga", at: now), codes[3].text, at: now)))
        let olga = try await school.id("G1")
        let fresh = try await RenewRecoveryCodes(personID: olga, password: "gz7mtk4q", now: now).run(school.database, school.box, school.bench)
        #expect(isWrong(try await prove(try await ticket("olga", at: now), codes[4].text, at: now)))
        #expect(isIn(try await prove(try await ticket("olga", at: now), fresh[0].text, at: now)))
        await #expect(throws: ProfileRefused(fields: ["codes-password": "This is not your password."])) {
            _ = try await RenewRecoveryCodes(personID: olga, password: "wrongpass", now: now).run(school.database, school.box, school.bench)
        }
    }

    @Test("Neither secret nor codes stand readable in the database")
    func sealed() async throws {
        try await school.open()
        try await school.give("G1", login: "olga")
        let (code, codes) = try await setUp("G1")
        let stored = try await school.database.read { transaction in
            try transaction.rows("select secret from second_factor", as: Data.self)
                + transaction.rows("select code_hash from recovery_code", as: Data.self)
        }
        #expect(stored.count == 11)
        for data in stored {
            #expect(data.range(of: Data(code.secret)) == nil)
            for recovery in codes { #expect(data != RandomToken.hash(recovery.signs)) }
        }
    }

    @Test("ID-17: a new password by letter does not go round the second step, nor does the curator's")
    func recovery() async throws {
        try await school.open()
        try await school.give("G1", login: "olga")
        _ = try await setUp("G1")
        let (olga, curator, now) = (try await school.id("G1"), try await school.id("S1"), school.now)
        let letters = school.letters
        try await school.database.transaction { transaction in
            try transaction.execute("update contact set email_confirmed = true where person_id = \(olga)")
            try letters.recover("olga@example.org", of: olga, now: now, in: transaction)
        }
        let link = try await school.link(.recoverAccess)
        _ = try await ChooseRecoveredPassword(
            token: String(link.split(separator: "/").last ?? ""), password: "w8kz3hpf", repeated: "w8kz3hpf", now: now
        ).run(school.database, letters, school.bench, nil)
        guard case .secondStep = try await school.signIn("olga", "w8kz3hpf") else { Issue.record("came in"); return }

        let given = try await SetOneTimePassword(personID: olga, by: curator, now: now).run(school.database, school.outbox, school.bench)
        guard case .mustChange(let ticket, _) = try await school.signIn("olga", given.password) else { Issue.record("signed in"); return }
        let chosen = try await ChooseNewPassword(ticket: ticket.text, password: "kw3xtp9r", address: "10.0.0.1", agent: "", now: now)
            .run(school.database, school.outbox, school.bench, nil)
        guard case .signedIn(.secondStep(let step)) = chosen else { Issue.record("came in"); return }
        // A password that is changed meanwhile ends the way in between as well.
        _ = try await SetOneTimePassword(personID: olga, by: curator, now: now).run(school.database, school.outbox, school.bench)
        guard case .over = try await prove(step.text, "123456", at: now) else { Issue.record("still open"); return }
    }

    @Test("SC-06: where the school wants it, whoever handles money or people sets it up before anything else; others need not")
    func required() async throws {
        try await school.open()
        let (database, now) = (school.database, school.now)
        for (number, login) in [("S1", "curator"), ("S2", "teacher"), ("S3", "cashier"), ("S4", "operator"), ("G1", "olga")] {
            try await school.give(number, login: login)
        }
        guard case .signedIn(let before, _) = try await school.signIn("cashier") else { Issue.record("not in"); return }
        let curator = try await school.id("S1")
        try await database.transaction { transaction in
            guard let id = try transaction.first("select id from school", as: UUID.self) else { return }
            try ChangeSchoolRules(school: id, needsSecondFactor: true, allowsPasswordSigns: false, by: curator, now: now).run(in: transaction)
        }
        for login in ["curator", "cashier", "operator"] {
            guard case .mustSetUp = try await school.signIn(login) else { Issue.record("\(login) came in"); return }
        }
        for login in ["teacher", "olga"] {
            guard case .signedIn = try await school.signIn(login) else { Issue.record("\(login) was kept out"); return }
        }
        // Who was in already is led there at his next renewal.
        let outbox = school.outbox
        let renewed = try await database.transaction { try RenewSession(token: before.renewal.text, now: now.addingTimeInterval(300)).run(in: $0, outbox) }
        #expect(renewed == .over)
        _ = try await setUp("S3")
        guard case .secondStep = try await school.signIn("cashier") else { Issue.record("not asked"); return }
        // What the school requires nobody switches off for himself; the curator may reset it.
        let cashier = try await school.id("S3")
        await #expect(throws: ProfileRefused.self) {
            try await EndSecondFactor(personID: cashier, password: "gz7mtk4q", now: now).run(database, school.letters, school.bench)
        }
        let letters = school.letters
        try await database.transaction { try ResetSecondFactor(personID: cashier, by: curator, now: now).run(in: $0, letters) }
        guard case .mustSetUp = try await school.signIn("cashier") else { Issue.record("not led"); return }
        let reset = try await database.read { try $0.rows("select action from audit where about_person_id = \(cashier) order by at, id", as: String.self) }
        #expect(reset.contains("second-factor-reset"))
    }

    @Test("D-03: the rule stands in school.csv too, and an import that does not name it leaves it")
    func fromTheLists() async throws {
        try await school.open([("school.csv", "school,name,time_zone,modules,second_factor\ndemo,Школа,Europe/Moscow,canteen,yes\n")])
        func rule() async throws -> [Bool] { try await school.database.read { try $0.rows("select second_factor from school", as: Bool.self) } }
        #expect(try await rule() == [true])
        try await school.open([("school.csv", "school,name,time_zone,modules\ndemo,Школа № 1,Europe/Moscow,canteen\n")])
        #expect(try await rule() == [true])
        try await school.open([("school.csv", "school,name,time_zone,modules,second_factor\ndemo,Школа,Europe/Moscow,canteen,no\n")])
        #expect(try await rule() == [false])
        let report = try await school.open([("school.csv", "school,name,time_zone,modules,second_factor\ndemo,Школа,Europe/Moscow,canteen,maybe\n")])
        #expect(report.badLines.count == 1)
    }

    @Test("Nobody who is not his curator resets a second step, and nobody an operator's")
    func reset() async throws {
        try await school.open()
        for (number, login) in [("G1", "olga"), ("S4", "operator")] {
            try await school.give(number, login: login)
            _ = try await setUp(number)
        }
        let (now, letters) = (school.now, school.letters)
        for (by, whom) in [("S3", "G1"), ("S1", "S4"), ("G2", "G1")] {
            let command = ResetSecondFactor(personID: try await school.id(whom), by: try await school.id(by), now: now)
            await #expect(throws: SetOneTimePassword.Refused.notYours) {
                try await school.database.transaction { try command.run(in: $0, letters) }
            }
        }
        let left = try await school.database.read { try $0.rows("select person_id from second_factor", as: UUID.self) }
        #expect(left.count == 2)
    }

    @Test("Switching off needs the password, and then the password is enough again")
    func off() async throws {
        try await school.open()
        try await school.give("G1", login: "olga")
        _ = try await setUp("G1")
        let (olga, now) = (try await school.id("G1"), school.now)
        await #expect(throws: ProfileRefused(fields: ["end-password": "This is not your password."])) {
            try await EndSecondFactor(personID: olga, password: "wrongpass", now: now).run(school.database, school.letters, school.bench)
        }
        try await EndSecondFactor(personID: olga, password: "gz7mtk4q", now: now).run(school.database, school.letters, school.bench)
        guard case .signedIn = try await school.signIn("olga") else { Issue.record("still asked"); return }
    }

    @Test("A secret that was never confirmed asks for nothing and is forgotten")
    func unconfirmed() async throws {
        try await school.open()
        try await school.give("G1", login: "olga")
        let (id, now, box, letters) = (try await school.id("G1"), school.now, school.box, school.letters)
        let (first, again, late) = try await school.database.transaction { transaction in
            let set = SetUpSecondFactor(personID: id, now: now)
            let first = try set.begin(box, in: transaction)
            let again = try set.begin(box, in: transaction)
            let later = SetUpSecondFactor(personID: id, now: now.addingTimeInterval(SetUpSecondFactor.patience + 1))
            let code = first?.code(step: TimeCode.step(at: later.now)) ?? ""
            let confirmed = try later.confirm(code, keeping: nil, box, letters, in: transaction)
            return (first, again, confirmed)
        }
        #expect(first != nil && first == again && late == nil)
        guard case .signedIn = try await school.signIn("olga") else { Issue.record("asked"); return }
    }

    @Test("Five wrong codes from one address close it there; the owner's own browser is asked as before")
    func throttled() async throws {
        try await school.open()
        try await school.give("G1", login: "olga")
        guard case .signedIn(_, let device) = try await school.signIn("olga") else { Issue.record("not in"); return }
        let (code, _) = try await setUp("G1")
        let now = school.now.addingTimeInterval(60)
        // A stranger who knows the password, from many addresses.
        var looked = 0
        for address in 0..<12 {
            let ticket = try await ticket("olga", at: now, address: "6.6.6.\(address)")
            for _ in 0..<7 where isWrong(try await prove(ticket, "000000", at: now, address: "6.6.6.\(address)")) { looked += 1 }
        }
        #expect(looked == Guessing.Scope.factor.limit.attempts)
        let right = code.code(step: TimeCode.step(at: now))
        let own = try await ticket("olga", at: now, device: device.text)
        #expect(isIn(try await prove(own, right, at: now, device: device.text)))
    }
}

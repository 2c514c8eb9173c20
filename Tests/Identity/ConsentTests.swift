import Events
import Foundation
import Kernel
import Postgres
import Support
import Testing

@testable import Identity

@Suite("Consents", .database(School.migrations)) struct ConsentTests {
    let school = School(database: TestDatabase.current.database)

    @Test("ID-38: what holds follows from the last decision and the wording it was about")
    func states() {
        let at = Date(timeIntervalSince1970: 0)
        #expect(ConsentState(nil, present: 1) == .open)
        for version in 1...3 {
            for present in version...3 {
                #expect(ConsentState(.init(version: version, isGiven: true, at: at), present: present) == (version == present ? .given : .outdated))
                #expect(ConsentState(.init(version: version, isGiven: false, at: at), present: present) == .withdrawn)
            }
        }
        #expect([ConsentState.open, .given, .outdated, .withdrawn].map(\.holds) == [false, true, true, false])
        #expect(ConsentPurpose.asked(of: .guardian) == [.personalData] && ConsentPurpose.asked(of: .pupil) == ConsentPurpose.allCases)
    }

    private func lines(_ number: String) async throws -> [ConsentLine] {
        let id = try await school.id(number)
        return try await school.database.read { try ConsentsOf.read(id, in: $0) }
    }

    private func state(_ number: String, _ purpose: ConsentPurpose) async throws -> ConsentState? {
        try await lines(number).first { $0.purpose == purpose }?.state
    }

    @discardableResult
    private func decide(_ number: String, _ purpose: ConsentPurpose, _ isGiven: Bool, by: String, text: UUID? = nil, after: TimeInterval = 0) async throws -> DecideConsent.Outcome {
        let shown = try await lines(number).first { $0.purpose == purpose }?.textID
        let command = DecideConsent(
            personID: try await school.id(number), textID: text ?? shown ?? UUID.v7(), isGiven: isGiven, by: try await school.id(by),
            now: school.now.addingTimeInterval(after))
        return try await school.database.transaction { [outbox = school.outbox] in try command.run(in: $0, outbox) }
    }

    @Test("ID-38: given and withdrawn, with time and by whom; every decision stays")
    func decisions() async throws {
        try await school.open()
        #expect(try await lines("P1").map(\.purpose) == ConsentPurpose.allCases)
        #expect(try await lines("G1").map(\.purpose) == [.personalData])
        #expect(try await state("P1", .photos) == .open)
        try await decide("P1", .photos, true, by: "G1")
        let given = try #require(try await lines("P1").first { $0.purpose == .photos })
        #expect(given.state == .given && given.last?.at == school.now && given.lastBy?.given == "Ольга")
        // The same once more is no second decision.
        try await decide("P1", .photos, true, by: "G1", after: 5)
        try await decide("P1", .photos, false, by: "G1", after: 10)
        #expect(try await state("P1", .photos) == .withdrawn)
        try await decide("P1", .photos, true, by: "G1", after: 20)
        #expect(try await state("P1", .photos) == .given)
        #expect(try await state("P1", .health) == .open)
        #expect(try await state("P2", .photos) == .open)
        let kept = try await school.database.read { try $0.rows("select given from consent order by at, id", as: Bool.self) }
        #expect(kept == [true, false, true])
        let anna = try await school.id("P1")
        let log = try await school.database.read {
            try $0.rows("select action from audit where about_person_id = \(anna) and action like 'consent-%' order by at, id", as: String.self)
        }
        #expect(log == ["consent-given", "consent-withdrawn", "consent-given"])
        for statement in ["update consent set given = false", "delete from consent", "update consent_text set body = 'x'"] {
            await #expect(throws: PostgresError.self, "\(statement)") { _ = try await school.database.transaction { try $0.script(statement) } }
        }
    }

    @Test("Another wording asks again; nobody agrees to words he was not shown; a school's own words come before the installation's")
    func wordings() async throws {
        try await school.open()
        let old = try #require(try await lines("P1").first { $0.purpose == .photos }?.textID)
        try await decide("P1", .photos, true, by: "G1")
        let (now, database) = (school.now, school.database)
        let version = try await database.transaction {
            try PublishConsentText(purpose: .photos, school: nil, title: "Съёмка", text: "Иначе.", by: nil, now: now).run(in: $0)
        }
        #expect(version == 2)
        #expect(try await state("P1", .photos) == .outdated)
        #expect(try await decide("P1", .photos, true, by: "G1", text: old, after: 5) == .changedMeanwhile)
        try await decide("P1", .photos, true, by: "G1", after: 10)
        #expect(try await state("P1", .photos) == .given)
        _ = try await database.transaction { transaction in
            guard let id = try transaction.first("select id from school", as: UUID.self) else { return }
            try PublishConsentText(purpose: .photos, school: id, title: "Съёмка в нашей школе", text: "Наши слова.", by: nil, now: now)
                .run(in: transaction)
        }
        let line = try #require(try await lines("P1").first { $0.purpose == .photos })
        #expect(line.title == "Съёмка в нашей школе" && line.version == 1 && line.state == .open && line.schoolName != nil)
    }

    private func said() async throws -> [ConsentChanged] {
        struct Envelope: Decodable { let data: ConsentChanged }
        return try await school.database.rows(
            "select body from outbox where routing_key = \(ConsentChanged.name) order by seq", as: Data.self
        ).map { try EventCoding.decoder.decode(Envelope.self, from: $0).data }
    }

    @Test("ID-38: every decision is said with a growing number, and can be said again")
    func told() async throws {
        try await school.open()
        try await decide("P1", .photos, true, by: "G1")
        try await decide("P1", .photos, true, by: "G1", after: 5)
        try await decide("P1", .photos, false, by: "G1", after: 10)
        try await decide("G1", .personalData, false, by: "G1", after: 10)
        let said = try await said()
        #expect(said.map(\.kind) == [.photos, .photos, .personalData] && said.map(\.holds) == [true, false, false])
        #expect(said[0].consentID == said[1].consentID && said[0].version < said[1].version)
        let database = school.database
        let again = try await database.read { try ConsentFacts.page(after: nil, limit: 100, in: $0) }
        #expect(again.count == 2 && again.allSatisfy { one in said.contains(one) })
        let first = try await database.read { try ConsentFacts.page(after: nil, limit: 1, in: $0) }
        let rest = try await database.read { try ConsentFacts.page(after: first.last?.consentID, limit: 100, in: $0) }
        #expect(first + rest == again)
    }

    @Test("ID-38: who registers agrees to the words he was shown, for himself and as a parent for his child; nothing is registered without")
    func registered() async throws {
        try await school.open()
        let code = try await school.code(for: "G1", child: "P1", in: "7Б")
        var registration = school.registration(code: code)
        registration.ownConsent = nil
        registration.childConsent = UUID.v7()
        guard case .refused(let wrong) = try await school.register(registration) else { Issue.record("registered"); return }
        #expect(Set(wrong.keys) == ["own-consent", "child-consent"] && wrong["own-consent"] != wrong["child-consent"])
        #expect(try await said().isEmpty)
        guard case .registered = try await school.register(school.registration(code: code)) else { Issue.record("refused"); return }
        for person in ["G1", "P1"] { #expect(try await state(person, .personalData) == .given, "\(person)") }
        #expect(try await state("P1", .photos) == .open)
        let line = try #require(try await lines("P1").first { $0.purpose == .personalData })
        #expect(line.last?.at == school.now && line.last?.version == 1 && line.lastBy?.given == "Ольга")
        // The other parent is asked about himself alone: for the child his mother has agreed.
        let other = try await school.code(for: "G2", child: "P1", in: "7Б")
        var father = school.registration(code: other, login: "m.vetrov")
        father.childConsent = nil
        guard case .registered = try await school.register(father) else { Issue.record("refused"); return }
        // A pupil is asked nothing: his parent decides.
        let own = try await school.code(for: "P1", child: "P1", in: "7Б")
        let pupil = RegisterByCode(
            code: own, login: "anna.vetrova", password: "gz7mtk4q", repeated: "gz7mtk4q", address: "10.0.0.1", now: school.now)
        guard case .registered = try await school.register(pupil) else { Issue.record("refused"); return }
    }

    @Test("The class list shows the school what each family has decided")
    func ofClass() async throws {
        try await school.open()
        try await decide("P1", .photos, true, by: "G1")
        try await decide("P3", .photos, false, by: "G3")
        let (seventh, database) = (try await school.classID("7Б"), school.database)
        let pupils = try await database.read { transaction -> [(id: UUID, name: PersonName, lines: [ConsentLine])] in
            guard let id = try transaction.first("select id from school", as: UUID.self) else { return [] }
            return try ConsentsOf.ofClass(seventh, school: id, in: transaction)
        }
        #expect(pupils.map(\.name.surname) == ["Ветрова", "Ёлкин"])
        #expect(pupils.map { $0.lines.first { $0.purpose == .photos }?.state } == [.given, .withdrawn])
    }

    @Test("A text without a title or words is not published")
    func refused() {
        let empty = PublishConsentText(purpose: .photos, school: nil, title: " ", text: "", by: nil, now: school.now)
        #expect(Set(empty.refusal().keys) == ["title", "text"])
        let long = PublishConsentText(
            purpose: .photos, school: nil, title: String(repeating: "а", count: 201), text: String(repeating: "а", count: 20_001), by: nil, now: school.now)
        #expect(Set(long.refusal().keys) == ["title", "text"])
    }
}

import Directory
import Events
import Foundation
import Kernel
import Postgres
import Support
import Testing

@testable import Identity

/// What the tests about families do over and over.
extension School {
    /// A guardian whom the school does not know, registered by a code of the family.
    func register(_ code: String, login: String, surname: String = "Бабушкина", at: Date? = nil) async throws -> RegisterByCode.Outcome {
        var registration = RegisterByCode(
            code: code, login: login, password: "gz7mtk4q", repeated: "gz7mtk4q", address: "10.0.0.\(login.count)", now: at ?? now)
        registration.ownConsent = School.words
        registration.surname = surname
        registration.givenName = "Нина"
        registration.phone = "+79160000077"
        registration.email = "\(login)@example.org"
        return try await register(registration)
    }

    func invite(
        _ giver: String, _ children: [String], _ topics: [Topic], until: String = "", at: Date? = nil
    ) async throws -> InviteAdult.Issued {
        var ids: [UUID] = []
        for child in children { ids.append(try await id(child)) }
        return try await InviteAdult(
            giverID: try await id(giver), children: ids, terms: TypedTerms(topics: topics.map(\.rawValue), until: until),
            label: "Бабушка", now: at ?? now
        ).run(database, bench)
    }

    /// Somebody let in to Anna's diary and meals.
    func letGrandmotherIn(until: String = "") async throws -> UUID {
        let code = try await invite("G1", ["P1"], [.diary, .meals], until: until).code.text
        guard case .registered(let id, _) = try await register(code, login: "nina") else { throw NobodyHas(number: code) }
        return id
    }

    func decide(_ person: UUID, _ permission: Permission, about child: String, at: Date? = nil) async throws -> Decision {
        let (childID, moment) = (try await id(child), at ?? now)
        return try await database.read { transaction in
            let rights: Int64 = try transaction.first("select rights_number from person where id = \(person)", as: Int64.self) ?? 0
            let viewer = Viewer(personID: person, sessionID: .v7(), rightsNumber: rights, name: "")
            let place = try Directory.child(childID, in: transaction)
            let zone = try place.map { try Directory.zone(of: $0.schoolID, in: transaction) } ?? .moscow
            return try Directory.decide(viewer, permission, about: .child(childID), on: zone.day(of: moment), in: transaction)
        }
    }

    func rights(of person: UUID) async throws -> RightsChanged? {
        try await database.read { try PeopleFacts.rights(.ids([person]), in: $0).first }
    }
}

@Suite("Families", .database(School.migrations)) struct FamilyTests {
    let school = School(database: TestDatabase.current.database)

    @Test("ID-30, BY-10: a second adult sees the children and topics chosen for him, and answers for nobody")
    func letIn() async throws {
        try await school.open()
        try await school.forget()
        let issued = try await school.invite("G1", ["P1", "P2"], [.diary, .meals], until: "2026-12-31")
        #expect(issued.children.map(\.given) == ["Анна", "Пётр"])
        let stored = try await school.database.rows("select encode(code_hash, 'hex') || i::text from invitation i", as: String.self)
        #expect(!stored.contains { $0.contains(issued.code.signs) })
        guard case .registered(let nina, _) = try await school.register(issued.code.text, login: "nina") else {
            Issue.record("not registered")
            return
        }
        let rights = try #require(try await school.rights(of: nina))
        #expect(rights.children.map(\.topics) == [[.diary, .meals], [.diary, .meals]])
        #expect(rights.children.allSatisfy { !$0.isPrimary && $0.until == Day("2026-12-31") })
        #expect(try await school.said(RightsChanged.name) == 1)
        #expect(try await school.decide(nina, .seeDiary, about: "P1") == .allowed)
        #expect(try await school.decide(nina, .seeMoney, about: "P2") == .notEntitled(.money))
        #expect(try await school.decide(nina, .seeDiary, about: "P3") == .notFound)
        for permission in [Permission.shareAccess, .seeLooks] {
            #expect(try await school.decide(nina, permission, about: "P1") == .notFound)
        }
        // Good once.
        #expect(try await school.register(issued.code.text, login: "second") == .refused(["code": FieldMessage(InvitationRefused.used.text)]))
    }

    @Test("ID-30: each parent invites, for the own children, with topics and a day that is not over; whom one let in invites nobody")
    func whoInvites() async throws {
        try await school.open()
        func refused(_ giver: String, _ children: [String], _ topics: [Topic] = [.diary], until: String = "") async throws -> Set<String> {
            do {
                _ = try await school.invite(giver, children, topics, until: until)
                return []
            } catch let refused as ProfileRefused {
                return Set(refused.fields.keys)
            }
        }
        #expect(try await refused("G1", []) == ["child"])
        // Another family's child among one's own: nothing is told of which.
        #expect(try await refused("G1", ["P1", "P3"]) == ["child"])
        // The father stands in the lists after the mother, and with one of her children only.
        #expect(try await refused("G2", ["P1"]) == [])
        #expect(try await refused("G2", ["P1", "P2"]) == ["child"])
        #expect(try await refused("S1", ["P1"]) == ["child"])
        #expect(try await refused("G1", ["P1"], []) == ["topic"])
        #expect(try await refused("G1", ["P1"], until: "вчера") == ["until"])
        #expect(try await refused("G1", ["P1"], until: "2026-01-01") == ["until"])
        #expect(try await refused("G1", ["P1"], until: "2126-01-01") == ["until"])
        #expect(try await refused("G1", [], [], until: "x") == ["child", "topic", "until"])
        let nina = try await school.letGrandmotherIn()
        let child = try await school.id("P1")
        await #expect(throws: ProfileRefused.self) {
            _ = try await InviteAdult(giverID: nina, children: [child], terms: TypedTerms(topics: ["diary"], until: ""), label: "", now: school.now)
                .run(school.database, school.bench)
        }
        for _ in 0..<InviteAdult.most { _ = try await school.invite("G1", ["P1"], [.diary]) }
        #expect(try await refused("G1", ["P1"]) == ["child"])
    }

    @Test("BY-10: what is taken away is gone in the same transaction: the rights number grows, everybody is told, the code stays used")
    func revoked() async throws {
        try await school.open()
        let nina = try await school.letGrandmotherIn()
        let before = try #require(try await school.rights(of: nina))
        try await school.forget()
        let (child, outbox) = (try await school.id("P1"), school.outbox)
        let isGone = try await school.database.transaction { try RevokeGrant(childID: child, adultID: nina, by: child, now: school.now).run(in: $0, outbox) }
        #expect(isGone)
        let after = try #require(try await school.rights(of: nina))
        #expect(after.children.isEmpty && after.version == before.version + 1)
        #expect(try await school.said(RightsChanged.name) == 1)
        for permission in Permission.all { #expect(try await school.decide(nina, permission, about: "P1") == .notFound) }
        // A token from before opens nothing either.
        let old = Viewer(personID: nina, sessionID: .v7(), rightsNumber: before.version, name: "")
        let decision = try await school.database.read { try Directory.decide(old, .seeDiary, about: .child(child), on: Day(daysSince1970: 0), in: $0) }
        #expect(decision == .notFound)
        // Twice changes nothing; the school's guardians are not the family's to end.
        let father = try await school.id("G2")
        for adult in [nina, father] {
            let isGone = try await school.database.transaction { try RevokeGrant(childID: child, adultID: adult, by: child, now: school.now).run(in: $0, outbox) }
            #expect(!isGone)
        }
        #expect(try await school.decide(father, .seeMoney, about: "P1") == .allowed)
    }

    @Test("A term ends with its last day by the clock of the child's school, and is cleared away after it")
    func terms() async throws {
        var files = School.files
        files[0].text = files[0].text.replacing("Europe/Moscow", with: "Asia/Kamchatka")
        try await school.open(files)
        let zone = try #require(SchoolZone("Asia/Kamchatka"))
        let today = zone.day(of: school.now)
        let nina = try await school.letGrandmotherIn(until: today.iso)
        let last = zone.start(of: today + 1)
        #expect(try await school.decide(nina, .seeDiary, about: "P1", at: last.addingTimeInterval(-1)) == .allowed)
        #expect(try await school.decide(nina, .seeDiary, about: "P1", at: last) == .notFound)
        // The family's pages ask by the child's clock too: in Moscow it is still the day before.
        let viewer = Viewer(personID: nina, sessionID: .v7(), rightsNumber: 0, name: "")
        func seen(_ moment: Date) async throws -> Int {
            try await school.database.read { try Directory.children(of: viewer, .seeDiary, at: moment, in: $0).count }
        }
        #expect(try await seen(last.addingTimeInterval(-1)) == 1)
        #expect(try await seen(last) == 0)
        let outbox = school.outbox
        func sweep(_ moment: Date) async throws {
            try await school.database.transaction { try EndRunOutGrants(now: moment).run(in: $0, outbox) }
        }
        try await school.forget()
        try await sweep(last.addingTimeInterval(-1))
        #expect(try await school.said(RightsChanged.name) == 0)
        try await sweep(last)
        #expect(try await school.said(RightsChanged.name) == 1)
        #expect(try await school.rights(of: nina)?.children == [])
    }

    @Test("An invitation opens nothing once its giver answers for the child no more, or it was revoked or is too old")
    func deadInvitations() async throws {
        try await school.open()
        let dead = FieldMessage(InvitationRefused.revoked.text)
        let old = try await school.invite("G1", ["P1"], [.diary])
        let late = school.now.addingTimeInterval(InviteAdult.goodFor + 1)
        #expect(try await school.register(old.code.text, login: "nina", at: late) == .refused(["code": FieldMessage(InvitationRefused.expired.text)]))
        let short = try await school.invite("G1", ["P1"], [.diary], until: SchoolZone.moscow.day(of: school.now).iso)
        #expect(try await school.register(short.code.text, login: "nina", at: school.now.addingTimeInterval(2 * 86_400)) == .refused(["code": dead]))
        let withdrawn = try await school.invite("G1", ["P1"], [.diary])
        let (olga, now) = (try await school.id("G1"), school.now)
        let stranger = try await school.id("G3")
        let open = try await school.database.read { try FamilyAccess.read(for: olga, now: now, in: $0).open.map(\.id) }
        try await school.database.transaction { transaction in
            for id in open { try RevokeFamilyInvitation(id: id, giverID: stranger, now: now).run(in: transaction) }
        }
        #expect(try await school.database.read { try FamilyAccess.read(for: olga, now: now, in: $0).open.count } == open.count)
        try await school.database.transaction { transaction in
            for id in open { try RevokeFamilyInvitation(id: id, giverID: olga, now: now).run(in: transaction) }
        }
        #expect(try await school.register(withdrawn.code.text, login: "nina") == .refused(["code": dead]))
        let orphaned = try await school.invite("G1", ["P1"], [.diary])
        // The school names her no more: the father comes first.
        var files = School.files
        files[3].text = files[3].text.replacing("P1,G1,мать,Ветрова,Ольга,Игоревна,f,+79160000001,olga@example.org\n", with: "")
        try await school.open(files, complete: true)
        #expect(try await school.register(orphaned.code.text, login: "nina") == .refused(["code": dead]))
        #expect(try await school.rights("G2")?.children.map(\.isPrimary) == [true])
    }

    @Test("Whom a guardian let in goes with him when the school names him no more")
    func withTheGiver() async throws {
        try await school.open()
        let nina = try await school.letGrandmotherIn()
        var files = School.files
        files[3].text = files[3].text.replacing("P1,G1,мать,Ветрова,Ольга,Игоревна,f,+79160000001,olga@example.org\n", with: "")
        try await school.open(files, complete: true)
        #expect(try await school.rights(of: nina)?.children == [])
        #expect(try await school.decide(nina, .seeDiary, about: "P1") == .notFound)
    }

    @Test("A code of the family narrows nobody, the school's code and lists widen whom the family let in")
    func schoolFirst() async throws {
        try await school.open()
        func add(_ code: String, _ guardian: UUID) async throws -> AddChild.Outcome {
            try await AddChild(guardianID: guardian, code: code, address: "10.0.0.1", now: school.now)
                .run(school.database, school.outbox, school.bench)
        }
        let (father, stranger) = (try await school.id("G2"), try await school.id("G3"))
        let code = try await school.invite("G1", ["P1"], [.meals]).code.text
        #expect(try await add(code, father) == .refused("You see this child already."))
        #expect(try await add(code, try await school.id("G1")) == .refused("You see this child already."))
        #expect(try await school.rights("G2")?.children.first?.topics == Topic.allCases)
        // It was not used up: who needs it enters it (ID-25).
        #expect(try await add(code, stranger) == .added(PersonName(surname: "Ветрова", given: "Анна", patronymic: "Михайловна")))
        #expect(try await school.decide(stranger, .seeMeals, about: "P1") == .allowed)
        #expect(try await school.decide(stranger, .seeDiary, about: "P1") == .notEntitled(.diary))
        #expect(try await school.decide(stranger, .setLimit, about: "P1") == .notFound)
        var files = School.files
        files[3].text += "P1,G3,тётя,Ёлкина,Ирина,,f,+79160000003,irina@example.org\n"
        try await school.open(files)
        #expect(try await school.decide(stranger, .seeDiary, about: "P1") == .allowed)
        #expect(try await school.decide(stranger, .setLimit, about: "P1") == .allowed)
        // A pupil or a member of staff lets nobody make him a parent (ID-26).
        let other = try await school.invite("G1", ["P1"], [.meals]).code.text
        #expect(try await add(other, try await school.id("P3")) == .refused("Only parents can see several diaries."))
        #expect(try await add(other, try await school.id("S1")) == .refused("Only parents can see several diaries."))
    }

    @Test("AC-07, ID-30, SC-01, BY-10: what is decided about a child is both parents' of the lists, and nobody's whom one of them let in")
    func secondParent() async throws {
        try await school.open()
        let (mother, father) = (try await school.id("G1"), try await school.id("G2"))
        let nina = try await school.letGrandmotherIn()
        _ = try await school.database.execute(
            "update guardianship set topics = \(Topic.allCases.map(\.rawValue)) where guardian_id = \(nina)")
        try await school.database.transaction { [outbox = school.outbox] in try RightsOf.changed([nina], in: $0, outbox) }
        let (first, second) = (try #require(try await school.rights(of: mother)), try #require(try await school.rights(of: father)))
        #expect(first.children.allSatisfy { $0.isPrimary && $0.isLegal == true })
        #expect(second.children.allSatisfy { !$0.isPrimary && $0.isLegal == true } && !second.children.isEmpty)
        #expect(try await school.rights(of: nina)?.children.allSatisfy { $0.isLegal == false } == true)
        for permission in Permission.all where permission.guardians == .legalOnly {
            #expect(try await school.decide(mother, permission, about: "P1") == .allowed, "\(permission.name)")
            #expect(try await school.decide(father, permission, about: "P1") == .allowed, "\(permission.name)")
            #expect(try await school.decide(nina, permission, about: "P1") == .notFound, "\(permission.name)")
        }
        #expect(try await school.decide(nina, .seeMoney, about: "P1") == .allowed)
    }

    @Test("ID-30: each parent reads whom the other let in, changes it and takes it away; neither touches the other's own access")
    func bothParents() async throws {
        try await school.open()
        let (mother, father, child) = (try await school.id("G1"), try await school.id("G2"), try await school.id("P1"))
        let nina = try await school.letGrandmotherIn()
        let (database, outbox, now) = (school.database, school.outbox, school.now)
        func others(_ reader: UUID) async throws -> [FamilyAccess.Adult] {
            try await database.read { try FamilyAccess.read(for: reader, now: now, in: $0).children.first { $0.id == child }?.others ?? [] }
        }
        #expect(try await Set(others(mother).map(\.id)) == [father, nina])
        #expect(try await Set(others(father).map(\.id)) == [mother, nina])
        #expect(try await others(father).first { $0.id == nina }?.giver == PersonName(surname: "Ветрова", given: "Ольга", patronymic: "Игоревна"))
        #expect(try await others(nina).isEmpty)
        let wider = GrantTerms(topics: [.diary, .meals, .attendance], until: nil)
        let isChanged = try await database.transaction {
            try ChangeGrant(childID: child, adultID: nina, terms: wider, by: father, now: now).run(in: $0, outbox)
        }
        #expect(isChanged)
        #expect(try await school.decide(nina, .seeAttendance, about: "P1") == .allowed)
        // What the father gives is his: it ends with him, and not with the mother.
        guard case .registered(let aunt, _) = try await school.register(
            try await school.invite("G2", ["P1"], [.meals]).code.text, login: "auntie")
        else { throw NobodyHas(number: "auntie") }
        for (parent, other) in [(mother, father), (father, mother)] {
            let isGone = try await database.transaction { try RevokeGrant(childID: child, adultID: other, by: parent, now: now).run(in: $0, outbox) }
            #expect(!isGone)
        }
        var files = School.files
        files[3].text = files[3].text.replacing("P1,G1,мать,Ветрова,Ольга,Игоревна,f,+79160000001,olga@example.org\n", with: "")
        try await school.open(files, complete: true)
        #expect(try await school.decide(nina, .seeDiary, about: "P1") == .notFound)
        #expect(try await school.decide(aunt, .seeMeals, about: "P1") == .allowed)
        let isGone = try await database.transaction { try RevokeGrant(childID: child, adultID: aunt, by: father, now: now).run(in: $0, outbox) }
        #expect(isGone)
        #expect(try await school.decide(aunt, .seeMeals, about: "P1") == .notFound)
    }

    @Test("SC-05: the class's list of parents and the school's sheets are about those whom the school names")
    func notInTheClass() async throws {
        try await school.open()
        let nina = try await school.letGrandmotherIn()
        let (schoolClass, now) = (try await school.classID("7Б"), school.now)
        let people = try await school.database.read { try ClassPeople.read(schoolClass, now: now, in: $0) }
        #expect(!people.contains { $0.personID == nina })
        #expect(try await !school.codes("7Б").contains { $0.kind == .family })
    }
}

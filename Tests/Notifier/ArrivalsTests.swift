import Directory
import Events
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Kernel
import Logging
import Mail
import Messaging
import Postgres
import Service
import Support
import Testing

@testable import Notifier
@testable import Web

@Suite("Pupils who come and go", .database(NotifierService.migrations)) struct ArrivalsTests {
    let school = SchoolOfTests()
    let other = UUID.v7(), otherClass = UUID.v7()
    let teacher = UUID.v7(), newTeacher = UUID.v7(), curator = UUID.v7(), newCurator = UUID.v7(), guardOfGate = UUID.v7()
    let transfer = UUID.v7()

    /// A second school, and staff in both.
    private func open() async throws {
        try await school.open()
        try await school.database.transaction { [self] tx in
            try Directory.apply([Told(SchoolChanged(schoolID: other, version: 1, name: "Гимназия", timeZone: "Europe/Moscow", modules: [], contacts: []))], in: tx)
            try Directory.apply([Told(ClassChanged(classID: otherClass, schoolID: other, version: 1, grade: 7, letter: "А"))], in: tx)
            func staff(_ id: UUID, _ role: Role, at place: UUID, of schoolClass: UUID? = nil) -> Told<RightsChanged> {
                Told(RightsChanged(personID: id, version: 1, roles: [RoleHeld(schoolID: place, role: role, classID: schoolClass)], children: []))
            }
            try Directory.apply(
                [
                    staff(teacher, .classTeacher, at: school.school, of: school.schoolClass), staff(curator, .curator, at: school.school),
                    staff(newTeacher, .classTeacher, at: other, of: otherClass), staff(newCurator, .curator, at: other),
                    staff(guardOfGate, .gateGuard, at: other),
                ], in: tx)
        }
    }

    private func event(_ state: TransferState, version: Int64, at moment: Date? = nil) -> TransferChanged {
        TransferChanged(
            transferID: transfer, version: version, personID: school.masha, fromSchoolID: school.school, fromClassID: school.schoolClass,
            toSchoolID: other, toClassID: otherClass, state: state,
            movedOn: state == .confirmed || state == .done ? school.day : nil, at: moment ?? school.at(11))
    }

    private func hear(_ event: TransferChanged, isRepublished: Bool = false) async throws {
        try await school.database.transaction { try WhenPupilMoves.react(to: [Received(event, isRepublished: isRepublished)], in: $0) }
    }

    private func page(_ path: String, _ person: UUID, accept: String = "text/html") async throws -> (HTTPResponse.Status, String) {
        try await school.withClient { client in try await school.get(client, path, person, accept: accept) }
    }

    @Test("SC-01, SC-02: guardians read every step of a transfer once, in whatever order and however often it is said", arguments: 0..<6)
    func steps(seed: Int) async throws {
        try await open()
        let steps: [(TransferState, Int64)] = [(.asked, 1), (.confirmed, 2), (.confirmed, 3), (.done, 4)]
        let orders = [[0, 1, 2, 3], [3, 2, 1, 0], [1, 0, 3, 2], [0, 0, 1, 1, 2, 3, 3], [2, 3, 0, 1, 2], [3, 0, 1]]
        for index in orders[seed] { try await hear(event(steps[index].0, version: steps[index].1)) }
        let told = try await school.notices().filter { $0.kind == .transfer }.compactMap(\.facts.value)
        #expect(told.sorted() == ["asked", "confirmed", "done"])
        let changed = try await school.database.rows("select count(*) from staff_notice where kind = 'comes'", as: Int.self)
        #expect(changed == [2])
    }

    @Test("SC-01, BY-11: the home page of the guardians says what becomes of the wish; the pupil reads of his new class alone")
    func home() async throws {
        try await open()
        try await hear(event(.asked, version: 1))
        let (_, mother) = try await page("/notifier/home", school.mother)
        #expect(mother.contains("Просьба о переводе: 7\u{a0}«А», Гимназия"))
        let (_, wish) = try await page("/notifier/home", school.masha)
        #expect(!wish.contains("Просьба о переводе") && !wish.contains("Гимназия"))
        // An aunt who sees attendance alone learns nothing of it.
        #expect(try await !page("/notifier/home", school.aunt).1.contains("Гимназия"))
        try await hear(event(.confirmed, version: 2))
        #expect(try await page("/notifier/home", school.mother).1.contains("Новый класс: 7\u{a0}«А», Гимназия, с 20"))
        #expect(try await page("/notifier/home", school.masha).1.contains("Новый класс: 7\u{a0}«А», Гимназия, с 20"))
        try await hear(event(.done, version: 3))
        #expect(try await page("/notifier/home", school.mother).1.contains("Счёт, карты, питание и дневник на новом месте"))
        #expect(try await !page("/notifier/home", school.aunt).1.contains("Гимназия"))
    }

    @Test("SC-02, D-09: the receiving staff read the wish, the class that is left reads of it when it has happened, and not where to")
    func staff() async throws {
        try await open()
        try await hear(event(.asked, version: 1))
        let path = "/notifier/arrivals"
        let (_, deciders) = try await page(path, newCurator)
        #expect(deciders.contains("Ким Маша: просят место, 7\u{a0}«А»") && deciders.contains("/identity/transfers/\(transfer.text)"))
        for person in [teacher, curator, newTeacher] {
            let (status, text) = try await page(path, person)
            #expect(status == .ok && !text.contains("Маша"))
        }
        try await hear(event(.confirmed, version: 2))
        let (_, left) = try await page(path, teacher)
        #expect(left.contains("Ким Маша: выбывает, 7\u{a0}«Б», с 20") && !left.contains("Гимназия") && !left.contains("7\u{a0}«А»"))
        #expect(!left.contains("/identity/transfers/"))
        #expect(try await page(path, curator).1.contains("выбывает"))
        let (_, comes) = try await page(path, newTeacher)
        #expect(comes.contains("Ким Маша: приходит в класс 7\u{a0}«А» с 20") && !comes.contains("выбывает"))
        let (_, json) = try await page(path, newTeacher, accept: "application/json")
        #expect(json.contains("\"kind\":\"comes\""))
        for stranger in [school.mother, school.masha, school.aunt, guardOfGate] {
            let (status, text) = try await page(path, stranger)
            #expect(status == .notFound && !text.contains("Маша"))
        }
    }

    @Test("SC-02: for every holder of every role the page and the rule agree on who reads a notice", arguments: TransferState.allCases)
    func audience(state: TransferState) throws {
        let notices = StaffNotice.notices(of: event(state, version: 1), at: school.at(9))
        for role in Role.allCases {
            for (place, classes) in [(school.school, [nil, school.schoolClass]), (other, [nil, otherClass]), (UUID.v7(), [nil, UUID.v7()])] {
                for held in classes.map({ RoleHeld(schoolID: place, role: role, classID: $0) }) {
                    let read = Set(StaffNotice.unique(notices, for: [held]).map(\.kind))
                    let isDecider = StaffNotice.deciders.contains(role) && held.classID == nil
                    let isTeacher = role == .classTeacher && held.classID != nil
                    let expected: Set<StaffNotice.Kind> =
                        switch (state, place == other, place == school.school) {
                        case (.asked, true, _): isDecider ? [.asked] : []
                        case (.refused, true, _): isDecider ? [.refused] : []
                        case (.withdrawn, true, _): isDecider ? [.withdrawn] : []
                        case (.confirmed, true, _): isDecider || isTeacher ? [.comes] : []
                        case (.confirmed, _, true): isDecider || isTeacher ? [.leaves] : []
                        case (.done, true, _): isDecider || isTeacher ? [.arrived] : []
                        default: []
                        }
                    #expect(read == expected, "\(role) of \(place == other ? "the new" : "another") school at \(state)")
                }
            }
        }
    }

    @Test("NT-01: the evening letter tells guardians and staff of it once; what is said again is no news")
    func letters() async throws {
        try await open()
        let (newTeacher, guardOfGate, mother) = (newTeacher, guardOfGate, school.mother)
        try await school.database.transaction { tx in
            try NotifierHearings.remember(
                contacts: [(newTeacher, "lugov@example.org"), (guardOfGate, "gate@example.org")].map {
                    Received(ContactChanged(personID: $0.0, version: 1, email: $0.1, emailConfirmed: true, phone: nil, language: "ru", ended: false))
                }, in: tx)
        }
        try await hear(event(.confirmed, version: 2))
        let digests = Digests(pages: try await school.parts.pages, publicAddress: "https://school.test", lag: -5)
        let zone = SchoolZone.moscow
        let evening = zone.date(zone.day(of: Date()), TimeOfDay(hour: 23, minute: 59) ?? .midnight)
        let built = try await school.database.transaction { try digests.build(at: evening, in: $0) }.letters
        #expect(Set(built.map(\.personID)) == [mother, newTeacher])
        let own = try #require(built.first { $0.personID == newTeacher })
        #expect(own.subject.hasPrefix("Кто приходит и уходит:") && own.text.contains("Ким Маша: приходит в класс 7\u{a0}«А»") && own.html.contains("приходит в класс"))
        #expect(!own.html.contains("[[") && !own.text.contains("[["))
        #expect(built.first { $0.personID == mother }?.text.contains("Новый класс: 7\u{a0}«А», Гимназия") == true)
        // The next evening nothing is new, also when a service was asked again or everything was said again.
        try await hear(event(.confirmed, version: 3))
        try await hear(event(.confirmed, version: 4), isRepublished: true)
        let next = try await school.database.transaction { try digests.build(at: evening.addingTimeInterval(86_400), in: $0) }.letters
        #expect(next.isEmpty)
    }

    @Test("what fills an empty service is on the page and in no letter") func republished() async throws {
        try await open()
        try await hear(event(.done, version: 5, at: Date(timeIntervalSinceNow: -3 * 86_400)), isRepublished: true)
        let (masha, schools) = (school.masha, [other])
        let (notices, staff) = try await school.database.read { tx in
            (
                try Notice.changes(of: [masha], after: Date(timeIntervalSinceNow: -3600), upTo: .distantFuture, in: tx).count,
                try StaffNotice.changes(at: schools, after: Date(timeIntervalSinceNow: -3600), upTo: .distantFuture, in: tx).count
            )
        }
        #expect(notices == 0 && staff == 0)
    }
}

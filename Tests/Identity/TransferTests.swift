import Directory
import Events
import Foundation
import Kernel
import Messaging
import Postgres
import Support
import Testing

@testable import Identity

/// A second school beside the first, and what happens to transfers between them.
struct TwoSchools: Sendable {
    let school: School

    static let other: [(name: String, text: String)] = [
        ("school.csv", "school,name,time_zone,modules\nother,Гимназия на горе,Asia/Vladivostok,\n"),
        ("classes.csv", "school,class\nother,7А\nother,8А\n"),
        (
            "staff.csv",
            """
            school,staff_number,surname,given_name,patronymic,gender,role,class,subject,phone,email
            other,X1,Горная,Вера,,f,curator,,,,
            other,X2,Лугов,Пётр,,m,classTeacher,7А,,,
            other,X3,Холмов,Иван,,m,director,,,,

            """
        ),
    ]

    func open() async throws {
        try await school.open()
        try await school.open(Self.other)
    }

    func classOfOther(_ grade: Int) async throws -> UUID {
        let found = try await school.database.read { transaction in
            try transaction.first(
                "select c.id from class c join school s on s.id = c.school_id where s.code = 'other' and c.grade = \(grade)", as: UUID.self)
        }
        guard let found else { throw NobodyHas(number: "\(grade)") }
        return found
    }

    @discardableResult
    func ask(_ child: String, to classID: UUID, by: String) async throws -> UUID {
        let command = AskTransfer(childID: try await school.id(child), classID: classID, by: try await school.id(by), now: school.now)
        let outbox = school.outbox
        return try await school.database.transaction { try command.run(in: $0, outbox) }
    }

    func confirm(_ id: UUID, by: String) async throws {
        let command = ConfirmTransfer(id: id, by: try await school.id(by), now: school.now)
        let outbox = school.outbox
        try await school.database.transaction { try command.run(in: $0, outbox) }
    }

    func refuse(_ id: UUID, because reason: String, by: String) async throws {
        let command = RefuseTransfer(id: id, reason: reason, by: try await school.id(by), now: school.now)
        let outbox = school.outbox
        try await school.database.transaction { try command.run(in: $0, outbox) }
    }

    func withdraw(_ child: String, by: String) async throws {
        let command = WithdrawTransfer(childID: try await school.id(child), by: try await school.id(by), now: school.now)
        let outbox = school.outbox
        try await school.database.transaction { try command.run(in: $0, outbox) }
    }

    func answer(_ id: UUID, _ service: TransferPartner, _ state: TransferPartState, version: Int64 = 1, count: Int? = nil) async throws {
        let (outbox, now) = (school.outbox, school.now)
        let child = try await record(id)?.childID ?? id
        let part = TransferPart(transferID: id, transferVersion: version, personID: child, state: state, count: count)
        try await school.database.transaction {
            try WhenPartIsTransferred(service: service, part: part).react(in: $0, outbox, at: now)
        }
    }

    func record(_ id: UUID) async throws -> TransferRecord? {
        try await school.database.read { try TransferRecord.one(id, in: $0) }
    }

    /// The pupil's place as Identity tells it and as its Directory decides by it.
    func place(_ child: String) async throws -> TransferRule.Place {
        let id = try await school.id(child)
        return try await school.database.read { transaction in
            let fact = try PeopleFacts.pupils(.ids([id]), in: transaction).first
            let known = try Directory.child(id, in: transaction)
            #expect(fact?.schoolID == known?.schoolID && fact?.classID == known?.classID)
            return TransferRule.Place(schoolID: fact?.schoolID ?? id, classID: fact?.classID)
        }
    }

    /// The states said of a transfer, oldest first.
    func said() async throws -> [TransferChanged] {
        struct Envelope: Decodable { let data: TransferChanged }
        return try await school.database.rows(
            "select body from outbox where routing_key = \(TransferChanged.name) order by seq", as: Data.self
        ).map { try EventCoding.decoder.decode(Envelope.self, from: $0).data }
    }

    /// Who may open the pupil's page among the staff.
    func sees(_ staff: String, _ child: String) async throws -> Bool {
        let (id, viewer) = (try await school.id(child), try await school.id(staff))
        let day = SchoolZone.moscow.day(of: school.now)
        return try await school.database.read {
            try Directory.decide(
                Viewer(personID: viewer, sessionID: .v7(), rightsNumber: 0, name: ""), .manageCards, about: .child(id), on: day, in: $0)
                == .allowed
        }
    }
}

@Suite("Transfers", .database(School.migrations)) struct TransferTests {
    let two = TwoSchools(school: School(database: TestDatabase.current.database))

    @Test("SC-02: a transfer is decided once, and goes from confirmed to done and nowhere else")
    func steps() {
        let states: [TransferState] = TransferState.allCases
        for state in states {
            for step in TransferRule.Step.allCases {
                let next = TransferRule.state(after: step, from: state)
                switch (state, step) {
                case (.asked, .confirm): #expect(next == .confirmed)
                case (.asked, .refuse): #expect(next == .refused)
                case (.asked, .withdraw): #expect(next == .withdrawn)
                case (.confirmed, .complete): #expect(next == .done)
                default: #expect(next == nil, "\(state) \(step)")
                }
            }
        }
        #expect(!TransferRule.isReason("  ".trimmed) && TransferRule.isReason("Мест нет"))
    }

    @Test("D-09: until the receiving side confirms nothing changes; then everything at once, and the old school sees the pupil no more")
    func confirmed() async throws {
        try await two.open()
        let (before, target) = (try await two.place("P1"), try await two.classOfOther(7))
        try await two.school.forget()
        let id = try await two.ask("P1", to: target, by: "G1")
        #expect(try await two.place("P1") == before)
        #expect(try await two.school.said("identity.pupil.changed.v1") == 0)
        #expect(try await two.sees("S1", "P1"))
        #expect(try await !two.sees("X1", "P1"))
        try await two.confirm(id, by: "X1")
        #expect(try await two.place("P1").classID == target)
        #expect(try await two.school.said("identity.pupil.changed.v1") == 1)
        #expect(try await two.school.said("identity.person.changed.v1") == 1)
        #expect(try await !two.sees("S1", "P1"))
        #expect(try await two.sees("X1", "P1"))
        let said = try await two.said()
        #expect(said.map(\.state) == [.asked, .confirmed])
        #expect(said.map(\.version) == [1, 2])
        // The day is the receiving school's: in Vladivostok it is already tomorrow.
        #expect(said.last?.movedOn == SchoolZone("Asia/Vladivostok")?.day(of: two.school.now))
        // ID-28: the parents keep what they may.
        #expect(try await two.school.rights("G1")?.children.count == 2)
        #expect(try await two.school.rights("G2")?.children.count == 1)
    }

    @Test("SC-01, SC-02: only staff of the receiving school decides, and only the parents ask, each of them")
    func sides() async throws {
        try await two.open()
        let target = try await two.classOfOther(7)
        let nina = try await two.school.letGrandmotherIn()
        await #expect(throws: TransferRefused.notYours) {
            let (child, outbox, now) = (try await two.school.id("P1"), two.school.outbox, two.school.now)
            _ = try await two.school.database.transaction { try AskTransfer(childID: child, classID: target, by: nina, now: now).run(in: $0, outbox) }
        }
        for stranger in ["G3", "S1", "X1", "P1"] {
            await #expect(throws: TransferRefused.notYours, "\(stranger)") { _ = try await two.ask("P1", to: target, by: stranger) }
        }
        let id = try await two.ask("P1", to: target, by: "G1")
        for stranger in ["S1", "S2", "S4", "X2", "G1", "P1"] {
            await #expect(throws: TransferRefused.notYours, "\(stranger)") { try await two.confirm(id, by: stranger) }
            await #expect(throws: TransferRefused.notYours, "\(stranger)") { try await two.refuse(id, because: "Мест нет", by: stranger) }
        }
        await #expect(throws: TransferRefused.notYours) { try await two.withdraw("P1", by: "G3") }
        // The other parent takes it back, and asks himself.
        try await two.withdraw("P1", by: "G2")
        try await two.confirm(try await two.ask("P1", to: target, by: "G2"), by: "X3")
        #expect(try await two.place("P1").classID == target)
    }

    @Test("SC-01: a second request waits for the first; the same class, a class that is none and a pupil who has left are no target")
    func refusals() async throws {
        try await two.open()
        let (own, target) = (try await two.school.classID("7Б"), try await two.classOfOther(7))
        await #expect(throws: TransferRefused.isThere) { try await two.ask("P1", to: own, by: "G1") }
        await #expect(throws: TransferRefused.noSuchClass) { try await two.ask("P1", to: .v7(), by: "G1") }
        let id = try await two.ask("P1", to: target, by: "G1")
        await #expect(throws: TransferRefused.isOpen) { try await two.ask("P1", to: try await two.school.classID("3А"), by: "G1") }
        await #expect(throws: TransferRefused.noReason) { try await two.refuse(id, because: " ", by: "X1") }
        try await two.refuse(id, because: "Мест нет", by: "X1")
        await #expect(throws: TransferRefused.isDecided) { try await two.confirm(id, by: "X1") }
        let again = try await two.ask("P1", to: target, by: "G1")
        try await two.withdraw("P1", by: "G1")
        await #expect(throws: TransferRefused.isDecided) { try await two.confirm(again, by: "X1") }
        #expect(try await two.place("P1").classID == own)
        #expect(try await two.said().map(\.state) == [.asked, .refused, .asked, .withdrawn])
        try await two.school.database.execute("update pupil set ended = true where person_id = \(try await two.school.id("P1"))")
        await #expect(throws: TransferRefused.hasLeft) { try await two.ask("P1", to: target, by: "G1") }
    }

    @Test("SC-02: what the school changed itself meanwhile is not overwritten by an old request")
    func moved() async throws {
        try await two.open()
        let id = try await two.ask("P1", to: try await two.classOfOther(7), by: "G1")
        let child = try await two.school.id("P1")
        let third = try await two.school.classID("3А")
        try await two.school.database.execute("update pupil set class_id = \(third), version = version + 1 where person_id = \(child)")
        await #expect(throws: TransferRefused.placeChanged) { try await two.confirm(id, by: "X1") }
        try await two.refuse(id, because: "Уже в другом классе", by: "X1")
    }

    @Test("SC-01: the checklist names who has not answered, and the transfer is done when the last part has arrived")
    func checklist() async throws {
        try await two.open()
        let id = try await two.ask("P1", to: try await two.classOfOther(7), by: "G1")
        #expect(try await two.record(id)?.missing == [.ledger, .access, .canteen, .journal])
        for partner in [TransferPartner.ledger, .canteen, .journal] { try await two.answer(id, partner, .ready) }
        #expect(try await two.record(id)?.missing == [.access])
        // A missing service holds nobody up: the receiving side may confirm.
        try await two.confirm(id, by: "X1")
        #expect(try await two.record(id)?.missing == TransferPartner.allCases)
        for partner in TransferPartner.allCases.dropLast() { try await two.answer(id, partner, .done, version: 2, count: 3) }
        // What was said before the confirmation and comes late changes nothing.
        try await two.answer(id, .ledger, .ready, version: 1)
        #expect(try await two.record(id)?.missing == [.journal])
        #expect(try await two.record(id)?.state == .confirmed)
        try await two.answer(id, .journal, .done, version: 2)
        try await two.answer(id, .journal, .done, version: 2)
        #expect(try await two.record(id)?.state == .done)
        #expect(try await two.said().map(\.state) == [.asked, .confirmed, .done])
        let stranger = UUID.v7()
        await #expect(throws: Unacceptable.self) { try await two.answer(stranger, .ledger, .done) }
        // Everything can be said again.
        let page = try await two.school.database.read { try TransferFacts.page(after: nil, limit: 10, in: $0) }
        #expect(page.map(\.state) == [.done])
    }

    @Test("SC-01: a service that never answers holds nobody up; what it says late counts for the transfer that it names")
    func late() async throws {
        try await two.open()
        let (back, there) = (try await two.school.classID("7Б"), try await two.classOfOther(7))
        let first = try await two.ask("P1", to: there, by: "G1")
        try await two.confirm(first, by: "X1")
        for partner in TransferPartner.allCases where partner != .canteen { try await two.answer(first, partner, .done, version: 2) }
        // He goes back, while Canteen has not answered the first one.
        let second = try await two.ask("P1", to: back, by: "G1")
        await #expect(throws: TransferRefused.isOpen) { try await two.ask("P1", to: try await two.classOfOther(8), by: "G1") }
        try await two.confirm(second, by: "S1")
        #expect(try await two.place("P1").classID == back)
        try await two.answer(first, .canteen, .done, version: 2)
        #expect(try await two.record(first)?.state == .done)
        #expect(try await two.record(second)?.state == .confirmed)
        #expect(try await two.record(second)?.missing == TransferPartner.allCases)
        for partner in TransferPartner.allCases { try await two.answer(second, partner, .done, version: 2) }
        #expect(try await two.record(second)?.state == .done)
        // Each names the version of the pupil's place that it brought.
        let places = try await two.said().filter { $0.state == .confirmed }.compactMap(\.placeVersion)
        #expect(places.count == 2 && places[0] < places[1])
    }

    @Test("SC-01: the operator reads which services are waited for and asks them again, at most once a minute")
    func again() async throws {
        try await two.open()
        let id = try await two.ask("P1", to: try await two.classOfOther(7), by: "G1")
        try await two.confirm(id, by: "X1")
        for partner in TransferPartner.allCases where partner != .journal { try await two.answer(id, partner, .done, version: 2) }
        let (database, outbox, now) = (two.school.database, two.school.outbox, two.school.now)
        let waiting = try await database.read { try WaitingTransfer.all(before: now, in: $0) }
        #expect(waiting.map(\.missing) == [[.journal]])
        let none = try await database.read { try WaitingTransfer.all(before: now.addingTimeInterval(-300), in: $0) }
        #expect(none.isEmpty)
        func ask(after seconds: TimeInterval) async throws {
            try await database.transaction { try AskPartsAgain(id: id, by: nil, now: now.addingTimeInterval(seconds)).run(in: $0, outbox) }
        }
        await #expect(throws: TransferRefused.tooSoon) { try await ask(after: 59) }
        try await ask(after: 61)
        await #expect(throws: TransferRefused.tooSoon) { try await ask(after: 90) }
        #expect(try await two.said().map(\.version) == [1, 2, 3])
        #expect(try await two.said().map(\.state) == [.asked, .confirmed, .confirmed])
        for stranger in ["S1", "X2", "G1"] {
            let by = try await two.school.id(stranger)
            await #expect(throws: TransferRefused.notYours, "\(stranger)") {
                try await database.transaction { try AskPartsAgain(id: id, by: by, now: now.addingTimeInterval(900)).run(in: $0, outbox) }
            }
        }
        try await two.answer(id, .journal, .done, version: 3)
        await #expect(throws: TransferRefused.nobodyMissing) { try await ask(after: 900) }
    }

    @Test("SC-01: codes that wait for the family go to the new class")
    func invitations() async throws {
        try await two.open()
        let codes = try await two.school.codes("7Б")
        #expect(codes.contains { $0.childNumber == "P1" })
        let target = try await two.classOfOther(7)
        try await two.confirm(try await two.ask("P1", to: target, by: "G1"), by: "X1")
        let child = try await two.school.id("P1")
        let places = try await two.school.database.rows(
            "select distinct class_id from invitation where child_id = \(child) and used_at is null and revoked_at is null", as: UUID.self)
        #expect(places == [target])
    }
}

/// Random people do random things about the transfers of two children between two schools.
@Suite("Generated transfers", .database(School.migrations)) struct GeneratedTransferTests {
    let two = TwoSchools(school: School(database: TestDatabase.current.database))

    /// What a plain mind keeps of it.
    private struct Model {
        var place: UUID
        var open: (id: UUID, to: UUID, isConfirmed: Bool)?
    }

    @Test("SC-01, SC-02, D-09: whoever does what in whatever order, a pupil's place changes by a confirmation of the receiving side alone", arguments: UInt64(1)...6)
    func places(_ seed: UInt64) async throws {
        try await two.open()
        var dice = SeededGenerator(seed: seed)
        let classes = [
            try await two.school.classID("7Б"), try await two.school.classID("3А"), try await two.classOfOther(7), try await two.classOfOther(8),
        ]
        let people = ["G1", "G2", "G3", "P1", "P2", "S1", "S2", "S3", "X1", "X2", "X3"]
        let parents: [String: Set<String>] = ["P1": ["G1", "G2"], "P2": ["G1"], "P3": ["G3"]]
        let deciders: [UUID: Set<String>] = [classes[0]: ["S1"], classes[1]: ["S1"], classes[2]: ["X1", "X3"], classes[3]: ["X1", "X3"]]
        var models = ["P1": Model(place: classes[0]), "P2": Model(place: classes[1]), "P3": Model(place: classes[0])]
        var late = 0
        for step in 1...70 {
            let child = ["P1", "P2", "P3"].randomElement(using: &dice) ?? "P1"
            let who = people.randomElement(using: &dice) ?? "G1"
            var model = try #require(models[child])
            let note: Comment = "seed \(seed), step \(step): \(who) about \(child)"
            switch Int.random(in: 0...5, using: &dice) {
            case 0, 1:
                let to = classes.randomElement(using: &dice) ?? classes[0]
                let may = parents[child]?.contains(who) == true && (model.open == nil || model.open?.isConfirmed == true) && to != model.place
                do {
                    let id = try await two.ask(child, to: to, by: who)
                    #expect(may, note)
                    if model.open != nil { late += 1 }
                    model.open = (id, to, false)
                } catch is TransferRefused {
                    #expect(!may, note)
                }
            case 2:
                guard let open = model.open else { continue }
                let may = !open.isConfirmed && deciders[open.to]?.contains(who) == true
                do {
                    try await two.confirm(open.id, by: who)
                    #expect(may, note)
                    model.place = open.to
                    model.open?.isConfirmed = true
                } catch is TransferRefused {
                    #expect(!may, note)
                }
            case 3:
                guard let open = model.open else { continue }
                let may = !open.isConfirmed && deciders[open.to]?.contains(who) == true
                do {
                    try await two.refuse(open.id, because: "Мест нет", by: who)
                    #expect(may, note)
                    model.open = nil
                } catch is TransferRefused {
                    #expect(!may, note)
                }
            case 4:
                let may = parents[child]?.contains(who) == true && model.open?.isConfirmed == false
                do {
                    try await two.withdraw(child, by: who)
                    #expect(may, note)
                    model.open = nil
                } catch is TransferRefused {
                    #expect(!may, note)
                }
            default:
                // The services answer, early and late; only after a confirmation it counts.
                guard let open = model.open else { continue }
                for partner in TransferPartner.allCases.shuffled(using: &dice) {
                    try await two.answer(open.id, partner, open.isConfirmed ? .done : .ready, version: open.isConfirmed ? 2 : 1)
                }
                if open.isConfirmed { model.open = nil }
            }
            models[child] = model
            for (child, model) in models {
                #expect(try await two.place(child).classID == model.place, "seed \(seed), step \(step): the place of \(child)")
            }
        }
        let open = models.values.count { $0.open != nil }
        let kept = try await two.school.database.rows("select id from transfer where state in ('asked', 'confirmed')", as: UUID.self)
        #expect(kept.count == open + late)
    }
}

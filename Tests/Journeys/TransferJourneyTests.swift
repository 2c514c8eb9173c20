import Directory
import Events
import Foundation
import Kernel
import Messaging
import Postgres
import Support
import Testing

@testable import Identity
@testable import Ledger

/// SC-01, SC-02, D-09: a pupil moves, through all six services and the real broker.
@Suite("A transfer through all six services", .serialized) struct TransferJourneyTests {
    private static let files: [(name: String, text: String)] = [
        (
            "school.csv",
            "school,name,time_zone,modules\ndemo,Школа «Набережная»,Europe/Moscow,\nother,Гимназия на горе,Europe/Moscow,\n"
        ),
        ("classes.csv", "school,class\ndemo,7Б\nother,7А\n"),
        (
            "pupils.csv",
            "school,class,pupil_number,surname,given_name,patronymic,gender,birth_date\ndemo,7Б,P1,Ветрова,Анна,Михайловна,f,2013-03-07\n"
        ),
        (
            "guardians.csv",
            """
            pupil_number,guardian_number,relation,surname,given_name,patronymic,gender,phone,email
            P1,G1,мать,Ветрова,Ольга,Игоревна,f,+79160000001,olga@example.org

            """
        ),
        (
            "staff.csv",
            """
            school,staff_number,surname,given_name,patronymic,gender,role,class,subject,phone,email
            demo,S1,Савина,Инна,Петровна,f,curator,,,,
            demo,S2,Орлов,Глеб,Ильич,m,classTeacher,7Б,,,
            other,X1,Горная,Вера,,f,curator,,,,
            other,X2,Лугов,Пётр,,m,classTeacher,7А,,,

            """
        ),
    ]

    /// The school, its people and what happens to them.
    private struct Story: Sendable {
        let six: SixServices
        var identity: SixServices.Member { six.member("identity") }

        func id(_ number: String) async throws -> UUID {
            try #require(try await identity.database.rows("select id from person where roster_number = \(number)", as: UUID.self).first)
        }

        func classID(_ letter: String) async throws -> UUID {
            try #require(try await identity.database.rows("select id from class where letter = \(letter)", as: UUID.self).first)
        }

        /// Whether the class teacher may read the pupil's diary, by what one service knows.
        func sees(_ teacher: String, at service: String) async throws -> Bool {
            let (child, viewer) = (try await id("P1"), Viewer(personID: try await id(teacher), sessionID: .v7(), rightsNumber: 0, name: ""))
            let day = SchoolZone.moscow.day(of: Date())
            return try await six.member(service).database.read {
                try Directory.decide(viewer, .seeDiary, about: .child(child), on: day, in: $0) == .allowed
            }
        }

        /// Waits until every service knows the pupil in the class of this teacher, and in no other's.
        func everybodyKnows(_ teacher: String, not stranger: String) async throws {
            for service in six.members.keys.sorted() {
                try await eventually(within: .seconds(60), "\(service) lets \(teacher) in and \(stranger) not") {
                    let (own, other) = (try await sees(teacher, at: service), try await sees(stranger, at: service))
                    return own && !other
                }
            }
        }

        func ask(to letter: String) async throws -> UUID {
            let command = AskTransfer(childID: try await id("P1"), classID: try await classID(letter), by: try await id("G1"), now: Date())
            return try await identity.database.transaction { [identity] in try command.run(in: $0, identity.outbox) }
        }

        func confirm(_ transfer: UUID, by curator: String) async throws {
            let command = ConfirmTransfer(id: transfer, by: try await id(curator), now: Date())
            try await identity.database.transaction { [identity] in try command.run(in: $0, identity.outbox) }
        }

        /// Everything about the pupil and his transfer is said again, as often as one likes.
        func repeatEverything(_ transfer: UUID) async throws {
            let child = try await id("P1")
            try await identity.database.transaction { [identity] tx in
                try TransferFacts.publish([transfer], to: identity.outbox, in: tx)
                try TouchedPeople(people: [child], pupils: [child]).publish(to: identity.outbox, in: tx)
                try TransferFacts.publish([transfer], to: identity.outbox, in: tx)
            }
        }

        func record(_ transfer: UUID) async throws -> TransferRecord {
            try #require(try await identity.database.read { try TransferRecord.one(transfer, in: $0) })
        }
    }

    /// When a service is away.
    private enum Absence: CaseIterable { case whileAsked, whileConfirmed, whileHeGoesBack }

    @Test(
        "SC-01, SC-02, D-09, BY-10: asked, taken in, answered by every service; the old class's teacher is a stranger everywhere and the new one is none, whoever was away and however often everything was said",
        arguments: UInt64(0)...5)
    func moves(seed: UInt64) async throws {
        let hears: @Sendable (String) -> Bool = { queue in
            queue.hasSuffix(".directory") || queue.hasSuffix(".transfers") || ["ledger.pupils", "notifier.feed"].contains(queue)
        }
        try await SixServices.with(hears: hears) { six in
            let story = Story(six: six)
            var dice = SeededGenerator(seed: seed)
            let absence = Absence.allCases[Int(seed % 3)]
            let away = ["ledger", "access", "canteen", "journal", "notifier"].randomElement(using: &dice) ?? "canteen"
            let partner = TransferPartner(rawValue: away)
            let identity = story.identity
            _ = try await ImportRoster(roster: try Roster(files: Self.files), isComplete: false, batch: 50).run(identity.database, identity.outbox)
            try await story.everybodyKnows("S2", not: "X2")
            let child = try await story.id("P1")
            let ledger = six.member("ledger")
            try await eventually(within: .seconds(30), "the account is open") {
                try await ledger.database.rows("select count(*) from meals_account where is_open", as: Int.self) == [1]
            }
            let topUp = TopUpAtDesk(id: .v7(), child: child, amount: Money(kopecks: 28_600), receipt: "1", by: .v7())
            try await ledger.database.transaction { _ = try topUp.run(in: $0, ledger.outbox, at: Date()) }
            try await six.member("access").database.execute(
                """
                insert into card (id, person_id, number, value, mask, low16, kind, status)
                values (\(UUID.v7()), \(child), '0001', 1, 65535, 1, 'serviceCard', 'active')
                """)

            // The wish: every service answers what it would carry, and nothing changes.
            if absence == .whileAsked { await six.stop(away) }
            let first = try await story.ask(to: "А")
            if Bool.random(using: &dice) { try await story.repeatEverything(first) }
            try await eventually(within: .seconds(60), "those who are there have answered") {
                try await story.record(first).missing == (absence == .whileAsked ? [partner].compactMap(\.self) : [])
            }
            try await story.everybodyKnows("S2", not: "X2")
            let parts = try await story.record(first).parts
            if partner != .ledger || absence != .whileAsked {
                #expect(parts.first { $0.partner == .ledger }?.balance == Money(kopecks: 28_600))
            }
            if partner != .access || absence != .whileAsked { #expect(parts.first { $0.partner == .access }?.count == 1) }
            if absence == .whileAsked {
                await six.start(away)
                try await eventually(within: .seconds(60), "\(away) has come back and answered") { try await story.record(first).missing.isEmpty }
            }

            // Taken in: from now on he is the new class's.
            if absence != .whileAsked { await six.stop(away) }
            try await story.confirm(first, by: "X1")
            let (isLeft, isMet) = (try await story.sees("S2", at: "identity"), try await story.sees("X2", at: "identity"))
            #expect(!isLeft && isMet)
            if Bool.random(using: &dice) { try await story.repeatEverything(first) }
            if absence != .whileAsked, let partner {
                try await eventually(within: .seconds(60), "the others have arrived") { try await story.record(first).missing == [partner] }
                #expect(try await story.record(first).state == .confirmed)
                let again = AskPartsAgain(id: first, by: nil, now: Date(timeIntervalSinceNow: 120))
                try await identity.database.transaction { try again.run(in: $0, identity.outbox) }
            }
            var (mine, stranger, last) = ("X2", "S2", first)
            if absence == .whileHeGoesBack {
                // One service has not heard of the first move when he is back already.
                last = try await story.ask(to: "Б")
                try await story.confirm(last, by: "S1")
                if Bool.random(using: &dice) { try await story.repeatEverything(first) }
                (mine, stranger) = ("S2", "X2")
            }
            await six.start(away)
            for transfer in [first, last] {
                try await eventually(within: .seconds(90), "the list of \(transfer == first ? "the first" : "the last") transfer is complete") {
                    try await story.record(transfer).state == .done
                }
            }
            try await story.everybodyKnows(mine, not: stranger)
            try await story.repeatEverything(first)
            try await story.repeatEverything(last)

            // The account went along, number, money and all.
            let school = try await identity.database.rows("select school_id from pupil where person_id = \(child)", as: UUID.self)
            try await eventually(within: .seconds(30), "the account is at the pupil's school") {
                try await ledger.database.rows("select school_id from meals_account", as: UUID.self) == school
            }
            #expect(try await ledger.database.rows("select balance from meals_account", as: Money.self) == [Money(kopecks: 28_600)])
            // The family reads each step once.
            let expected = Set([first, last]).count * 3
            try await eventually(within: .seconds(30), "the family reads every step") {
                try await six.member("notifier").database.rows("select count(*) from notice where kind = 'transfer' and not ended", as: Int.self) == [expected]
            }
            try await story.everybodyKnows(mine, not: stranger)
        }
    }
}

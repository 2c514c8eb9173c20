import Directory
import Events
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import JWTKit
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

/// A school with a family, over a test's database.
struct SchoolOfTests: Sendable {
    let database = TestDatabase.current.database
    let school = UUID.v7(), schoolClass = UUID.v7(), masha = UUID.v7(), egor = UUID.v7(), mother = UUID.v7(), aunt = UUID.v7()
    let day = Day("2026-11-20") ?? Day(daysSince1970: 0)
    let key = ES256PrivateKey()
    let keyID = UUID.v7()

    func at(_ hour: Int, _ minute: Int = 0) -> Date {
        SchoolZone.moscow.date(day, TimeOfDay(hour: hour, minute: minute) ?? .midnight)
    }

    func open() async throws {
        let pem = key.publicKey.pemRepresentation
        try await database.transaction { [self] tx in
            try Directory.apply([Told(SchoolChanged(schoolID: school, version: 1, name: "Набережная", timeZone: "Europe/Moscow", modules: [], contacts: []))], in: tx)
            try Directory.apply([Told(ClassChanged(classID: schoolClass, schoolID: school, version: 1, grade: 7, letter: "Б"))], in: tx)
            for (index, (id, name)) in [(masha, "Маша"), (egor, "Егор")].enumerated() {
                try Directory.apply([Told(PupilChanged(personID: id, version: 1, schoolID: school, classID: schoolClass, accountNumber: "000000000\(index)", pupilCode: "I\(index)", rosterNumber: nil, ended: false))], in: tx)
                try Directory.apply([Told(PersonChanged(personID: id, version: 1, name: PersonName(surname: "Ким", given: name), gender: index == 0 ? .female : .male, accent: index == 0 ? .sea : .plum, isPupil: true))], in: tx)
            }
            func rights(_ person: UUID, _ children: [UUID], _ topics: [Topic]) -> Told<RightsChanged> {
                Told(RightsChanged(personID: person, version: 1, roles: [], children: children.map { Guardianship(childID: $0, topics: topics, isPrimary: true, until: nil) }))
            }
            try Directory.apply([rights(mother, [masha, egor], Topic.allCases), rights(aunt, [masha], [.attendance]), rights(masha, [], [])], in: tx)
            try Directory.apply([Told(SigningKeyChanged(keyID: keyID, version: 1, algorithm: "ES256", publicKey: pem, validFrom: Date(timeIntervalSince1970: 0), validUntil: .distantFuture, ended: false))], in: tx)
            try NotifierHearings.remember(
                contacts: [Received(ContactChanged(personID: mother, version: 1, email: "olga@example.org", emailConfirmed: true, phone: nil, language: "ru", ended: false))], in: tx)
            try NotifierHearings.remember(
                days: [Received(ClassDayChanged(
                    classDayID: .v7(), classID: schoolClass, schoolID: school, day: day, version: 1,
                    lessons: [8, 9, 10, 11].enumerated().map { LessonSlot(lessonID: .v7(), number: $0 + 1, startsAt: TimeOfDay(hour: $1, minute: 30) ?? .midnight, endsAt: TimeOfDay(hour: $1 + 1, minute: 15) ?? .midnight, subject: ["Алгебра", "Биология", "История", "Чтение"][$0], room: "12", teacher: nil, isCancelled: false, isClub: false) },
                    termName: "Вторая четверть", termStarts: day.adding(days: -18), ended: false))], in: tx)
            try NotifierHearings.remember(
                accounts: [(AccountState(accountID: .v7(), version: 2, personID: masha, schoolID: school, accountNumber: "0000000000", balance: Money(kopecks: 41250), dailyLimit: Money(roubles: 150), spentToday: Money(roubles: 45), day: day, isOpen: true), 1)], in: tx)
        }
    }

    func mark(_ value: String, version: Int64 = 1, id: UUID = .v7(), of child: UUID? = nil, previous: String? = nil) -> MarkChanged {
        MarkChanged(markID: id, version: version, personID: child ?? masha, classID: schoolClass, lessonID: .v7(), day: day, lessonNumber: 1, subject: "Алгебра", value: value, weight: 1, work: "контрольная", comment: nil, previous: previous, by: "А. М. Ветрова", at: at(9), ended: false)
    }

    func tell(_ mark: MarkChanged, isRepublished: Bool = false) async throws {
        try await database.transaction { tx in
            try NotifierHearings.tell([Received(mark, isRepublished: isRepublished)], in: tx) { WhenSomethingHappens.notice(of: $0.event, version: $0.version) }
        }
    }

    func remark(_ text: String) async throws {
        let remark = RemarkChanged(remarkID: .v7(), version: 1, personID: masha, day: day, subject: "Алгебра", text: text, by: "А. М. Ветрова", at: at(10), ended: false)
        try await database.transaction { tx in
            try NotifierHearings.tell([Received(remark)], in: tx) { WhenSomethingHappens.notice(of: $0.event, version: $0.version) }
        }
    }

    func enter() async throws {
        let passage = PassageRecorded(passageID: .v7(), personID: masha, schoolID: school, deviceID: .v7(), place: "главный вход", direction: .entered, occurredAt: at(8, 9), receivedAt: at(8, 9), day: day, repaired: false)
        try await database.transaction { tx in
            try NotifierHearings.tell([Received(passage)], in: tx) { WhenSomethingHappens.notice(of: $0.event, version: $0.version) }
        }
    }

    func notices() async throws -> [Notice] {
        let (masha, day) = (masha, day)
        return try await database.read { try Notice.of([masha], on: day, in: $0) }
    }

    var parts: Parts { get async throws { try await NotifierService.parts(database: database, settings: ["http.publicAddress": "https://school.test"]) } }

    /// The service's pages at 12:47.
    func withClient<T: Sendable>(_ body: @escaping @Sendable (any TestClientProtocol) async throws -> T) async throws -> T {
        let parts = try await parts
        let router = Router()
        let moment = at(12, 47)
        WebHost(pages: parts.pages, database: database, publicAddress: parts.publicAddress, logger: Logger(label: "test"), clock: { moment })
            .register(NotifierService.routes(parts), on: router)
        return try await Application(router: router).test(.router) { try await body($0) }
    }

    func get(_ client: any TestClientProtocol, _ path: String, _ person: UUID, accept: String = "text/html") async throws -> (HTTPResponse.Status, String) {
        let kids: [SessionToken.Kid] = person == masha ? [] : [.init(id: masha, name: "Маша", accent: "sea"), .init(id: egor, name: "Егор", accent: "plum")]
        let token = SessionToken(person: person, session: .v7(), rights: 1, name: "Ольга Сергеевна", kids: kids, isPupil: person == masha)
        let keys = await JWTKeyCollection().add(ecdsa: key, kid: JWKIdentifier(string: keyID.text))
        let cookie = try await keys.sign(token, kid: JWKIdentifier(string: keyID.text))
        let answer = try await client.executeRequest(uri: path, method: .get, headers: [.accept: accept, .cookie: "\(SessionToken.cookie)=\(cookie)"], body: nil)
        return (answer.status, String(buffer: answer.body))
    }
}

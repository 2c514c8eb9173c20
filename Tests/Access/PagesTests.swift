import Directory
import Events
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import JWTKit
import Kernel
import Logging
import Messaging
import Postgres
import Service
import Support
import Testing
import Web

@testable import Access

/// A school with a gate, two children of one family, a guard and an operator, behind its real routes.
private struct Gate: Sendable {
    let database = TestDatabase.current.database
    let outbox = Outbox(service: "access")
    let school = UUID.v7()
    let schoolClass = UUID.v7()
    let masha = UUID.v7()
    let egor = UUID.v7()
    let mother = UUID.v7()
    let guardsman = UUID.v7()
    let operatorOfSystem = UUID.v7()
    let teacher = UUID.v7()
    let key = ES256PrivateKey()
    let keyID = UUID.v7()
    static let card = "0001234567"

    struct Seen: Sendable {
        let status: HTTPResponse.Status
        let body: String
        let location: String?
    }

    private func open() async throws {
        func rights(_ person: UUID, _ role: Role?, _ children: [UUID] = []) -> Told<RightsChanged> {
            Told(
                RightsChanged(
                    personID: person, version: 1, roles: role.map { [RoleHeld(schoolID: school, role: $0, classID: nil)] } ?? [],
                    children: children.map { Guardianship(childID: $0, topics: Topic.allCases, isPrimary: true, until: nil) }))
        }
        func person(_ id: UUID, _ surname: String, _ given: String, _ gender: Gender, isPupil: Bool = true) -> Told<PersonChanged> {
            Told(
                PersonChanged(
                    personID: id, version: 1, name: PersonName(surname: surname, given: given, patronymic: nil), gender: gender, accent: .sea,
                    rosterNumber: nil, schoolID: school, classID: isPupil ? schoolClass : nil, isPupil: isPupil, ended: false))
        }
        let pupils = [masha, egor].enumerated().map { place, child in
            Told(
                PupilChanged(
                    personID: child, version: 1, schoolID: school, classID: schoolClass, accountNumber: "027000000\(place)",
                    pupilCode: "I44F2EUE\(place)", rosterNumber: nil, ended: false))
        }
        let people = [
            person(masha, "Белова", "Маша", .female), person(egor, "Белов", "Егор", .male),
            person(teacher, "Громова", "Ирина", .female, isPupil: false),
        ]
        let told = [rights(mother, nil, [masha, egor]), rights(guardsman, .gateGuard), rights(operatorOfSystem, .operatorOfSystem), rights(teacher, .subjectTeacher)]
        try await database.transaction { [self] tx in
            try Directory.apply(
                [
                    Told(
                        SigningKeyChanged(
                            keyID: keyID, version: 1, algorithm: "ES256", publicKey: key.publicKey.pemRepresentation,
                            validFrom: Date(timeIntervalSince1970: 0), validUntil: .distantFuture, ended: false))
                ], in: tx)
            try Directory.apply(
                [Told(SchoolChanged(schoolID: school, version: 1, name: "Набережная", timeZone: "Europe/Moscow", modules: [], contacts: [], ended: false))],
                in: tx)
            try Directory.apply([Told(ClassChanged(classID: schoolClass, schoolID: school, version: 1, grade: 7, letter: "Б", ended: false))], in: tx)
            try Directory.apply(people, in: tx)
            try Directory.apply(pupils, in: tx)
            try Directory.apply(told, in: tx)
        }
    }

    func story(_ tell: @escaping @Sendable (any TestClientProtocol) async throws -> Void) async throws {
        try await open()
        let parts = try await AccessService.parts(database: database)
        let router = Router()
        WebHost(pages: parts.pages, database: parts.database, publicAddress: parts.publicAddress, logger: Logger(label: "test"))
            .register(AccessRoutes(parts: parts, users: nil).book, on: router)
        try await Application(router: router).test(.router) { try await tell($0) }
    }

    func get(_ client: any TestClientProtocol, _ person: UUID, _ path: String) async throws -> Seen { try await send(client, .get, person, path, "") }

    func post(_ client: any TestClientProtocol, _ person: UUID, _ path: String, _ form: [String: String]) async throws -> Seen {
        let body = form.map { "\($0)=\($1.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "")" }
        return try await send(client, .post, person, path, body.joined(separator: "&"))
    }

    private func send(
        _ client: any TestClientProtocol, _ method: HTTPRequest.Method, _ person: UUID, _ path: String, _ body: String
    ) async throws -> Seen {
        let kids = person == mother ? [masha, egor].map { SessionToken.Kid(id: $0, name: "Маша", accent: "sea") } : []
        let keys = await JWTKeyCollection().add(ecdsa: key, kid: JWKIdentifier(string: keyID.text))
        let token = try await keys.sign(
            SessionToken(person: person, session: .v7(), rights: 1, name: "Кто-то", kids: kids), kid: JWKIdentifier(string: keyID.text))
        let headers: HTTPFields = [
            .accept: "text/html", .contentType: "application/x-www-form-urlencoded", .origin: "https://localhost",
            .cookie: "\(SessionToken.cookie)=\(token)",
        ]
        let answer = try await client.executeRequest(uri: path, method: method, headers: headers, body: ByteBuffer(string: body))
        return Seen(status: answer.status, body: String(buffer: answer.body), location: answer.headers[.location])
    }

    /// A device, a card of Masha's, and her way in this moment.
    func enter() async throws {
        let (school, masha, outbox) = (school, masha, outbox)
        try await database.transaction { tx in
            _ = try RegisterDevice(school: school, name: "gate-1", place: "Главный вход", direction: nil).run(in: tx, outbox: outbox)
            try AssignCard(person: masha, number: CardNumber(Self.card), kind: .serviceCard).run(in: tx, outbox: outbox)
        }
        let now = Date()
        func reading(_ seq: Int, _ card: String) -> RawMessage {
            RawMessage(
                routingKey: "device.gate-1.reading",
                body: Array("{\"boot\":1,\"seq\":\(seq),\"at\":\"\(now.iso8601)\",\"card\":\"\(card)\",\"direction\":\"in\"}".utf8), receivedAt: now)
        }
        let messages = [reading(1, Self.card), reading(2, "0009999999")]
        try await database.transaction { try WhenReadingArrives.react(to: messages, in: $0, outbox: outbox) }
    }
}

@Suite("Pages of Access", .serialized, .database(AccessService.migrations)) struct PagesTests {
    private let gate = Gate()

    private static func isWhole(_ seen: Gate.Seen) {
        #expect(seen.status == .ok)
        for wrong in ["[[", "{{", " style="] { #expect(!seen.body.contains(wrong)) }
    }

    @Test("BY-09: the guard reads who is inside, class by class, with a way to each child's cards; one sentence is read aloud")
    func inside() async throws {
        let path = "/access/schools/\(gate.school.text)/inside"
        try await gate.story { [gate] client in
            let nobody = try await gate.get(client, gate.guardsman, path)
            Self.isWhole(nobody)
            #expect(nobody.body.contains("7\u{a0}«Б»") || nobody.body.contains("7 «Б»"))
            try await gate.enter()
            let page = try await gate.get(client, gate.guardsman, path)
            Self.isWhole(page)
            for text in [
                "Белова Маша", "/access/children/\(gate.masha.text)/cards", "id=\"class-7Б\" open", "data-say", "data-live=\"\(path)/live\"", "0009999999",
            ] { #expect(page.body.contains(text), "\(text)") }
            #expect(!page.body.contains("Белов Егор"))
            // The whole list is no announcement: only the sentence in it is.
            #expect(!page.body.contains("aria-live"))
            #expect(try await gate.get(client, gate.guardsman, "/access/inside").location == path)
            for stranger in [gate.mother, gate.teacher, gate.operatorOfSystem] { #expect(try await gate.get(client, stranger, path).status == .notFound) }
        }
    }

    @Test("AX-01: the family reads the day of each child, and pages through the weeks")
    func attendance() async throws {
        try await gate.story { [gate] client in
            let empty = try await gate.get(client, gate.mother, "/access/attendance")
            Self.isWhole(empty)
            #expect(empty.body.contains("сегодня не приходила") && empty.body.contains("сегодня не приходил<"))
            try await gate.enter()
            let page = try await gate.get(client, gate.mother, "/access/attendance")
            Self.isWhole(page)
            for text in ["Вошла, Главный вход", "rel=\"prev\"", "data-say", "?week="] { #expect(page.body.contains(text), "\(text)") }
            Self.isWhole(try await gate.get(client, gate.mother, "/access/attendance?week=2026-09-07"))
            Self.isWhole(try await gate.get(client, gate.mother, "/access/children/\(gate.masha.text)/attendance"))
        }
    }

    @Test("A device is registered once, shows its password once, and is asked twice before it is taken out of service")
    func devices() async throws {
        let path = "/access/schools/\(gate.school.text)/devices"
        try await gate.story { [gate] client in
            let none = try await gate.get(client, gate.operatorOfSystem, path)
            Self.isWhole(none)
            #expect(none.body.contains("Устройств пока нет") || none.body.contains("class=\"state\""))
            let made = try await gate.post(client, gate.operatorOfSystem, path, ["name": "gate-7", "place": "Двор", "direction": ""])
            #expect(made.status == .created && made.body.contains("device/gate-7/reading"))
            let wrong = try await gate.post(client, gate.operatorOfSystem, path, ["name": "gate-7", "place": "", "direction": ""])
            #expect(wrong.status == .unprocessableContent && wrong.body.contains("aria-invalid") && wrong.body.contains("value=\"gate-7\""))
            let page = try await gate.get(client, gate.operatorOfSystem, path)
            Self.isWhole(page)
            #expect(page.body.contains("details class=\"confirm\"") && !page.body.contains("<dd><b>"))
            let end = try #require(page.body.firstMatch(of: /action="(\/access\/devices\/[^"]*\/end)"/)).output.1
            #expect(try await gate.post(client, gate.guardsman, String(end), [:]).status == .notFound)
            #expect(try await gate.post(client, gate.operatorOfSystem, String(end), [:]).location == path)
            #expect(!(try await gate.get(client, gate.operatorOfSystem, path)).body.contains("gate-7"))
        }
    }

    @Test("A card is given in any notation, blocked and opened again; a wrong number comes back with words beside it")
    func cards() async throws {
        let path = "/access/children/\(gate.masha.text)/cards"
        try await gate.story { [gate] client in
            let none = try await gate.get(client, gate.guardsman, path)
            Self.isWhole(none)
            #expect(none.body.contains("autofocus"))
            let wrong = try await gate.post(client, gate.guardsman, path, ["number": "не номер", "kind": "serviceCard"])
            #expect(wrong.status == .unprocessableContent && wrong.body.contains("value=\"не номер\"") && wrong.body.contains("number-wrong"))
            #expect(try await gate.post(client, gate.guardsman, path, ["number": Gate.card, "kind": "bracelet"]).location == path)
            let page = try await gate.get(client, gate.guardsman, path)
            Self.isWhole(page)
            let status = try #require(page.body.firstMatch(of: /action="(\/access\/cards\/[^"]*\/status)"/)).output.1
            #expect(page.body.contains("value=\"blocked\"") && page.body.contains("браслет"))
            #expect(try await gate.post(client, gate.guardsman, String(status), ["status": "blocked"]).location == path)
            #expect(try await gate.get(client, gate.guardsman, path).body.contains("value=\"active\""))
            #expect(try await gate.get(client, gate.mother, path).status == .notFound)
        }
    }
}

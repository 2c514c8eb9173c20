import Directory
import Events
import Foundation
import Kernel
import Messaging
import Postgres
import Support

@testable import Identity

/// A small school for the tests: two classes, a family with two children, a family of strangers, staff.
struct School: Sendable {
    static let migrations = [Migrations.messaging, DirectoryParts.migrations, Migrations("identity", in: IdentityService.bundle)]

    let database: Database
    let outbox = Outbox(service: "identity")
    let bench = HashingBench()
    let box = SecretBox(key: "the key of the tests' installation")
    let now = Date(timeIntervalSince1970: 1_795_000_000)

    static let files: [(name: String, text: String)] = [
        ("school.csv", "school,name,time_zone,modules\ndemo,Школа «Набережная»,Europe/Moscow,canteen;entrance\n"),
        ("classes.csv", "school,class\ndemo,7Б\ndemo,3А\n"),
        (
            "pupils.csv",
            """
            school,class,pupil_number,surname,given_name,patronymic,gender,birth_date
            demo,7Б,P1,Ветрова,Анна,Михайловна,f,2013-03-07
            demo,3А,P2,Ветров,Пётр,Михайлович,m,2017-09-01
            demo,7Б,P3,Ёлкин,Семён,,m,2013-06-15

            """
        ),
        (
            "guardians.csv",
            """
            pupil_number,guardian_number,relation,surname,given_name,patronymic,gender,phone,email
            P1,G1,мать,Ветрова,Ольга,Игоревна,f,+79160000001,olga@example.org
            P2,G1,мать,Ветрова,Ольга,Игоревна,f,+79160000001,olga@example.org
            P1,G2,отец,Ветров,Михаил,,m,+79160000002,misha@example.org
            P3,G3,мать,Ёлкина,Ирина,,f,+79160000003,irina@example.org

            """
        ),
        (
            "staff.csv",
            """
            school,staff_number,surname,given_name,patronymic,gender,role,class,subject,phone,email
            demo,S1,Савина,Инна,Петровна,f,curator,,,,
            demo,S2,Орлов,Глеб,Ильич,m,classTeacher,7Б,,,
            demo,S2,Орлов,Глеб,Ильич,m,subjectTeacher,,Физика,,
            demo,S3,Зуева,Вера,Львовна,f,cashier,,,,
            demo,S4,Царёв,Олег,Юрьевич,m,operator,,,,

            """
        ),
    ]

    /// Imports the school.
    @discardableResult
    func open(_ files: [(name: String, text: String)] = School.files, complete: Bool = false) async throws -> ImportRoster.Report {
        try await ImportRoster(roster: try Roster(files: files), isComplete: complete, batch: 2).run(database, outbox)
    }

    func id(_ number: String) async throws -> UUID {
        let found = try await database.read { transaction -> UUID? in
            try transaction.first("select id from person where roster_number = \(number)", as: UUID.self)
        }
        guard let found else { throw NobodyHas(number: number) }
        return found
    }

    func classID(_ name: String) async throws -> UUID {
        guard let className = ClassName(name) else { throw NobodyHas(number: name) }
        let found = try await database.read { transaction -> UUID? in
            try transaction.first(
                "select id from class where grade = \(className.grade) and letter = \(className.letter)", as: UUID.self)
        }
        guard let found else { throw NobodyHas(number: name) }
        return found
    }

    /// The codes for a class, by «kind number of the person»; a guardian the school does not know is «guardian -».
    func codes(_ className: String) async throws -> [IssuedInvitation] {
        try await IssueInvitations(circle: .schoolClass(try await classID(className)), issuedBy: nil, now: now)
            .run(database, bench)
    }

    /// Codes that are good by the real clock, for stories over HTTP.
    func codesNow(_ className: String) async throws -> [IssuedInvitation] {
        try await IssueInvitations(circle: .schoolClass(try await classID(className)), issuedBy: nil, now: Date())
            .run(database, bench)
    }

    func code(for number: String, child: String, in className: String) async throws -> String {
        let codes = try await codes(className)
        guard let issued = codes.first(where: { $0.personNumber == number && $0.childNumber == child }) else {
            throw NobodyHas(number: number)
        }
        return issued.code.text
    }

    /// The words that every installation begins with.
    static let words = UUID(uuidString: "00000000-0000-7000-8000-000000000c01")

    /// A registration that is right in every field.
    func registration(code: String, login: String = "o.vetrova", at: Date? = nil) -> RegisterByCode {
        RegisterByCode(
            code: code, login: login, password: "gz7mtk4q", repeated: "gz7mtk4q", surname: "Ветрова", givenName: "Ольга",
            patronymic: "Игоревна", phone: "+7 916 000-00-09", email: "olga.v@example.org", ownConsent: Self.words, childConsent: Self.words, address: "10.0.0.1", now: at ?? now)
    }

    func register(_ registration: RegisterByCode) async throws -> RegisterByCode.Outcome {
        try await registration.run(database, letters, bench, nil)
    }

    var letters: AccessLetters { AccessLetters(outbox: outbox, publicAddress: "https://school.test") }

    /// The letters that Notifier was asked for, oldest first.
    func askedLetters() async throws -> [SendAccessLetter] {
        struct Envelope: Decodable { let data: SendAccessLetter }
        return try await database.rows(
            "select body from outbox where routing_key = \(SendAccessLetter.name) order by seq", as: Data.self
        ).map { try EventCoding.decoder.decode(Envelope.self, from: $0).data }
    }

    /// What the newest letter of a kind leads to, as a path.
    func link(_ kind: AccessLetterKind, from address: String = "https://school.test") async throws -> String {
        let link = try await askedLetters().last { $0.kind == kind }?.link ?? ""
        return String(link.dropFirst(address.count))
    }

    func profile(_ number: String) async throws -> OwnProfile? {
        let (id, now) = (try await id(number), now)
        return try await database.read { try OwnProfile.read(id, now: now, in: $0) }
    }

    /// Gives somebody of the roster a login without ceremony.
    func give(_ number: String, login: String, password: String = "gz7mtk4q") async throws {
        _ = try await GiveLogin(number: number, login: login, password: password, now: now).run(database, outbox, bench, nil)
    }

    func signIn(
        _ login: String, _ password: String = "gz7mtk4q", address: String = "10.0.0.1", device: String? = nil, at: Date? = nil
    ) async throws -> SignIn.Outcome {
        try await SignIn(
            login: login, password: password, address: address, agent: "Firefox Linux", device: device, now: at ?? now
        ).run(database, bench)
    }

    /// The bodies of the messages in the outbox with this routing key.
    func said(_ name: String) async throws -> Int {
        Int(
            try await database.read { transaction -> Int64 in
                try transaction.first("select count(*) from outbox where routing_key = \(name)", as: Int64.self) ?? 0
            })
    }

    func forget() async throws {
        _ = try await database.transaction { try $0.execute("delete from outbox") }
    }

    func rights(_ number: String) async throws -> RightsChanged? {
        let id = try await id(number)
        return try await database.read { try PeopleFacts.rights(.ids([id]), in: $0).first }
    }
}

/// The tests' school has nobody of that number.
struct NobodyHas: Error { let number: String }

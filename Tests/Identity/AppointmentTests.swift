import Events
import Foundation
import Kernel
import Postgres
import Support
import Testing

@testable import Identity

@Suite("Who gives roles") struct AppointmentRuleTests {
    @Test("SC-06: whoever holds whatever, nobody gives what stands above him, nothing to himself, and ordinary staff nothing at all")
    func everyCombination() {
        let ordinary = Role.allCases.filter { !Role.administering.contains($0) }
        // Every set of administering roles with and without some ordinary one.
        for bits in 0..<8 {
            let above = Role.administering.enumerated().filter { bits >> $0.offset & 1 == 1 }.map(\.element)
            for extra in [nil] + ordinary.map(Optional.some) {
                let own = Set(above + [extra].compactMap(\.self))
                for role in Role.allCases {
                    let refusal = Appointment(own: own, isOneself: false).refusal(of: role)
                    if above.isEmpty {
                        #expect(refusal == .notYours)
                    } else if role == .operatorOfSystem {
                        #expect((refusal == nil) == own.contains(.operatorOfSystem), "\(own)")
                    } else if role == .director {
                        #expect((refusal == nil) == !own.isDisjoint(with: [.operatorOfSystem, .director]), "\(own)")
                    } else {
                        #expect(refusal == nil)
                    }
                    #expect(Appointment(own: own, isOneself: true).refusal(of: role) != nil)
                }
            }
        }
    }

    @Test("Every refusal has its own sentence")
    func sentences() {
        #expect(Set(AppointmentRefused.allCases.map(\.text)).count == AppointmentRefused.allCases.count)
    }
}

@Suite("Roles on a page", .database(School.migrations)) struct AppointmentTests {
    let school = School(database: TestDatabase.current.database)

    private func schoolID(_ code: String = "demo") async throws -> UUID {
        try #require(try await school.database.read { try $0.first("select id from school where code = \(code)", as: UUID.self) })
    }

    private func give(_ role: Role, to number: String, by: String, className: String = "", at: String = "demo") async throws {
        let command = GiveRole(
            personID: try await school.id(number), school: try await schoolID(at), role: role, className: className, subject: "",
            by: try await school.id(by), now: school.now)
        let outbox = school.outbox
        try await school.database.transaction { try command.run(in: $0, outbox) }
    }

    private func take(_ role: Role, from number: String, by: String) async throws {
        let (id, by, now, outbox) = (try await school.id(number), try await school.id(by), school.now.addingTimeInterval(1), school.outbox)
        try await school.database.transaction { transaction in
            let held = try HeldRole.of(id, in: transaction).first { $0.role == role }
            _ = try TakeRole(roleID: held?.id ?? UUID.v7(), by: by, now: now).run(in: transaction, outbox)
        }
    }

    private func roles(_ number: String) async throws -> Set<Role> { Set(try await school.rights(number)?.roles.map(\.role) ?? []) }

    @Test("SC-06: a role is given and taken, everybody hears it, and the log has it")
    func giveAndTake() async throws {
        try await school.open()
        let before = try await school.rights("S3")?.version ?? 0
        try await school.forget()
        try await give(.kitchen, to: "S3", by: "S1")
        #expect(try await roles("S3") == [.cashier, .kitchen])
        #expect(try await school.rights("S3")?.version == before + 1)
        #expect(try await school.said(RightsChanged.name) == 1)
        // The same again changes nothing.
        try await give(.kitchen, to: "S3", by: "S1")
        #expect(try await school.said(RightsChanged.name) == 1)
        try await take(.kitchen, from: "S3", by: "S1")
        #expect(try await roles("S3") == [.cashier])
        let id = try await school.id("S3")
        let log = try await school.database.read { try $0.rows("select action from audit where about_person_id = \(id) order by at, id", as: String.self) }
        #expect(log.suffix(2) == ["role-given", "role-taken"])
    }

    @Test("Nobody climbs: not above himself, not at another's school, not he himself; no pupil works here")
    func refused() async throws {
        try await school.open()
        try await school.open([
            ("school.csv", "school,name,time_zone,modules\nother,Другая школа,Europe/Moscow,\n"),
            ("staff.csv", "school,staff_number,surname,given_name,patronymic,gender,role,class,subject,phone,email\nother,X1,Чужая,Анна,,f,curator,,,,\n"),
        ])
        await #expect(throws: AppointmentRefused.above) { try await give(.operatorOfSystem, to: "S3", by: "S1") }
        await #expect(throws: AppointmentRefused.above) { try await give(.director, to: "S3", by: "S1") }
        await #expect(throws: AppointmentRefused.oneself) { try await give(.accountant, to: "S1", by: "S1") }
        await #expect(throws: AppointmentRefused.notYours) { try await give(.cashier, to: "S3", by: "X1") }
        await #expect(throws: AppointmentRefused.notYours) { try await give(.cashier, to: "S3", by: "S1", at: "other") }
        await #expect(throws: AppointmentRefused.notYours) { try await give(.kitchen, to: "S2", by: "S3") }
        await #expect(throws: AppointmentRefused.pupil) { try await give(.librarian, to: "P1", by: "S1") }
        await #expect(throws: AppointmentRefused.needsClass) { try await give(.classTeacher, to: "S3", by: "S1") }
        await #expect(throws: AppointmentRefused.noSuchClass) { try await give(.classTeacher, to: "S3", by: "S1", className: "11Я") }
        await #expect(throws: AppointmentRefused.above) { try await take(.operatorOfSystem, from: "S4", by: "S1") }
        try await give(.classTeacher, to: "S3", by: "S1", className: "3А")
        try await give(.operatorOfSystem, to: "S3", by: "S4")
        #expect(try await roles("S3") == [.cashier, .classTeacher, .operatorOfSystem])
    }

    @Test("One person works at two schools: each gives its own roles, the card shows both")
    func twoSchools() async throws {
        try await school.open()
        try await school.open([
            ("school.csv", "school,name,time_zone,modules\nother,Другая школа,Europe/Moscow,\n"),
            ("staff.csv", "school,staff_number,surname,given_name,patronymic,gender,role,class,subject,phone,email\nother,X1,Чужая,Анна,,f,curator,,,,\n"),
        ])
        try await give(.nurse, to: "S3", by: "X1", at: "other")
        let id = try await school.id("S3")
        let held = try await school.database.read { try HeldRole.of(id, in: $0) }
        #expect(held.map { "\($0.schoolName): \($0.role.rawValue)" }.sorted() == ["Другая школа: nurse", "Школа «Набережная»: cashier"])
        // Now he is somebody's at another school as well: neither curator may become him by a password.
        await #expect(throws: SetOneTimePassword.Refused.notYours) {
            try await school.give("S3", login: "vera")
            _ = try await SetOneTimePassword(personID: id, by: try await school.id("X1"), now: school.now).run(school.database, school.outbox, school.bench)
        }
    }

    @Test("What was given on a page survives the next complete import, and what was taken there does not come back with it")
    func imports() async throws {
        try await school.open()
        try await give(.kitchen, to: "S3", by: "S1")
        try await take(.cashier, from: "S3", by: "S1")
        try await school.open(complete: true)
        #expect(try await roles("S3") == [.kitchen])
        try await give(.cashier, to: "S3", by: "S1")
        #expect(try await roles("S3") == [.kitchen, .cashier])
        // A role that the lists had given ends with them, as before.
        let without = School.files.map { $0.name == "staff.csv" ? ($0.name, $0.text.replacing("demo,S2,Орлов,Глеб,Ильич,m,subjectTeacher,,Физика,,\n", with: "")) : $0 }
        try await school.open(without, complete: true)
        #expect(try await roles("S2") == [.classTeacher])
    }

    @Test("The last who administers a school cannot be left without a successor")
    func lastOne() async throws {
        try await school.open()
        try await take(.curator, from: "S1", by: "S4")
        #expect(try await roles("S1").isEmpty)
        await #expect(throws: AppointmentRefused.oneself) { try await take(.operatorOfSystem, from: "S4", by: "S4") }
    }
}

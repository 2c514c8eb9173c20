import Directory
import Events
import Foundation
import HTTPTypes
import Kernel
import Postgres
import Web

/// Who works at a school and as what: given and taken by those who administer it (SC-06).
struct StaffRoutes: Sendable {
    let cabinet: Cabinet

    /// Of the schools a person has to do with, one that the reader administers; none for strangers.
    private static let person = RouteSubject.resolved { visit, transaction in
        let id = try visit.uuid("person")
        let mine = try SchoolsOf.keeper(visit.viewer.personID, Role.administering, in: transaction)
        return try SchoolsOf.person(id, in: transaction).first { mine.contains($0) }.map { .school($0) }
    }

    private static let role = RouteSubject.resolved { visit, transaction in
        try transaction.first(
            "select school_id from role_held where id = \(visit.uuid("role")) and not ended", as: UUID.self
        ).map { .school($0) }
    }

    func add(to book: inout RouteBook) {
        book.page("/identity/staff", .administer, about: .anySchool) { try await staff($0) }
        book.page("/identity/people/{person}/roles", .administer, about: Self.person) { try await roles($0) }
        book.post("/identity/people/{person}/roles", .administer, about: Self.person) { try await give($0) }
        book.post("/identity/roles/{role}/end", .administer, about: Self.role) { try await take($0) }
        book.post("/identity/schools/{school}/appointment", .administer, about: .school(parameter: "school")) { try await appoint($0) }
        book.page("/identity/schools/{school}/rules", .administer, about: .school(parameter: "school")) { visit in
            try await rules(visit)
        }
        book.post("/identity/schools/{school}/rules", .administer, about: .school(parameter: "school")) { visit in
            let form = try await visit.form()
            let command = ChangeSchoolRules(
                school: try visit.uuid("school"), needsSecondFactor: form["second_factor"] == "yes",
                allowsPasswordSigns: form["password_signs"] == "yes", by: visit.viewer.personID, now: visit.now)
            try await cabinet.database.transaction { try command.run(in: $0) }
            return .seeOther("/identity/schools/\(command.school.text)/rules?done=yes")
        }
    }

    private func staff(_ visit: Visit, typed: StaffPage.Typed? = nil) async throws -> StaffPage {
        let viewer = visit.viewer.personID
        let found = try await cabinet.database.read { transaction -> [(SchoolRules, [StaffMember], [Role])] in
            var found: [(SchoolRules, [StaffMember], [Role])] = []
            for school in try SchoolsOf.keeper(viewer, Role.administering, in: transaction) {
                guard let rules = try SchoolRules.read(school, in: transaction) else { continue }
                let roles = try Appointment.of(viewer, at: school, about: nil, in: transaction).roles
                found.append((rules, try StaffMember.of(school, in: transaction), roles))
            }
            return found
        }
        return StaffPage(visit, found.map { (rules: $0.0, staff: $0.1, roles: $0.2) }, typed: typed)
    }

    private func roles(_ visit: Visit, typed: [String: String] = [:], wrong: [String: String] = [:]) async throws -> RolesPage {
        let (id, viewer) = (try visit.uuid("person"), visit.viewer.personID)
        typealias Found = (PersonCard, [HeldRole], [(SchoolRules, Appointment)])
        let found = try await cabinet.database.read { transaction -> Found? in
            guard let card = try PersonCard.read(id, in: transaction) else { return nil }
            var schools: [(SchoolRules, Appointment)] = []
            for school in try SchoolsOf.keeper(viewer, Role.administering, in: transaction) {
                guard let rules = try SchoolRules.read(school, in: transaction) else { continue }
                schools.append((rules, try Appointment.of(viewer, at: school, about: id, in: transaction)))
            }
            return (card, try HeldRole.of(id, in: transaction), schools)
        }
        guard let (card, held, schools) = found else { throw Problem.notFound }
        return RolesPage(visit, card, held, schools: schools.map { (rules: $0.0, appointment: $0.1) }, typed: typed, wrong: wrong)
    }

    private func give(_ visit: Visit) async throws -> Answer {
        let form = try await visit.form()
        let id = try visit.uuid("person")
        var typed: [String: String] = [:]
        for field in ["school", "role", "class", "subject"] { typed[field] = String((form[field] ?? "").prefix(100)) }
        func again(_ field: String, _ text: String) async throws -> Answer {
            .page(try await roles(visit, typed: typed, wrong: [field: text]), .unprocessableContent)
        }
        guard let school = UUID(uuidString: typed["school"] ?? "") else { return try await again("school", visit.tr("Choose the school.")) }
        guard let role = Role(rawValue: typed["role"] ?? "") else { return try await again("role", visit.tr("Choose the role.")) }
        let command = GiveRole(
            personID: id, school: school, role: role, className: typed["class"] ?? "", subject: typed["subject"] ?? "",
            by: visit.viewer.personID, now: visit.now)
        let outbox = cabinet.outbox
        do {
            try await cabinet.database.transaction { try command.run(in: $0, outbox) }
        } catch let refused as AppointmentRefused {
            return try await again(refused == .notYours ? "school" : refused.field == "number" ? "role" : refused.field, visit.tr(refused.text))
        }
        return .seeOther("/identity/people/\(id.text)/roles")
    }

    private func take(_ visit: Visit) async throws -> Answer {
        let command = TakeRole(roleID: try visit.uuid("role"), by: visit.viewer.personID, now: visit.now)
        let outbox = cabinet.outbox
        do {
            let person = try await cabinet.database.transaction { try command.run(in: $0, outbox) }
            return .seeOther("/identity/people/\(person.text)/roles")
        } catch AppointmentRefused.nobody {
            throw Problem.notFound
        } catch let refused as AppointmentRefused {
            throw Problem(.forbidden, "This role is not yours to take away", detail: visit.tr(refused.text))
        }
    }

    /// Somebody of another school, or a parent, is found by his number and gets his first role here.
    private func appoint(_ visit: Visit) async throws -> Answer {
        let school = try visit.uuid("school")
        let form = try await visit.form()
        func text(_ field: String) -> String { String((form[field] ?? "").trimmed.prefix(40)) }
        let (number, className) = (text("number"), text("class"))
        func again(_ field: String, _ wrong: String) async throws -> Answer {
            let typed = StaffPage.Typed(
                school: school, number: number, role: text("role"), className: className, wrong: [field: wrong])
            return .page(try await staff(visit, typed: typed), .unprocessableContent)
        }
        guard let role = Role(rawValue: text("role")) else { return try await again("role", visit.tr("Choose the role.")) }
        let (viewer, now, outbox) = (visit.viewer.personID, visit.now, cabinet.outbox)
        do {
            let person = try await cabinet.database.transaction { transaction -> UUID in
                let found = try transaction.first(
                    "select id from person where lower(roster_number) = lower(\(number)) and not ended", as: UUID.self)
                guard let found else { throw AppointmentRefused.nobody }
                try GiveRole(
                    personID: found, school: school, role: role, className: className, subject: "", by: viewer, now: now
                ).run(in: transaction, outbox)
                return found
            }
            return .seeOther("/identity/people/\(person.text)/roles")
        } catch let refused as AppointmentRefused {
            return try await again(refused.field, visit.tr(refused.text))
        }
    }

    private func rules(_ visit: Visit) async throws -> SchoolRulesPage {
        let school = try visit.uuid("school")
        let found = try await cabinet.database.read { transaction -> (SchoolRules, Int)? in
            guard let rules = try SchoolRules.read(school, in: transaction) else { return nil }
            let staff = try StaffMember.of(school, in: transaction)
            let without = staff.count { member in
                !member.hasSecondFactor && member.roles.contains { SecondFactor.demandingRoles.contains($0.role) }
            }
            return (rules, without)
        }
        guard let (rules, without) = found else { throw Problem.notFound }
        return SchoolRulesPage(visit, rules, without: without, done: visit.query("done") != nil)
    }
}

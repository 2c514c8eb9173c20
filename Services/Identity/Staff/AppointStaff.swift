import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// Somebody gets a role at a school (SC-06).
struct GiveRole: Sendable {
    let personID: UUID
    let school: UUID
    let role: Role
    /// As typed; empty for none.
    let className: String
    let subject: String
    let by: UUID
    let now: Date

    /// - Throws: ``AppointmentRefused``.
    func run(in transaction: borrowing Transaction, _ outbox: Outbox) throws {
        if let refused = try Appointment.of(by, at: school, about: personID, in: transaction).refusal(of: role) { throw refused }
        let kind = try transaction.first("select kind from person where id = \(personID) and not ended for update", as: String.self)
        guard let kind else { throw AppointmentRefused.nobody }
        guard kind != "pupil" else { throw AppointmentRefused.pupil }
        let classID = try schoolClass(in: transaction)
        if role == .classTeacher, classID == nil { throw AppointmentRefused.needsClass }
        let text = String(subject.trimmed.prefix(80))
        let isNew = try transaction.execute(
            """
            insert into role_held as r (id, person_id, school_id, role, class_id, subject, source)
            values (\(UUID.v7(at: now)), \(personID), \(school), \(role.rawValue), \(classID), \(text.isEmpty ? nil : text),
                    'appointment')
            on conflict (person_id, school_id, role, class_id, subject) do update set ended = false, ended_by = null,
                source = 'appointment'
            where r.ended
            """) == 1
        guard isNew else { return }
        var detail = ["role": role.rawValue]
        if classID != nil { detail["class"] = ClassName(className.trimmed)?.description ?? "" }
        if !text.isEmpty { detail["subject"] = text }
        try Audit.note(.roleGiven, by: by, about: personID, school: school, detail: detail, at: now, in: transaction)
        try Appointment.publish(personID, to: outbox, in: transaction)
    }

    private func schoolClass(in transaction: borrowing Transaction) throws -> UUID? {
        guard !className.trimmed.isEmpty else { return nil }
        guard let name = ClassName(className.trimmed),
            let id = try transaction.first(
                """
                select id from class where school_id = \(school) and grade = \(name.grade) and letter = \(name.letter)
                    and not ended
                """,
                as: UUID.self)
        else { throw AppointmentRefused.noSuchClass }
        return id
    }
}

/// A role is taken away; the next import of the lists does not bring it back.
struct TakeRole: Sendable {
    let roleID: UUID
    let by: UUID
    let now: Date

    /// - Returns: whose role it was.
    /// - Throws: ``AppointmentRefused``.
    func run(in transaction: borrowing Transaction, _ outbox: Outbox) throws -> UUID {
        let found = try transaction.first(
            """
            select r.person_id, r.school_id, r.role, c.grade, c.letter from role_held r left join class c on c.id = r.class_id
            where r.id = \(roleID) and not r.ended
            """,
            as: UUID.self, UUID.self, String.self, Int?.self, String?.self)
        guard let (personID, school, text, grade, letter) = found, let role = Role(rawValue: text) else {
            throw AppointmentRefused.nobody
        }
        if let refused = try Appointment.of(by, at: school, about: personID, in: transaction).refusal(of: role) { throw refused }
        try transaction.execute("select from person where id = \(personID) for update")
        let isTaken = try transaction.execute(
            "update role_held set ended = true, ended_by = 'appointment' where id = \(roleID) and not ended") == 1
        guard isTaken else { return personID }
        if Role.administering.contains(role) {
            let isKept = try transaction.first(
                """
                select exists (select from role_held where school_id = \(school) and not ended
                                   and role = any(\(Role.administering.map(\.rawValue))))
                """,
                as: Bool.self)
            guard isKept == true else { throw AppointmentRefused.lastOne }
        }
        var detail = ["role": role.rawValue]
        if let grade, let letter { detail["class"] = ClassName(grade: grade, letter: letter).description }
        try Audit.note(.roleTaken, by: by, about: personID, school: school, detail: detail, at: now, in: transaction)
        try Appointment.publish(personID, to: outbox, in: transaction)
        return personID
    }
}

extension Appointment {
    /// What somebody may give at a school to somebody; to anybody else when nobody is named.
    static func of(_ by: UUID, at school: UUID, about personID: UUID?, in transaction: borrowing Transaction) throws -> Appointment {
        let own = try transaction.rows(
            "select role from role_held where person_id = \(by) and school_id = \(school) and not ended", as: String.self)
        return Appointment(own: Set(own.compactMap(Role.init(rawValue:))), isOneself: by == personID)
    }

    /// Counts the change of somebody's rights and tells everybody.
    fileprivate static func publish(_ personID: UUID, to outbox: Outbox, in transaction: borrowing Transaction) throws {
        try transaction.execute("update person set rights_number = rights_number + 1, version = version + 1 where id = \(personID)")
        // The first school of staff is that of a role, so the person himself is said again too.
        try TouchedPeople(people: [personID], rights: [personID]).publish(to: outbox, in: transaction)
    }
}

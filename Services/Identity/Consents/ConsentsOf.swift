import Directory
import Events
import Foundation
import Kernel
import Postgres

/// A text that somebody is asked to agree to, with what he has decided.
struct ConsentLine: Sendable, Equatable {
    let textID: UUID
    let purpose: ConsentPurpose
    let title: String
    let version: Int
    /// Of a school; nil for the installation's text.
    let schoolID: UUID?
    let schoolName: String?
    let last: ConsentDecision?
    /// Who decided last; nil when it was the person himself.
    let lastBy: PersonName?

    var state: ConsentState { ConsentState(last, present: version) }
}

/// A class with how many of its pupils' families have agreed to what.
struct ClassConsents: ClassOfSchool, Equatable {
    let id: UUID
    let name: ClassName
    let schoolID: UUID
    let schoolName: String
    let pupils: Int
    let given: [ConsentPurpose: Int]
}

/// What a person is asked, by the schools he has to do with: the school's own words where it has some, else the installation's.
enum ConsentsOf {
    static func read(_ personID: UUID, in transaction: borrowing Transaction) throws -> [ConsentLine] {
        let kind = try transaction.first("select kind from person where id = \(personID)", as: String.self)
            .flatMap(InvitationKind.init(rawValue:))
        guard let kind else { return [] }
        let schools = try SchoolsOf.person(personID, in: transaction)
        return try lines([(personID, schools)], ConsentPurpose.asked(of: kind), in: transaction)[personID] ?? []
    }

    /// The same for all pupils of a class at once.
    static func ofClass(
        _ classID: UUID, school: UUID, in transaction: borrowing Transaction
    ) throws -> [(id: UUID, name: PersonName, lines: [ConsentLine])] {
        let pupils = try transaction.rows(
            """
            select p.id, p.surname, p.given_name, p.patronymic from pupil u join person p on p.id = u.person_id
            where u.class_id = \(classID) and not u.ended order by p.search_name, p.id
            """,
            as: UUID.self, String.self, String.self, String?.self)
        let lines = try lines(pupils.map { ($0.0, [school]) }, ConsentPurpose.allCases, in: transaction)
        return pupils.map { (id: $0.0, name: PersonName(surname: $0.1, given: $0.2, patronymic: $0.3), lines: lines[$0.0] ?? []) }
    }

    /// How far the classes have come of which somebody reads the consents: his own class, or all of the schools he works for.
    static func classes(for viewer: UUID, in transaction: borrowing Transaction) throws -> [ClassConsents] {
        let reach = Permission.seeConsents.roles
        let schools = try transaction.rows(
            """
            select distinct school_id from role_held
            where person_id = \(viewer) and role = any(\(reach.filter { $0.value == .wholeSchool }.map(\.key.rawValue)))
              and class_id is null and not ended
            """, as: UUID.self)
        let rows = try transaction.rows(
            """
            select c.id, c.grade, c.letter, s.id, s.name, array(select u.person_id from pupil u where u.class_id = c.id and not u.ended)
            from class c join school s on s.id = c.school_id
            where not c.ended and (c.school_id = any(\(schools)) or c.id in (
                select r.class_id from role_held r
                where r.person_id = \(viewer) and r.role = any(\(reach.keys.map(\.rawValue))) and not r.ended))
            order by s.name, s.id
            """, as: UUID.self, Int.self, String.self, UUID.self, String.self, [UUID].self)
        let decided = try lines(rows.flatMap { row in row.5.map { ($0, [row.3]) } }, ConsentPurpose.allCases, in: transaction)
        return rows.map { row in
            ClassConsents(
                id: row.0, name: ClassName(grade: row.1, letter: row.2), schoolID: row.3, schoolName: row.4, pupils: row.5.count,
                given: Dictionary(
                    uniqueKeysWithValues: ConsentPurpose.allCases.map { purpose in
                        (purpose, row.5.count { pupil in decided[pupil]?.contains { $0.purpose == purpose && $0.state.holds } ?? false })
                    }))
        }
    }

    private struct Text {
        let id: UUID
        let purpose: ConsentPurpose
        let schoolID: UUID?
        let schoolName: String?
        let version: Int
        let title: String
    }

    private struct Stream: Hashable {
        let purpose: ConsentPurpose
        let school: UUID?
    }

    private static func lines(
        _ people: [(id: UUID, schools: [UUID])], _ purposes: [ConsentPurpose], in transaction: borrowing Transaction
    ) throws -> [UUID: [ConsentLine]] {
        var newest: [Stream: Text] = [:]
        for row in try transaction.rows(
            """
            select distinct on (t.purpose, t.school_id) t.id, t.purpose, t.school_id, s.name, t.version, t.title
            from consent_text t left join school s on s.id = t.school_id
            order by t.purpose, t.school_id, t.version desc
            """,
            as: UUID.self, String.self, UUID?.self, String?.self, Int.self, String.self)
        {
            guard let purpose = ConsentPurpose(rawValue: row.1) else { continue }
            newest[Stream(purpose: purpose, school: row.2)] = Text(
                id: row.0, purpose: purpose, schoolID: row.2, schoolName: row.3, version: row.4, title: row.5)
        }
        struct Key: Hashable {
            let person: UUID
            let stream: Stream
        }
        var last: [Key: (ConsentDecision, PersonName?)] = [:]
        for row in try transaction.rows(
            """
            select distinct on (c.person_id, t.purpose, t.school_id) c.person_id, t.purpose, t.school_id, t.version, c.given, c.at,
                   b.surname, b.given_name, b.patronymic, c.by_person_id = c.person_id
            from consent c join consent_text t on t.id = c.text_id join person b on b.id = c.by_person_id
            where c.person_id = any(\(people.map(\.id)))
            order by c.person_id, t.purpose, t.school_id, c.at desc, c.id desc
            """,
            as: UUID.self, String.self, UUID?.self, Int.self, Bool.self, Date.self, String.self, String.self, String?.self, Bool.self)
        {
            guard let purpose = ConsentPurpose(rawValue: row.1) else { continue }
            last[Key(person: row.0, stream: Stream(purpose: purpose, school: row.2))] = (
                ConsentDecision(version: row.3, isGiven: row.4, at: row.5),
                row.9 ? nil : PersonName(surname: row.6, given: row.7, patronymic: row.8)
            )
        }
        var result: [UUID: [ConsentLine]] = [:]
        for (person, schools) in people {
            var seen: Set<Stream> = []
            for purpose in purposes {
                // Somebody who belongs to no school is asked by the installation alone.
                for school in schools.isEmpty ? [nil] : schools.map(Optional.some) {
                    let own = Stream(purpose: purpose, school: school)
                    let stream = newest[own] == nil ? Stream(purpose: purpose, school: nil) : own
                    guard let text = newest[stream], seen.insert(stream).inserted else { continue }
                    let decision = last[Key(person: person, stream: stream)]
                    result[person, default: []].append(
                        ConsentLine(
                            textID: text.id, purpose: purpose, title: text.title, version: text.version, schoolID: text.schoolID,
                            schoolName: text.schoolName, last: decision?.0, lastBy: decision?.1))
                }
            }
        }
        return result
    }
}

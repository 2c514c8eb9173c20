public import Events
public import Foundation
public import Kernel
public import Postgres

/// A pupil as a service knows him.
public struct ChildRecord: Sendable, Hashable {
    public let id: UUID
    /// None in Ledger, which hears no names, and until the name has arrived.
    public let name: PersonName?
    public let gender: Gender?
    public let accent: Accent
    public let schoolID: UUID
    public let classID: UUID?
    public let className: ClassName?
    public let accountNumber: String
    public let pupilCode: String
    public let rosterNumber: String?
    public let hasLeft: Bool
}

/// Anybody with a name: staff and guardians too.
public struct PersonRecord: Sendable, Hashable {
    public let id: UUID
    public let name: PersonName
    public let gender: Gender?
    public let schoolID: UUID?
    public let classID: UUID?
    public let rosterNumber: String?
    public let isPupil: Bool
}

public struct ClassRecord: Sendable, Hashable {
    public let id: UUID
    public let schoolID: UUID
    public let name: ClassName
}

public struct SchoolRecord: Sendable, Hashable {
    public let id: UUID
    public let name: String
    public let zone: SchoolZone
    /// The modules connected for it (SC-03).
    public let modules: [String]
    public let contacts: [SchoolContact]
}

// MARK: - Children

extension Directory {
    private static let childColumns: SQL = """
        select p.id, p.school_id, p.class_id, p.account_number, p.pupil_code, p.roster_number, p.ended,
            c.grade, c.letter, n.surname, n.given_name, n.patronymic, n.gender, n.accent
        from directory_pupil p
        left join directory_class c on c.id = p.class_id
        left join directory_person n on n.id = p.id
        """

    private static func childRows(_ sql: SQL, in tx: borrowing Transaction) throws -> [ChildRecord] {
        try tx.rows(
            sql, as: UUID.self, UUID.self, UUID?.self, String.self, String.self, String?.self, Bool.self, Int?.self,
            String?.self, String?.self, String?.self, String?.self, String?.self, String?.self
        ).map { row in
            let name = row.9.flatMap { surname in
                row.10.map { PersonName(surname: surname, given: $0, patronymic: row.11) }
            }
            let className = row.7.flatMap { grade in row.8.map { ClassName(grade: grade, letter: $0) } }
            return ChildRecord(
                id: row.0, name: name, gender: row.12.flatMap(Gender.init), accent: row.13.flatMap(Accent.init) ?? .sea,
                schoolID: row.1, classID: row.2, className: className, accountNumber: row.3, pupilCode: row.4,
                rosterNumber: row.5, hasLeft: row.6)
        }
    }

    /// One pupil; also one who has left. None when he was never heard of.
    public static func child(_ id: UUID, in tx: borrowing Transaction) throws -> ChildRecord? {
        try childRows("\(childColumns) where p.id = \(id)", in: tx).first
    }

    public static func child(accountNumber: String, in tx: borrowing Transaction) throws -> ChildRecord? {
        try childRows("\(childColumns) where p.account_number = \(accountNumber) order by p.ended limit 1", in: tx).first
    }

    /// The pupil whom the roster of a school names so.
    public static func child(
        rosterNumber: String, school: UUID, in tx: borrowing Transaction
    ) throws -> ChildRecord? {
        try childRows(
            """
            \(childColumns) where p.roster_number = \(rosterNumber) and p.school_id = \(school)
            order by p.ended limit 1
            """, in: tx
        ).first
    }

    /// These pupils, in the order of the list; unknown ones are left out.
    public static func children(_ ids: [UUID], in tx: borrowing Transaction) throws -> [ChildRecord] {
        guard !ids.isEmpty else { return [] }
        return try childRows("\(childColumns) where p.id = any(\(ids)) order by array_position(\(ids), p.id)", in: tx)
    }

    /// The children of a guardian whose grants hold on this day (and cover the topic, if one is asked for).
    public static func children(
        of guardian: UUID, topic: Topic? = nil, on day: Day, in tx: borrowing Transaction
    ) throws -> [ChildRecord] {
        try childRows(
            """
            \(childColumns) join directory_guardianship g on g.child_id = p.id
            where g.guardian_id = \(guardian) and (g.until_on is null or g.until_on >= \(day))
                and (\(topic?.rawValue as String?) is null or \(topic?.rawValue as String?) = any(g.topics))
            order by c.grade desc nulls last, n.given_name, p.id
            """, in: tx)
    }

    /// The pupils of a class who have not left, by surname (by account number where names are not known).
    public static func pupils(of schoolClass: UUID, in tx: borrowing Transaction) throws -> [ChildRecord] {
        try childRows(
            """
            \(childColumns) where p.class_id = \(schoolClass) and not p.ended
            order by n.surname, n.given_name, n.patronymic, p.account_number
            """, in: tx)
    }

    /// The pupils of a school who have not left, by class and surname.
    public static func pupils(ofSchool school: UUID, in tx: borrowing Transaction) throws -> [ChildRecord] {
        try childRows(
            """
            \(childColumns) where p.school_id = \(school) and not p.ended
            order by c.grade, c.letter, n.surname, n.given_name, n.patronymic, p.account_number
            """, in: tx)
    }

    /// Who may read about a topic of a child on this day, by name or not: the audience of a notice.
    public static func guardians(
        of child: UUID, topic: Topic? = nil, on day: Day, in tx: borrowing Transaction
    ) throws -> [UUID] {
        try tx.rows(
            """
            select guardian_id from directory_guardianship
            where child_id = \(child) and (until_on is null or until_on >= \(day))
                and (\(topic?.rawValue as String?) is null or \(topic?.rawValue as String?) = any(topics))
            order by is_primary desc, guardian_id
            """, as: UUID.self)
    }
}

// MARK: - People, classes, schools

extension Directory {
    private static let personColumns: SQL = """
        select id, surname, given_name, patronymic, gender, school_id, class_id, roster_number, is_pupil
        from directory_person
        """

    private static func personRows(_ sql: SQL, in tx: borrowing Transaction) throws -> [PersonRecord] {
        try tx.rows(
            sql, as: UUID.self, String.self, String.self, String?.self, String.self, UUID?.self, UUID?.self,
            String?.self, Bool.self
        ).map { row in
            PersonRecord(
                id: row.0, name: PersonName(surname: row.1, given: row.2, patronymic: row.3),
                gender: Gender(rawValue: row.4), schoolID: row.5, classID: row.6, rosterNumber: row.7, isPupil: row.8)
        }
    }

    public static func person(_ id: UUID, in tx: borrowing Transaction) throws -> PersonRecord? {
        try personRows("\(personColumns) where id = \(id)", in: tx).first
    }

    /// By their ids; unknown ones are left out.
    public static func people(_ ids: [UUID], in tx: borrowing Transaction) throws -> [UUID: PersonRecord] {
        guard !ids.isEmpty else { return [:] }
        return Dictionary(
            try personRows("\(personColumns) where id = any(\(ids))", in: tx).map { ($0.id, $0) },
            uniquingKeysWith: { $1 })
    }

    /// The person, pupil or staff, whom the roster of a school names so.
    public static func person(
        rosterNumber: String, school: UUID, in tx: borrowing Transaction
    ) throws -> PersonRecord? {
        try personRows(
            """
            \(personColumns) where roster_number = \(rosterNumber) and school_id = \(school)
            order by ended limit 1
            """, in: tx
        ).first
    }

    private static func classRows(_ sql: SQL, in tx: borrowing Transaction) throws -> [ClassRecord] {
        try tx.rows(sql, as: UUID.self, UUID.self, Int.self, String.self).map {
            ClassRecord(id: $0.0, schoolID: $0.1, name: ClassName(grade: $0.2, letter: $0.3))
        }
    }

    public static func schoolClass(_ id: UUID, in tx: borrowing Transaction) throws -> ClassRecord? {
        try classRows("select id, school_id, grade, letter from directory_class where id = \(id)", in: tx).first
    }

    public static func schoolClass(
        _ name: ClassName, school: UUID, in tx: borrowing Transaction
    ) throws -> ClassRecord? {
        try classRows(
            """
            select id, school_id, grade, letter from directory_class
            where school_id = \(school) and grade = \(name.grade) and letter = \(name.letter) and not ended
            """, in: tx
        ).first
    }

    /// The classes of a school as it is now, by grade and letter.
    public static func classes(ofSchool school: UUID, in tx: borrowing Transaction) throws -> [ClassRecord] {
        try classRows(
            "select id, school_id, grade, letter from directory_class where school_id = \(school) and not ended", in: tx
        ).sorted { $0.name < $1.name }
    }

    private static func schoolRows(_ sql: SQL, in tx: borrowing Transaction) throws -> [SchoolRecord] {
        try tx.rows(sql, as: UUID.self, String.self, String.self, [String].self, JSON<[SchoolContact]>.self).map {
            SchoolRecord(
                id: $0.0, name: $0.1, zone: SchoolZone($0.2) ?? .moscow, modules: $0.3, contacts: $0.4.value)
        }
    }

    public static func school(_ id: UUID, in tx: borrowing Transaction) throws -> SchoolRecord? {
        try schoolRows(
            "select id, name, time_zone, modules, contacts from directory_school where id = \(id)", in: tx
        ).first
    }

    public static func school(named name: String, in tx: borrowing Transaction) throws -> SchoolRecord? {
        try schoolRows(
            """
            select id, name, time_zone, modules, contacts from directory_school
            where name = \(name) and not ended limit 1
            """, in: tx
        ).first
    }

    /// These schools by name; all that there are, when no ids are given.
    public static func schools(_ ids: [UUID]? = nil, in tx: borrowing Transaction) throws -> [SchoolRecord] {
        try schoolRows(
            """
            select id, name, time_zone, modules, contacts from directory_school
            where not ended and (\(ids as [UUID]?) is null or id = any(\(ids as [UUID]?))) order by name, id
            """, in: tx)
    }

    /// The time zone of a school; Moscow's until the school has been heard of.
    public static func zone(of school: UUID, in tx: borrowing Transaction) throws -> SchoolZone {
        try tx.first("select time_zone from directory_school where id = \(school)", as: String.self)
            .flatMap(SchoolZone.init) ?? .moscow
    }
}

// MARK: - Tokens

/// A key with which tokens are checked.
public struct PublicKey: Sendable, Hashable {
    public let id: UUID
    /// `ES256`.
    public let algorithm: String
    public let pem: String
    public let validFrom: Date
    public let validUntil: Date
}

extension Directory {
    /// Every key that is not withdrawn and not past its term.
    public static func publicKeys(now: Date = Date(), in tx: borrowing Transaction) throws -> [PublicKey] {
        try tx.rows(
            """
            select id, algorithm, public_key, valid_from, valid_until from directory_signing_key
            where not ended and valid_until > \(now) order by valid_from, id
            """, as: UUID.self, String.self, String.self, Date.self, Date.self
        ).map { PublicKey(id: $0.0, algorithm: $0.1, pem: $0.2, validFrom: $0.3, validUntil: $0.4) }
    }

    public static func isEnded(session: UUID, in tx: borrowing Transaction) throws -> Bool {
        try tx.first("select id from directory_ended_session where id = \(session)", as: UUID.self) != nil
    }
}

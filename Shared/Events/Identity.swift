public import Foundation
public import Kernel

/// What a person does in a school. Being somebody’s guardian is no role but a `Guardianship`.
public enum Role: String, DescribedEnum {
    case classTeacher
    case subjectTeacher
    case deputyHead
    case director
    case socialPedagogue
    case psychologist
    case nurse
    case librarian
    case secretary
    /// Keeps people and rights in order (куратор системы).
    case curator
    case tutor
    case cashier
    case kitchen
    case gateGuard = "guard"
    case accountant
    case operatorOfSystem = "operator"
}

/// What of a child a guardian’s grant covers.
public enum Topic: String, DescribedEnum {
    case diary
    case attendance
    case meals
    case money
    case messages
    case portfolio
    case certificate
}

/// The colour that stays a child’s everywhere.
public enum Accent: String, DescribedEnum {
    case sea
    case plum
    case moss
    case sky
    case clay
}

/// Whom to ask about what in a school.
public struct SchoolContact: Codable, Sendable, Hashable {
    /// What it is about, as the family reads it.
    public let question: String
    public let name: String
    public let phone: String

    public init(
        question: String, name: String, phone: String
    ) {
        self.question = question
        self.name = name
        self.phone = phone
    }
}

/// A school, the modules connected for it (SC-03) and whom to ask.
public struct SchoolChanged: VersionedEvent {
    public static let name = "identity.school.changed.v1"

    public let schoolID: UUID
    /// Grows with every change of this one; only a higher one applies.
    public let version: Int64
    public let name: String
    /// IANA name, “Europe/Moscow”.
    public let timeZone: String
    /// Connected modules: meals, access, journal, notices …
    public let modules: [String]
    public let contacts: [SchoolContact]
    /// True when it exists no more; the other fields then say what was last known.
    public let ended: Bool

    public init(
        schoolID: UUID, version: Int64, name: String, timeZone: String, modules: [String],
        contacts: [SchoolContact], ended: Bool = false
    ) {
        self.schoolID = schoolID
        self.version = version
        self.name = name
        self.timeZone = timeZone
        self.modules = modules
        self.contacts = contacts
        self.ended = ended
    }

    public var aggregate: UUID { schoolID }

    public static var example: SchoolChanged {
        SchoolChanged(
            schoolID: Example.school, version: 3, name: "Гимназия № 7", timeZone: "Europe/Moscow",
            modules: ["access", "journal", "meals"],
            contacts: [SchoolContact(question: "Питание", name: "Зоя Петровна Лаптева", phone: "+74950000107")],
            ended: false)
    }
}

/// A class of a school.
public struct ClassChanged: VersionedEvent {
    public static let name = "identity.class.changed.v1"

    public let classID: UUID
    public let schoolID: UUID
    /// Grows with every change of this one; only a higher one applies.
    public let version: Int64
    public let grade: Int
    public let letter: String
    /// True when it exists no more; the other fields then say what was last known.
    public let ended: Bool

    public init(
        classID: UUID, schoolID: UUID, version: Int64, grade: Int, letter: String, ended: Bool = false
    ) {
        self.classID = classID
        self.schoolID = schoolID
        self.version = version
        self.grade = grade
        self.letter = letter
        self.ended = ended
    }

    public var aggregate: UUID { classID }

    public static var example: ClassChanged {
        ClassChanged(
            classID: Example.schoolClass, schoolID: Example.school, version: 2, grade: 7, letter: "Б", ended: false)
    }
}

/// A person by name. Only services whose pages must show names hear it; Ledger never does.
public struct PersonChanged: VersionedEvent {
    public static let name = "identity.person.changed.v1"

    public let personID: UUID
    /// Grows with every change of this one; only a higher one applies.
    public let version: Int64
    public let name: PersonName
    public let gender: Gender
    public let accent: Accent
    /// The number by which the school’s lists name the person.
    public let rosterNumber: String?
    public let schoolID: UUID?
    /// A pupil’s class.
    public let classID: UUID?
    public let isPupil: Bool
    /// True when it exists no more; the other fields then say what was last known.
    public let ended: Bool

    public init(
        personID: UUID, version: Int64, name: PersonName, gender: Gender, accent: Accent,
        rosterNumber: String? = nil, schoolID: UUID? = nil, classID: UUID? = nil, isPupil: Bool, ended: Bool = false
    ) {
        self.personID = personID
        self.version = version
        self.name = name
        self.gender = gender
        self.accent = accent
        self.rosterNumber = rosterNumber
        self.schoolID = schoolID
        self.classID = classID
        self.isPupil = isPupil
        self.ended = ended
    }

    public var aggregate: UUID { personID }

    public static var example: PersonChanged {
        PersonChanged(
            personID: Example.child, version: 5,
            name: PersonName(surname: "Ветрова", given: "Анна", patronymic: "Михайловна"), gender: .female,
            accent: .sea, rosterNumber: "У-0714", schoolID: Example.school, classID: Example.schoolClass, isPupil: true,
            ended: false)
    }
}

/// A pupil without a name: place in the school and the numbers of the contract (ID-14).
public struct PupilChanged: VersionedEvent {
    public static let name = "identity.pupil.changed.v1"

    public let personID: UUID
    /// Grows with every change of this one; only a higher one applies.
    public let version: Int64
    public let schoolID: UUID
    public let classID: UUID?
    /// Ten digits (лицевой счёт).
    public let accountNumber: String
    /// ИДН.
    public let pupilCode: String
    public let rosterNumber: String?
    /// True when it exists no more; the other fields then say what was last known.
    public let ended: Bool

    public init(
        personID: UUID, version: Int64, schoolID: UUID, classID: UUID? = nil, accountNumber: String,
        pupilCode: String, rosterNumber: String? = nil, ended: Bool = false
    ) {
        self.personID = personID
        self.version = version
        self.schoolID = schoolID
        self.classID = classID
        self.accountNumber = accountNumber
        self.pupilCode = pupilCode
        self.rosterNumber = rosterNumber
        self.ended = ended
    }

    public var aggregate: UUID { personID }

    public static var example: PupilChanged {
        PupilChanged(
            personID: Example.child, version: 4, schoolID: Example.school, classID: Example.schoolClass,
            accountNumber: "4071000714", pupilCode: "ИДН-0714-26", rosterNumber: "У-0714", ended: false)
    }
}

/// A role in a school; over one class, if it names one.
public struct RoleHeld: Codable, Sendable, Hashable {
    public let schoolID: UUID
    public let role: Role
    public let classID: UUID?

    public init(
        schoolID: UUID, role: Role, classID: UUID? = nil
    ) {
        self.schoolID = schoolID
        self.role = role
        self.classID = classID
    }
}

/// What a guardian may see of a child, and how long.
public struct Guardianship: Codable, Sendable, Hashable {
    public let childID: UUID
    public let topics: [Topic]
    /// The first of those who answer for the child, whom lists and contracts name first; he may do no more than the others.
    public let isPrimary: Bool
    /// The last day on which the grant holds; without one it holds until it is changed.
    public let until: Day?
    /// Whether the school has named him, in its lists or by a guardian's code; an adult whom a guardian let in is not (ID-30).
    /// Nil in messages from before it was said.
    public let isLegal: Bool?

    public init(
        childID: UUID, topics: [Topic], isPrimary: Bool, until: Day? = nil, isLegal: Bool? = nil
    ) {
        self.childID = childID
        self.topics = topics
        self.isPrimary = isPrimary
        self.until = until
        self.isLegal = isLegal
    }

    /// Whether he answers for the child by law. Where it was not said, only of the first guardian it is certain: nobody whom a
    /// family let in is ever that.
    public var answersByLaw: Bool { isLegal ?? isPrimary }
}

/// The whole truth of what a person may do; it replaces everything known of him before.
/// Its version is the rights number that the person’s tokens carry.
public struct RightsChanged: VersionedEvent {
    public static let name = "identity.rights.changed.v1"

    public let personID: UUID
    /// Grows with every change of this one; only a higher one applies.
    public let version: Int64
    public let roles: [RoleHeld]
    public let children: [Guardianship]
    /// True when it exists no more; the other fields then say what was last known.
    public let ended: Bool

    public init(
        personID: UUID, version: Int64, roles: [RoleHeld], children: [Guardianship], ended: Bool = false
    ) {
        self.personID = personID
        self.version = version
        self.roles = roles
        self.children = children
        self.ended = ended
    }

    public var aggregate: UUID { personID }

    public static var example: RightsChanged {
        RightsChanged(
            personID: Example.guardian, version: 12,
            roles: [RoleHeld(schoolID: Example.school, role: .classTeacher, classID: Example.schoolClass)],
            children: [
            Guardianship(
            childID: Example.child, topics: [.diary, .meals, .money], isPrimary: true,
            until: Example.lastDay, isLegal: true)
            ],
            ended: false)
    }
}

/// How to reach a person. Only Notifier hears it.
public struct ContactChanged: VersionedEvent {
    public static let name = "identity.contact.changed.v1"

    public let personID: UUID
    /// Grows with every change of this one; only a higher one applies.
    public let version: Int64
    public let email: String?
    /// Its owner has confirmed it by a letter: recovery may go to it (ID-15).
    public let emailConfirmed: Bool
    /// The school has it from the family's application (AX-07): letters may go to it before it is confirmed.
    public let emailFromSchool: Bool?
    /// Entered and not confirmed yet: nothing goes there but the letter that asks for it.
    public let newEmail: String?
    /// +7 and ten digits.
    public let phone: String?
    /// “ru” or “en”.
    public let language: String
    /// What stands under the messages he writes (MS-08), in one to three lines.
    public let signature: String?
    /// True when it exists no more; the other fields then say what was last known.
    public let ended: Bool

    public init(
        personID: UUID, version: Int64, email: String? = nil, emailConfirmed: Bool, emailFromSchool: Bool? = nil,
        newEmail: String? = nil, phone: String? = nil, language: String, signature: String? = nil, ended: Bool = false
    ) {
        self.personID = personID
        self.version = version
        self.email = email
        self.emailConfirmed = emailConfirmed
        self.emailFromSchool = emailFromSchool
        self.newEmail = newEmail
        self.phone = phone
        self.language = language
        self.signature = signature
        self.ended = ended
    }

    public var aggregate: UUID { personID }

    public static var example: ContactChanged {
        ContactChanged(
            personID: Example.guardian, version: 2, email: "vetrova@example.org", emailConfirmed: true,
            emailFromSchool: false, newEmail: "o.vetrova@example.org", phone: "+79990000714", language: "ru", signature: "О. И. Ветрова, мама Анны", ended: false)
    }
}

/// A public key with which the others check tokens by themselves; it travels a day before its first use.
public struct SigningKeyChanged: VersionedEvent {
    public static let name = "identity.signing-key.changed.v1"

    public let keyID: UUID
    /// Grows with every change of this one; only a higher one applies.
    public let version: Int64
    /// “ES256”.
    public let algorithm: String
    /// PEM.
    public let publicKey: String
    public let validFrom: Date
    public let validUntil: Date
    /// True when it exists no more; the other fields then say what was last known.
    public let ended: Bool

    public init(
        keyID: UUID, version: Int64, algorithm: String, publicKey: String, validFrom: Date, validUntil: Date,
        ended: Bool = false
    ) {
        self.keyID = keyID
        self.version = version
        self.algorithm = algorithm
        self.publicKey = publicKey
        self.validFrom = validFrom
        self.validUntil = validUntil
        self.ended = ended
    }

    public var aggregate: UUID { keyID }

    public static var example: SigningKeyChanged {
        SigningKeyChanged(
            keyID: Example.key, version: 1, algorithm: "ES256",
            publicKey: "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----\n",
            validFrom: Example.moment, validUntil: Example.later, ended: false)
    }
}

/// A session was signed out or revoked: its tokens are worth nothing any more.
public struct SessionEnded: Event {
    public static let name = "identity.session.ended.v1"

    public let sessionID: UUID
    public let personID: UUID
    public let at: Date

    public init(
        sessionID: UUID, personID: UUID, at: Date
    ) {
        self.sessionID = sessionID
        self.personID = personID
        self.at = at
    }

    public var aggregate: UUID { sessionID }

    public static var example: SessionEnded {
        SessionEnded(
            sessionID: Example.session, personID: Example.guardian, at: Example.moment)
    }
}

import Events
import Kernel

/// A line of the roster that was not taken, and why.
struct BadLine: Error, Equatable, Codable, Sendable, CustomStringConvertible {
    let file: String
    let line: Int
    let reason: String

    var description: String { "\(file):\(line): \(reason)" }
}

/// What a line may be refused for; the file and the line number are added by whoever reads the file.
struct LineRefused: Error, Equatable {
    let reason: String
    init(_ reason: String) { self.reason = reason }
}

/// A line of `school.csv`: school, name, time_zone, modules; and, if the school wants it, password_signs (D-03) and second_factor.
struct SchoolLine: Equatable, Sendable {
    let code: String
    let name: String
    let zone: SchoolZone
    let modules: [String]
    let allowsPasswordSigns: Bool?
    /// Whether staff who handle money or people need the second step.
    let needsSecondFactor: Bool?

    init(_ row: CSVTable.Row) throws {
        code = try row.required("school")
        name = try row.required("name")
        guard let zone = SchoolZone(row["time_zone"].isEmpty ? "Europe/Moscow" : row["time_zone"]) else {
            throw LineRefused("«\(row["time_zone"])» is no time zone")
        }
        self.zone = zone
        modules = row["modules"].split(separator: ";").map(\.trimmed).filter { !$0.isEmpty }
        switch row["password_signs"].lowercased() {
        case "": allowsPasswordSigns = nil
        case "yes", "allowed", "да": allowsPasswordSigns = true
        case "no", "forbidden", "нет": allowsPasswordSigns = false
        default: throw LineRefused("password_signs is yes or no, not «\(row["password_signs"])»")
        }
        switch row["second_factor"].lowercased() {
        case "": needsSecondFactor = nil
        case "yes", "required", "да": needsSecondFactor = true
        case "no", "free", "нет": needsSecondFactor = false
        default: throw LineRefused("second_factor is yes or no, not «\(row["second_factor"])»")
        }
    }
}

/// A line of `classes.csv`: school, class.
struct ClassLine: Equatable, Sendable {
    let school: String
    let name: ClassName

    init(_ row: CSVTable.Row) throws {
        school = try row.required("school")
        name = try row.className("class")
    }
}

/// Who a line is about, in every file that names people.
struct RosterPerson: Equatable, Sendable {
    let number: String
    let name: PersonName
    let gender: Gender

    init(_ row: CSVTable.Row, number column: String) throws {
        number = try row.required(column)
        name = PersonName(
            surname: try row.required("surname"), given: try row.required("given_name"), patronymic: row["patronymic"])
        switch row["gender"].lowercased() {
        case "f", "female", "ж": gender = .female
        case "m", "male", "м": gender = .male
        default: throw LineRefused("gender is f or m, not «\(row["gender"])»")
        }
    }

    /// The part of the line that says who somebody is: when it is the same as last time nothing is changed.
    var fingerprint: String { "\(name.surname)|\(name.given)|\(name.patronymic ?? "")|\(gender.rawValue)" }
}

/// How somebody can be reached; both parts may be missing.
struct RosterContact: Equatable, Sendable {
    let phone: String?
    let email: String?

    init(_ row: CSVTable.Row) throws {
        if row["phone"].isEmpty {
            phone = nil
        } else {
            guard let number = PhoneNumber(row["phone"]) else { throw LineRefused("«\(row["phone"])» is no phone number") }
            phone = number.text
        }
        if row["email"].isEmpty {
            email = nil
        } else {
            guard let address = EmailAddress(row["email"]) else { throw LineRefused("«\(row["email"])» is no e-mail address") }
            email = address.text
        }
    }

    var fingerprint: String { "\(phone ?? "")|\(email ?? "")" }
}

/// A line of `pupils.csv`: school, class, pupil_number, surname, given_name, patronymic, gender, birth_date.
struct PupilLine: Equatable, Sendable {
    let school: String
    let className: ClassName
    let person: RosterPerson
    let birthDate: Day

    init(_ row: CSVTable.Row) throws {
        school = try row.required("school")
        className = try row.className("class")
        person = try RosterPerson(row, number: "pupil_number")
        guard let day = Day(row["birth_date"]) else { throw LineRefused("birth_date is a day like 2014-03-12, not «\(row["birth_date"])»") }
        birthDate = day
    }

    var fingerprint: String { "\(person.fingerprint)|\(birthDate)|\(school)|\(className.grade)\(className.letter)" }
}

/// A line of `guardians.csv`: one child of one guardian. Lines with the same guardian_number are the same person.
struct GuardianLine: Equatable, Sendable {
    let pupilNumber: String
    let person: RosterPerson
    let relation: String
    let contact: RosterContact

    init(_ row: CSVTable.Row) throws {
        pupilNumber = try row.required("pupil_number")
        person = try RosterPerson(row, number: "guardian_number")
        relation = row["relation"]
        contact = try RosterContact(row)
    }
}

/// A line of `staff.csv`: one role of one person; class where the role has one, room where ID-09 should know it.
struct StaffLine: Equatable, Sendable {
    let school: String
    let person: RosterPerson
    let role: Role
    let className: ClassName?
    let subject: String
    let room: String
    let contact: RosterContact

    init(_ row: CSVTable.Row) throws {
        school = try row.required("school")
        person = try RosterPerson(row, number: "staff_number")
        let wanted = Self.bare(try row.required("role"))
        guard let role = Role.allCases.first(where: { Self.bare($0.rawValue) == wanted }) else {
            throw LineRefused("«\(row["role"])» is no role; roles are \(Role.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        self.role = role
        className = row["class"].isEmpty ? nil : try row.className("class")
        if role == .classTeacher, className == nil { throw LineRefused("a class teacher needs a class") }
        subject = row["subject"]
        room = row["room"]
        contact = try RosterContact(row)
    }

    var fingerprint: String { "\(person.fingerprint)|\(room)" }

    /// `classTeacher`, `class_teacher` and `class teacher` are the same role.
    private static func bare(_ text: String) -> String { text.lowercased().filter(\.isLetter) }
}

/// A line of `contacts.csv`: whom to ask about what at a school.
struct SchoolContactLine: Equatable, Sendable {
    let school: String
    let contact: SchoolContact

    init(_ row: CSVTable.Row) throws {
        school = try row.required("school")
        var phone = row["phone"]
        if !phone.isEmpty {
            guard let number = PhoneNumber(phone) else { throw LineRefused("«\(phone)» is no phone number") }
            phone = number.text
        }
        contact = SchoolContact(question: try row.required("question"), name: try row.required("name"), phone: phone)
    }
}

extension CSVTable.Row {
    fileprivate func required(_ column: String) throws -> String {
        let value = self[column]
        guard !value.isEmpty else { throw LineRefused("\(column) is empty") }
        guard value.count <= 200 else { throw LineRefused("\(column) is longer than 200 characters") }
        return value
    }

    fileprivate func className(_ column: String) throws -> ClassName {
        guard let name = ClassName(try required(column)) else { throw LineRefused("«\(self[column])» is no class") }
        return name
    }
}

import Foundation
import Kernel
import Web

/// The terminal in the hall: account number and PIN, large keys, nobody's name (ID-31, ID-33, AC-19).
struct KioskPage: Page {
    static let template = "kiosk/sign-in"
    let title: String
    let section = ""
    let accountNumber: String
    let wrong: String?
    let notice: String?
    /// The digits of the keys for fingers.
    let digits: [String]

    init(_ visit: Visit, accountNumber: String = "", wrong: String? = nil, notice: String? = nil) {
        title = visit.tr("Terminal")
        self.accountNumber = accountNumber
        self.wrong = wrong
        self.notice = notice
        digits = (1...9).map { "\($0)" }
    }
}

/// A browser that no administrator has set up: where its code is typed in.
struct KioskSetupPage: Page {
    static let template = "kiosk/setup"
    let title: String
    let section = ""
    let code: Field

    init(_ visit: Visit, typed: String = "", wrong: String? = nil) {
        title = visit.tr("Terminal")
        code = .text(
            "code", visit.tr("Code of the terminal"), value: typed, hint: visit.tr("The administrator has it from the page of terminals."),
            wrong: wrong, autocomplete: "off", placeholder: "XXXX-XXXX-XXXX", most: 20, isRequired: true)
    }
}

/// Inside: the greeting stands above, the keys below (ID-33).
struct KioskHomePage: Page {
    static let template = "kiosk/home"
    let title: String
    let section = "kiosk-home"
    /// ИДН.
    let code: String
}

/// «Терминалы»: which are in service, for operators and curators.
struct TerminalsPage: Page {
    static let template = "terminals/index"

    struct Row: Encodable, Sendable {
        let id: UUID
        let name: String
        let state: String
        let isSetUp: Bool
        let revocation: Confirmation
    }

    struct Place: Encodable, Sendable {
        let id: UUID
        let name: String
        let terminals: [Row]
        let hasTerminals: Bool
    }

    let title: String
    let section = "devices"
    let schools: [Place]
    let nameField: Field
    let schoolField: Field?
    let onlySchool: String
    let address: String

    init(
        _ visit: Visit, _ schools: [(id: UUID, name: String)], _ terminals: [Terminal.Listed], publicAddress: String, typed: Form? = nil,
        errors: FieldErrors = FieldErrors()
    ) {
        title = visit.tr("Terminals")
        self.schools = schools.map { school in
            let rows = terminals.filter { $0.schoolID == school.id }.map { terminal in
                Row(
                    id: terminal.id, name: terminal.name,
                    state: !terminal.isSetUp
                        ? visit.tr("waits for its code")
                        : terminal.lastVisitAt.map { visit.tr("last used %@", visit.format.moment($0, now: visit.now)) } ?? visit.tr("not used yet"),
                    isSetUp: terminal.isSetUp,
                    revocation: Confirmation(
                        id: "end-\(terminal.id.text)", button: visit.tr("Take out of service"), heading: visit.tr("Take %@ out of service?", terminal.name),
                        sentence: visit.tr("Whoever stands before it is signed out, and nobody signs in there any more."),
                        action: "/identity/terminals/\(terminal.id.text)/end", decision: visit.tr("Take out of service")))
            }
            return Place(id: school.id, name: school.name, terminals: rows, hasTerminals: !rows.isEmpty)
        }
        nameField = .text(
            "name", visit.tr("Name of the terminal"), value: typed?["name"].map { String($0.prefix(80)) } ?? "", hint: visit.tr("Where it stands: «hall, left»."),
            wrong: errors["name"], most: 80, isRequired: true)
        schoolField =
            schools.count > 1
            ? .choice(
                "school", visit.tr("School"), schools.map { .init($0.id.text, $0.name, isChosen: $0.id.text == typed?["school"]) }, wrong: errors["school"])
            : nil
        onlySchool = schools.first?.id.text ?? ""
        address = publicAddress + "/identity/kiosk"
    }
}

/// The code of a terminal, this once.
struct TerminalCodePage: Page {
    static let template = "terminals/code"
    let title: String
    let section = "devices"
    let id: UUID
    let name: String
    let code: String
    let address: String
    let until: String
}

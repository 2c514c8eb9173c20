import Foundation
import Kernel
import Web

/// A child's contract for staff: print it, enter the signature, hand out what it opens (ID-31, ID-32).
struct ContractPage: Page {
    static let template = "contracts/show"

    struct Print: Encodable, Sendable {
        let name: String
        let href: String
    }

    let title: String
    let section = "people"
    let child: UUID
    let name: String
    let place: String
    let accountNumber: String
    let pupilCode: String
    let signed: String?
    let pin: String
    let prints: [Print]
    let hasPrints: Bool
    let guardian: Field
    let signedOn: Field

    init(_ visit: Visit, _ facts: ContractFacts, typed: Form? = nil, errors: FieldErrors = FieldErrors()) {
        title = visit.tr("Contract")
        child = facts.childID
        name = facts.childName.full
        place = [facts.className?.description, facts.schoolName].compactMap(\.self).joined(separator: ", ")
        accountNumber = facts.spacedNumber
        pupilCode = facts.pupilCode
        signed = facts.signed.map {
            visit.tr("Signed by %@ on %@, entered by %@", $0.guardianName.full, visit.format.date($0.on, thisYear: visit.today.year), $0.enteredBy.full)
        }
        pin = facts.pinSetAt.map { visit.tr("set %@", visit.format.moment($0, now: visit.now)) } ?? visit.tr("not set")
        prints = facts.guardians.map { Print(name: $0.name.full, href: "/identity/children/\(facts.childID.text)/contract/print?guardian=\($0.id.text)") }
        hasPrints = !prints.isEmpty
        guardian = .choice(
            "guardian", visit.tr("Who has signed"),
            facts.guardians.map { .init($0.id.text, $0.name.full, isChosen: $0.id.text == typed?["guardian"]) }, wrong: errors["guardian"])
        signedOn = .day(
            "signed", visit.tr("Signed on"), value: typed?["signed"] ?? visit.today.iso, wrong: errors["signed"], isRequired: true)
    }
}

/// The contract on paper: payer and payment agent, the child and the class (ID-32).
struct ContractPrintPage: Page {
    static let template = "contracts/print"
    let title: String
    let section = "people"
    let child: UUID
    let payer: String
    let agent: String
    let supplier: String
    let pupil: String
    let className: String
    let accountNumber: String
    let pupilCode: String
    let date: String

    init(_ visit: Visit, _ facts: ContractFacts, _ guardian: ContractFacts.Guardian, agent: String) {
        title = visit.tr("Contract")
        child = facts.childID
        payer = guardian.name.full
        self.agent = agent
        supplier = facts.schoolName
        pupil = facts.childName.full
        className = facts.className?.description ?? ""
        accountNumber = facts.spacedNumber
        pupilCode = facts.pupilCode
        date = visit.format.date(visit.today, thisYear: 0)
    }
}

/// What the family gets with the contract, this once: number, PIN, ИДН, the code for the first sign-in (ID-31).
struct CredentialsPage: Page {
    static let template = "contracts/credentials"
    let title: String
    let section = "people"
    let child: UUID
    let name: String
    let accountNumber: String
    let pin: String
    let pupilCode: String
    /// None for a guardian who has registered, and where only the PIN is new.
    let code: String?
    let codeUntil: String?
    let address: String
}

/// «PIN терминала» for a guardian (ID-31).
struct PinPage: Page {
    static let template = "contracts/pin"
    let title: String
    let section = "profile"
    let child: UUID
    let accent: String
    let name: String
    let accountNumber: String
    let pupilCode: String
    let state: String
    let done: String?
    let wrongPin: String?
    let wrongRepeated: String?

    init(_ visit: Visit, _ facts: ContractFacts, done: Bool = false, errors: FieldErrors = FieldErrors()) {
        title = visit.tr("PIN of the terminal")
        child = facts.childID
        accent = facts.accent
        name = facts.childName.full
        accountNumber = facts.spacedNumber
        pupilCode = facts.pupilCode
        state = facts.pinSetAt.map { visit.tr("The PIN was set %@. Nobody can read it.", visit.format.moment($0, now: visit.now)) }
            ?? visit.tr("No PIN yet: the terminal does not open.")
        self.done = done ? visit.tr("The PIN is saved.") : nil
        wrongPin = errors["pin"]
        wrongRepeated = errors["repeated"]
    }
}

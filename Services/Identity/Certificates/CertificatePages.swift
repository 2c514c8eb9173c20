import Foundation
import Kernel
import Web

/// The settings of the certificate cabinet (ID-36 to ID-39, SC-09), for a guardian alone.
struct CertificatePage: Page {
    static let template = "certificates/show"

    struct Line: Encodable, Sendable {
        let label: String
        /// «Не задано» when empty.
        let value: String
        let isSet: Bool
    }

    let title: String
    let section = "profile"
    let child: UUID
    let accent: String
    let name: String
    let number: String?
    /// The guardian's own name, as it stands in applications (SC-09).
    let representative: String
    /// ID-36: «Почта ещё не задана».
    let email: String
    let hasEmail: Bool
    /// ID-38: «получено», and where it is changed.
    let consent: String
    let consents: String
    let particulars: [Line]
    let fields: [Field]
    /// Whether the fields are open: something in them is wrong.
    let isOpen: Bool
    let password: Field
    let done: String?

    /// What the page is made of.
    struct Reading: Sendable {
        let child: UUID
        let name: String
        let accent: String
        let number: String?
        let representative: String
        let email: String?
        let isEmailConfirmed: Bool
        /// Of the child where the reader answers for him, else his own; none where nothing is asked.
        let consent: ConsentState?
        let consents: String
        let particulars: Particulars
    }

    init(_ visit: Visit, _ read: Reading, done: String? = nil, typed: Form? = nil, errors: FieldErrors = FieldErrors()) {
        title = visit.tr("Certificate")
        child = read.child
        accent = read.accent
        name = read.name
        number = read.number
        representative = read.representative
        email = read.email.map { read.isEmailConfirmed ? $0 : visit.tr("%@ (not confirmed yet)", $0) } ?? visit.tr("No e-mail yet")
        hasEmail = read.email != nil
        consent = read.consent.map { visit.tr($0.text) } ?? visit.tr("The school asks for none")
        consents = read.consents
        particulars = Particulars.Item.allCases.map { item in
            Line(label: visit.tr(item.text), value: read.particulars[item] ?? visit.tr("Not given"), isSet: read.particulars[item] != nil)
        }
        fields = Particulars.Item.allCases.map { item in
            .text(
                item.rawValue, visit.tr(item.text), value: (typed?[item.rawValue]).map { String($0.prefix(400)) } ?? read.particulars[item] ?? "",
                wrong: errors[item.rawValue], autocomplete: item == .address || item == .registeredAt ? "street-address" : "off", most: Particulars.most)
        }
        isOpen = Particulars.Item.allCases.contains { errors[$0.rawValue] != nil }
        password = .password("password", visit.tr("Your present password"), wrong: errors["password"])
        self.done = done
    }
}

/// The certificate on paper with the new password, this once (ID-37).
struct CertificateSheetPage: Page {
    static let template = "certificates/sheet"
    let title: String
    let section = "profile"
    let child: UUID
    let number: String
    let pupil: String
    let birthDate: String?
    let school: String
    let representative: String
    let address: String
    let login: String
    let password: String
    let date: String
}

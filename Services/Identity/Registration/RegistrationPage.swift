import Foundation
import Kernel
import Web

/// A field of a form shown again: what was typed and what is wrong with it.
struct FilledField: Encodable, Sendable {
    let value: String
    let wrong: String?
}

/// A box by which somebody agrees, with the words it is about.
struct ConsentBox: Encodable, Sendable {
    let field: String
    let label: String
    let title: String
    let paragraphs: [String]
    let value: UUID
    let isTicked: Bool
    let wrong: String?
}

/// Where a code is asked for.
struct RegistrationCodePage: Page {
    static let template = "registration/code"
    let title: String
    let section = ""
    let code: String
    let wrong: String?
}

/// The form behind a good code (ID-07 to ID-12).
struct RegistrationPage: Page {
    static let template = "registration/new"
    let title: String
    let section = ""
    let code: String
    let codeWrong: String?
    let heading: String
    let explanation: String
    let isGuardian: Bool
    let surname: FilledField
    let given: FilledField
    let patronymic: FilledField
    let login: FilledField
    /// Its value is the hint: a typed password is never sent back.
    let password: FilledField
    let repeated: FilledField
    let contactLegend: String
    let phone: FilledField
    let email: FilledField
    let children: FilledField
    let consents: [ConsentBox]
    let hasConsents: Bool

    init(_ visit: Visit, _ invitation: Invitation, _ asked: AskedConsents, _ typed: RegisterByCode?, code: InvitationCode, wrong: [String: FieldMessage]) {
        func field(_ name: String, _ value: String?) -> FilledField {
            FilledField(value: value ?? "", wrong: wrong[name].map(visit.sentence))
        }
        title = visit.tr("Registration")
        self.code = code.text
        codeWrong = wrong["code"].map(visit.sentence)
        isGuardian = invitation.kind.isForGuardian
        let child = invitation.childName?.listed ?? ""
        switch invitation.kind {
        case .guardian:
            heading = visit.tr("Registration of a parent")
            explanation = visit.tr("The code opens the diary: %@.", child)
        case .family:
            heading = visit.tr("Registration of a second adult")
            // A sheet may lie around: given names only.
            explanation = visit.tr("The code opens: %@.", visit.offered(invitation.offers))
        case .pupil:
            heading = visit.tr("Registration of a pupil")
            explanation = child
        case .staff:
            heading = visit.tr("Registration of staff")
            explanation = [invitation.personName?.full, invitation.schoolName].compactMap(\.self).joined(separator: ", ")
        }
        // A sheet may lie around: it may tell the name it was printed with, never a phone or an address (ID-11).
        surname = field("surname", typed?.surname ?? invitation.personName?.surname)
        given = field("given", typed?.givenName ?? invitation.personName?.given)
        patronymic = field("patronymic", typed?.patronymic ?? invitation.personName?.patronymic)
        login = field("login", typed?.login)
        password = field("password", visit.passwordHint(allowsSigns: invitation.allowsPasswordSigns))
        repeated = field("repeated", nil)
        contactLegend = isGuardian ? visit.tr("How the school reaches you") : visit.tr("Phone and e-mail, if you like")
        phone = field("phone", typed?.phone)
        email = field("email", typed?.email)
        children = field("children", typed?.otherCodes)
        func box(_ name: String, _ consent: AskedConsent?, _ label: String, _ given: UUID?) -> ConsentBox? {
            consent.map {
                ConsentBox(
                    field: name, label: visit.tr(label), title: $0.title, paragraphs: $0.paragraphs, value: $0.textID,
                    isTicked: given == $0.textID, wrong: wrong[name].map(visit.sentence))
            }
        }
        consents = [
            box("own-consent", asked.own, "I agree that my personal data are processed", typed?.ownConsent),
            box("child-consent", asked.child, "As the parent I agree that the data of my child are processed", typed?.childConsent),
        ].compactMap(\.self)
        hasConsents = !consents.isEmpty
    }
}

/// ID-13: it has worked, and here is the way in.
struct RegisteredPage: Page {
    static let template = "registration/show"
    let title: String
    let section = ""
    let login: String?
}

extension Visit {
    /// A field's message in the reader's language.
    func sentence(_ message: FieldMessage) -> String {
        [message.about.map { "\($0):" }, tr(message.text)].compactMap(\.self).joined(separator: " ")
    }

    /// What the rule of the school is (ID-08, D-03), said before anything is refused.
    func passwordHint(allowsSigns: Bool) -> String {
        allowsSigns
            ? tr("At least 8 characters; not your login, birth date or room.")
            : tr("At least 8 letters and digits, no signs; not your login, birth date or room.")
    }
}

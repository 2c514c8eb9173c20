import Directory
import Events
import Foundation
import Kernel
import Web

/// «Профиль – Мои данные» (ID-22 to ID-25).
struct ProfilePage: Page {
    static let template = "profile/show"

    struct Child: Encodable, Sendable {
        let id: UUID
        let name: String
        let given: String
        let accent: String
        let place: String
        /// What he may do about the child: no other is shown.
        let links: [ProfileSafety.Link]
        let hasLinks: Bool
    }

    struct Session: Encodable, Sendable {
        let id: UUID
        let browser: String
        let since: String
        let address: String?
        let isThis: Bool
    }

    let title: String
    let section = "profile"
    /// What has just been saved.
    let done: String?
    let editsName: Bool
    let fullName: String
    let birthDate: String?
    let place: String?
    let surname: FilledField
    let given: FilledField
    let patronymic: FilledField
    let phone: FilledField
    let email: FilledField
    /// Whether the address counts already (ID-14, ID-15).
    let addressState: String?
    let addressWaits: Bool
    let contactPassword: FilledField
    /// What stands under one's messages (ID-23).
    let signature: FilledField
    let isGuardian: Bool
    let children: [Child]
    let hasChildren: Bool
    let code: FilledField
    let loginName: String
    let current: FilledField
    /// Its value is the hint.
    let newPassword: FilledField
    let repeated: FilledField
    let login: FilledField
    let loginPassword: FilledField
    let isRussian: Bool
    let sessions: [Session]
    let hasOthers: Bool
    let safety: ProfileSafety

    /// - Parameter typed: what a refused form had in its fields.
    init(
        _ visit: Visit, _ profile: OwnProfile, _ safety: ProfileSafety, allowsSigns: Bool, done: String? = nil, typed: [String: String] = [:],
        wrong: [String: FieldMessage] = [:]
    ) {
        func field(_ name: String, _ value: String?) -> FilledField {
            FilledField(value: typed[name] ?? value ?? "", wrong: wrong[name].map(visit.sentence))
        }
        title = visit.tr("Profile")
        self.safety = safety
        self.done = done
        isGuardian = profile.kind == .guardian
        editsName = isGuardian
        fullName = profile.name.full
        birthDate = profile.birthDate.map { visit.format.date($0, thisYear: 0) }
        let places = [profile.className?.description, profile.schoolName].compactMap(\.self)
        place = places.isEmpty ? nil : places.joined(separator: ", ")
        surname = field("surname", profile.name.surname)
        given = field("given", profile.name.given)
        patronymic = field("patronymic", profile.name.patronymic)
        phone = field("phone", profile.phone.map(PhoneNumber.spaced))
        email = field("email", profile.newEmail ?? profile.email)
        addressWaits = profile.newEmail != nil || (profile.email != nil && !profile.isEmailConfirmed)
        if let new = profile.newEmail, let present = profile.email {
            addressState = visit.tr("%@ waits to be confirmed; until then %@ counts.", new, present)
        } else if addressWaits {
            addressState = visit.tr("This address is not confirmed yet.")
        } else {
            addressState = profile.email == nil ? nil : visit.tr("This address is confirmed.")
        }
        contactPassword = FilledField(value: "", wrong: wrong["contact-password"].map(visit.sentence))
        signature = field("signature", profile.signature)
        children = profile.children.map { child in
            let base = "/identity/children/\(child.id.text)"
            let links = [
                child.isLegal ? ProfileSafety.Link(title: visit.tr("To another class or school"), address: base + "/transfer") : nil,
                child.isLegal && child.topics.contains(.money) ? ProfileSafety.Link(title: visit.tr("PIN of the terminal"), address: base + "/pin") : nil,
                child.topics.contains(.certificate) ? ProfileSafety.Link(title: visit.tr("Certificate"), address: base + "/certificate") : nil,
            ].compactMap(\.self)
            return Child(
                id: child.id, name: child.name.full, given: child.name.given, accent: child.accent,
                place: [child.className?.description, child.schoolName].compactMap(\.self).joined(separator: ", "), links: links,
                hasLinks: !links.isEmpty)
        }
        hasChildren = !children.isEmpty
        code = field("code", nil)
        loginName = profile.login ?? ""
        current = FilledField(value: "", wrong: wrong["current"].map(visit.sentence))
        newPassword = FilledField(
            value: visit.passwordHint(allowsSigns: allowsSigns), wrong: wrong["password"].map(visit.sentence))
        repeated = FilledField(value: "", wrong: wrong["repeated"].map(visit.sentence))
        login = field("login", profile.login)
        loginPassword = FilledField(value: "", wrong: wrong["login-password"].map(visit.sentence))
        isRussian = profile.language == "ru"
        sessions = profile.sessions.map { session in
            let browser = BrowserName(session.agent).text
            return Session(
                id: session.id, browser: browser.isEmpty ? visit.tr("A program") : browser,
                since: visit.tr("last seen %@", visit.format.moment(session.lastSeenAt, now: visit.now)) + ", "
                    + visit.tr("begun %@", visit.format.moment(session.startedAt, now: visit.now)),
                address: session.address.isEmpty ? nil : session.address, isThis: session.id == visit.viewer.sessionID)
        }
        hasOthers = sessions.contains { !$0.isThis }
    }
}

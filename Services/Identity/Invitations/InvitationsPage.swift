import Foundation
import Kernel
import Web

/// All classes for which somebody may issue invitations.
struct InvitationsPage: Page {
    static let template = "invitations/index"

    struct SchoolClass: Encodable, Sendable {
        let id: UUID
        let name: String
        let progress: String
    }

    struct Staff: Encodable, Sendable {
        let href: String
        let progress: String
    }

    struct School: Encodable, Sendable {
        let name: String
        let classes: [SchoolClass]
        let staff: Staff?
    }

    let title: String
    let section = "invitations"
    let schools: [School]
    let isEmpty: Bool
    let empty: StateBlock

    init(_ visit: Visit, _ schools: [InvitationProgress.School]) {
        title = visit.tr("Invitations")
        self.schools = schools.map { school in
            School(
                name: school.name,
                classes: school.classes.map { item in
                    SchoolClass(id: item.id, name: item.name.description, progress: visit.progress(item.registered, of: item.all))
                },
                staff: school.staff.map {
                    Staff(
                        href: "/identity/schools/\(school.id.text)/invitations",
                        progress: visit.progress($0.registered, of: $0.all))
                })
        }
        isEmpty = schools.isEmpty
        empty = .empty(visit.tr("No classes"), visit.tr("Here are the classes that you may invite; none is yours yet."))
    }
}

/// One class, or a school's staff: who has registered, who has a code, who gets a new one.
struct ClassInvitationsPage: Page {
    static let template = "invitations/show"

    struct Place: Encodable, Sendable {
        let who: String
        let state: String
        let tone: String
    }

    struct Person: Encodable, Sendable {
        let key: UUID
        let name: String
        let canIssue: Bool
        /// Whoever has no code yet; a code that is out stays good unless somebody ticks him.
        let isTicked: Bool
        let places: [Place]
    }

    struct Open: Encodable, Sendable {
        let id: UUID
        let who: String
        let until: String
        /// Who issued it, and when.
        let origin: String?
    }

    struct Used: Encodable, Sendable {
        let who: String
        let usedAt: String
        let origin: String
    }

    let title: String
    let section = "invitations"
    let heading: String
    let progress: String
    let action: String
    /// What the families of the class have agreed to; none for staff.
    let consents: String?
    let people: [Person]
    let canIssueAny: Bool
    let open: [Open]
    let hasOpen: Bool
    /// By which codes people came.
    let used: [Used]
    let hasUsed: Bool

    /// A class: one row per pupil, with himself and his guardians.
    init(_ visit: Visit, classID: UUID, name: ClassName, _ people: [ClassPerson], _ trail: [CodeTrail]) {
        heading = visit.tr("Class %@", name.description)
        title = heading
        action = "/identity/classes/\(classID.text)/invitations"
        consents = "/identity/classes/\(classID.text)/consents"
        progress = visit.progress(people.count { $0.isRegistered }, of: people.count)
        var order: [UUID] = []
        var families: [UUID: [ClassPerson]] = [:]
        for person in people {
            if families[person.childID] == nil { order.append(person.childID) }
            families[person.childID, default: []].append(person)
        }
        self.people = order.map { child in
            let family = families[child] ?? []
            return Person(
                key: child, name: family.first?.childName.listed ?? "",
                canIssue: family.contains { !$0.isRegistered },
                isTicked: family.contains { !$0.isRegistered && $0.invitationID == nil },
                places: family.map { person in
                    let who = person.kind == .pupil
                        ? visit.tr("pupil")
                        : [visit.tr("parent"), person.name?.full ?? visit.tr("not in the lists")].joined(separator: " · ")
                    return visit.place(who, isRegistered: person.isRegistered, until: person.expiresAt)
                })
        }
        canIssueAny = self.people.contains(where: \.canIssue)
        open = people.compactMap { person in
            guard !person.isRegistered, let id = person.invitationID, let until = person.expiresAt else { return nil }
            let who = person.kind == .pupil
                ? person.childName.listed
                : [person.name?.full ?? visit.tr("parent"), person.childName.listed].joined(separator: " · ")
            return Open(id: id, who: who, until: visit.tr("good until %@", visit.lastDay(until)), origin: visit.origin(of: id, in: trail))
        }
        hasOpen = !open.isEmpty
        used = visit.used(trail)
        hasUsed = !used.isEmpty
    }

    /// The staff of a school.
    init(_ visit: Visit, schoolID: UUID, staff: [StaffInvitee], _ trail: [CodeTrail]) {
        heading = visit.tr("Staff")
        title = heading
        action = "/identity/schools/\(schoolID.text)/invitations"
        consents = nil
        progress = visit.progress(staff.count { $0.isRegistered }, of: staff.count)
        people = staff.map { person in
            Person(
                key: person.id, name: person.name.full, canIssue: !person.isRegistered,
                isTicked: !person.isRegistered && person.invitationID == nil,
                places: [
                    visit.place(
                        person.roles.map { visit.tr($0.english) }.joined(separator: ", "), isRegistered: person.isRegistered,
                        until: person.expiresAt)
                ])
        }
        canIssueAny = people.contains(where: \.canIssue)
        open = staff.compactMap { person in
            guard !person.isRegistered, let id = person.invitationID, let until = person.expiresAt else { return nil }
            return Open(
                id: id, who: person.name.full, until: visit.tr("good until %@", visit.lastDay(until)), origin: visit.origin(of: id, in: trail))
        }
        hasOpen = !open.isEmpty
        used = visit.used(trail)
        hasUsed = !used.isEmpty
    }
}

extension InvitationSheetsPage.Payment {
    init(_ code: PaymentCode) throws {
        let drawing = try QRCode(code.text)
        func value(_ name: String) -> String { code.fields.first { $0.name == name }?.value ?? "" }
        self.init(
            side: "\(drawing.side)", qr: drawing.path, text: code.text, payee: value("Name"),
            account: AccountNumber.spaced(value("PersAcc")))
    }
}

/// Sheets for printing, one per code; shown once, because only the codes' hashes are kept.
struct InvitationSheetsPage: Page {
    static let template = "invitations/sheets"

    struct Sheet: Encodable, Sendable {
        let school: String
        /// For whom the code is: in the top right corner (ID-06).
        let role: String
        let name: String
        let about: String?
        let address: String
        let code: String
        let side: String
        let qr: String
        let lastStep: String
        let until: String
        /// For whoever pays; nil where the school has told no bank.
        var payment: Payment?
    }

    /// A payment code by ГОСТ Р 56042 with the child's account (AC-04).
    struct Payment: Encodable, Sendable {
        let side: String
        let qr: String
        let text: String
        let payee: String
        let account: String
    }

    let title: String
    let section = "invitations"
    let heading: String
    let sheets: [Sheet]
    let hasSheets: Bool

    /// - Parameter publicAddress: what people type (ID-07): `https://cabinet.example`.
    init(_ visit: Visit, heading: String, _ issued: [IssuedInvitation], publicAddress: String) throws {
        title = heading
        self.heading = heading
        hasSheets = !issued.isEmpty
        sheets = try issued.map { invitation in
            let qr = try QRCode("\(publicAddress)/identity/registration?code=\(invitation.code.signs)")
            let child = [invitation.childName?.listed, invitation.className?.description].compactMap(\.self).joined(separator: ", ")
            let name: String
            let about: String?
            switch invitation.kind {
            case .pupil:
                name = invitation.personName?.full ?? child
                about = invitation.className.map { visit.tr("Class %@", $0.description) }
            case .guardian, .family:
                name = invitation.personName?.full ?? visit.tr("To the parents")
                about = visit.tr("Child: %@", child)
            case .staff:
                name = invitation.personName?.full ?? ""
                about = nil
            }
            return Sheet(
                school: invitation.schoolName, role: visit.tr(invitation.kind.text), name: name, about: about,
                address: Self.typed(publicAddress) + "/identity/registration", code: invitation.code.text, side: "\(qr.side)",
                qr: qr.path,
                lastStep: invitation.kind == .guardian
                    ? visit.tr("If you have codes for more children, write them into the field «Children».")
                    : visit.tr("Sign in with them."),
                until: visit.tr("The code is good until %@ and for one registration.", visit.lastDay(invitation.expiresAt)),
                payment: try invitation.payment.map { try Payment($0) })
        }
    }

    /// An address as people type it: without `https://`.
    static func typed(_ address: String) -> String {
        address.hasPrefix("https://") ? String(address.dropFirst("https://".count)) : address
    }
}

extension Visit {
    /// The day of a moment, with the year when it is another one.
    func lastDay(_ date: Date) -> String { format.date(zone.day(of: date), thisYear: today.year) }

    /// «12 of 30 have registered».
    fileprivate func progress(_ registered: Int, of all: Int) -> String {
        tr("%@ of %@ have registered", registered, all)
    }

    /// «issued by Савина Инна Петровна, 3 November».
    fileprivate func origin(_ code: CodeTrail) -> String {
        let day = format.date(zone.day(of: code.issuedAt), thisYear: today.year)
        return code.issuedBy.map { tr("issued by %@, %@", $0.full, day) } ?? tr("issued by the operator, %@", day)
    }

    fileprivate func origin(of id: UUID, in trail: [CodeTrail]) -> String? { trail.first { $0.id == id }.map { origin($0) } }

    fileprivate func used(_ trail: [CodeTrail]) -> [ClassInvitationsPage.Used] {
        trail.compactMap { code in
            guard let person = code.usedBy, let usedAt = code.usedAt else { return nil }
            let who = [person.full, code.kind == .guardian ? code.childName?.listed : nil].compactMap(\.self).joined(separator: " · ")
            return ClassInvitationsPage.Used(who: who, usedAt: format.moment(usedAt, now: now), origin: origin(code))
        }
    }

    fileprivate func place(_ who: String, isRegistered: Bool, until: Date?) -> ClassInvitationsPage.Place {
        if isRegistered { return .init(who: who, state: tr("registered"), tone: "plus") }
        guard let until else { return .init(who: who, state: tr("no code yet"), tone: "muted") }
        return .init(who: who, state: tr("has a code, good until %@", lastDay(until)), tone: "wait")
    }
}

import Events
import Foundation
import Kernel
import Web

/// A box to tick.
struct TickBox: Encodable, Sendable {
    let id: String
    let value: String
    let title: String
    let isTicked: Bool
}

/// Several boxes under one question, and what is wrong with what was ticked.
struct TickBoxes: Encodable, Sendable {
    let name: String
    let legend: String
    let boxes: [TickBox]
    let wrong: String?
}

/// «Семья»: who sees which child, what of him and until when (ID-30, BY-10).
struct FamilyPage: Page {
    static let template = "family/show"

    struct Adult: Encodable, Sendable {
        let id: UUID
        let name: String
        /// How he came to the child: by the school's lists, by its code, let in by the family.
        let how: String
        let topics: String
        let until: String?
        /// Where it is changed; nil for those whom the school names.
        let change: String?
    }

    struct Child: Encodable, Sendable {
        let id: UUID
        let name: String
        let given: String
        let accent: String
        let place: String
        /// What the reader sees himself.
        let own: String
        let until: String?
        let giver: String?
        let isMine: Bool
        let looks: String?
        let adults: [Adult]
        let hasAdults: Bool
    }

    struct Open: Encodable, Sendable {
        let id: UUID
        let label: String
        let what: String
        let until: String
    }

    /// What a form for an invitation has in it.
    struct Form: Encodable, Sendable {
        let children: TickBoxes
        let topics: TickBoxes
        let until: Field
        let label: Field
    }

    let title: String
    let section = "family"
    let done: String?
    let children: [Child]
    let hasChildren: Bool
    let open: [Open]
    let hasOpen: Bool
    /// Nil for whoever answers for nobody.
    let form: Form?

    init(
        _ visit: Visit, _ access: FamilyAccess, done: String? = nil, typed: Web.Form? = nil, wrong: [String: FieldMessage] = [:]
    ) {
        title = visit.tr("Family")
        self.done = done
        children = access.children.map { child in
            Child(
                id: child.id, name: child.name.listed, given: child.name.given, accent: child.accent.rawValue,
                place: [child.className?.description, child.schoolName].compactMap(\.self).joined(separator: ", "),
                own: visit.topics(child.own.terms), until: visit.until(child.own.terms),
                giver: child.own.giver.map { visit.tr("Let in by: %@", $0.full) }, isMine: child.isMine,
                looks: child.isMine ? "/identity/children/\(child.id.text)/looks" : nil,
                adults: child.others.map { adult in
                    Adult(
                        id: adult.id, name: adult.name.full, how: visit.how(adult), topics: visit.topics(adult.terms),
                        until: visit.until(adult.terms),
                        change: adult.origin == .family
                            ? "/identity/children/\(child.id.text)/adults/\(adult.id.text)" : nil)
                },
                hasAdults: !child.others.isEmpty)
        }
        hasChildren = !children.isEmpty
        open = access.open.map { item in
            Open(
                id: item.id, label: item.label ?? visit.tr("Another adult"),
                what: [item.children.map(\.given).joined(separator: ", "), visit.topics(item.terms), visit.until(item.terms)]
                    .compactMap(\.self).joined(separator: " · "),
                until: visit.tr("good until %@", visit.lastDay(item.expiresAt)))
        }
        hasOpen = !open.isEmpty
        let mine = access.children.filter(\.isMine)
        form = mine.isEmpty ? nil : Form(visit, mine, typed: typed, wrong: wrong)
    }
}

extension FamilyPage.Form {
    init(_ visit: Visit, _ mine: [FamilyAccess.Child], typed: Web.Form?, wrong: [String: FieldMessage]) {
        let ticked = Set((typed?.all("child") ?? []).map { $0.lowercased() })
        children = TickBoxes(
            name: "child", legend: visit.tr("Which children"),
            boxes: mine.map { child in
                TickBox(
                    id: "child-\(child.id.text)", value: child.id.text, title: child.name.listed,
                    isTicked: typed == nil ? mine.count == 1 : ticked.contains(child.id.text))
            },
            wrong: wrong["child"].map(visit.sentence))
        topics = visit.topicBoxes(ticked: Set(typed?.all("topic") ?? []), wrong: wrong["topic"])
        until = .day(
            "until", visit.tr("Until which day"), value: String((typed?["until"] ?? "").prefix(20)),
            hint: visit.tr("That day included. Left empty: until you take it away."), wrong: wrong["until"].map(visit.sentence))
        label = .text(
            "label", visit.tr("Who it is, for yourself"), value: String((typed?["label"] ?? "").prefix(200)),
            hint: visit.tr("For example: grandmother."), wrong: wrong["label"].map(visit.sentence), autocomplete: "off", most: 60)
    }
}

/// One adult and one child: topics and term to change, or to take away.
struct GrantPage: Page {
    static let template = "family/grant"
    let title: String
    let section = "family"
    let name: String
    let child: String
    let accent: String
    let action: String
    let topics: TickBoxes
    let until: Field
    let revocation: Confirmation

    init(
        _ visit: Visit, _ child: FamilyAccess.Child, _ adult: FamilyAccess.Adult, typed: Web.Form? = nil,
        wrong: [String: FieldMessage] = [:]
    ) {
        title = adult.name.full
        name = adult.name.full
        self.child = child.name.listed
        accent = child.accent.rawValue
        action = "/identity/children/\(child.id.text)/adults/\(adult.id.text)"
        topics = visit.topicBoxes(
            ticked: typed.map { Set($0.all("topic")) } ?? Set(adult.terms.topics.map(\.rawValue)), wrong: wrong["topic"])
        until = .day(
            "until", visit.tr("Until which day"), value: typed.map { String(($0["until"] ?? "").prefix(20)) } ?? adult.terms.until?.iso ?? "",
            hint: visit.tr("That day included. Left empty: until you take it away."), wrong: wrong["until"].map(visit.sentence))
        revocation = Confirmation(
            id: "revoke", button: visit.tr("Take the access away"), heading: visit.tr("Take the access away?"),
            sentence: visit.tr(
                "%@ will see nothing of %@ any more, at once and everywhere. A new invitation would be needed.", adult.name.full,
                child.name.given),
            action: action + "/revocation", decision: visit.tr("Take the access away"))
    }
}

/// The sheet with the code for the other adult, this once.
struct FamilySheetPage: Page {
    static let template = "invitations/sheets"
    let title: String
    let section = "family"
    let heading: String
    let sheets: [InvitationSheetsPage.Sheet]
    let hasSheets: Bool

    init(_ visit: Visit, _ issued: InviteAdult.Issued, publicAddress: String) throws {
        title = visit.tr("Invitation")
        heading = title
        hasSheets = true
        let qr = try QRCode("\(publicAddress)/identity/registration?code=\(issued.code.signs)")
        sheets = [
            InvitationSheetsPage.Sheet(
                school: issued.schoolName, role: visit.tr(InvitationKind.family.text),
                name: issued.label.isEmpty ? visit.tr("Another adult") : issued.label,
                // Sheets lie around: given names only.
                about: [issued.children.map(\.given).joined(separator: ", "), visit.topics(issued.terms), visit.until(issued.terms)]
                    .compactMap(\.self).joined(separator: " · "),
                address: InvitationSheetsPage.typed(publicAddress) + "/identity/registration", code: issued.code.text,
                side: "\(qr.side)", qr: qr.path,
                lastStep: visit.tr("Who has a login already enters the code under «Profile», «Children»."),
                until: visit.tr("The code is good until %@ and for one registration.", visit.lastDay(issued.expiresAt)))
        ]
    }
}

extension Visit {
    /// «Дневник, питание», or «Всё».
    func topics(_ terms: GrantTerms) -> String {
        if terms.topics.count == Topic.allCases.count { return tr("Everything") }
        let names = terms.listed.map { tr($0.english) }
        return names.enumerated().map { $0.offset == 0 ? $0.element : $0.element.lowercased() }.joined(separator: ", ")
    }

    /// «до 31 мая»; nil when it has no end.
    func until(_ terms: GrantTerms) -> String? {
        terms.until.map { tr("until %@", format.date($0, thisYear: today.year)) }
    }

    /// «Анна, Пётр · Дневник · до 31 мая».
    func offered(_ offers: [OfferedGrant]) -> String {
        let children = offers.map(\.childName.given).joined(separator: ", ")
        guard let terms = offers.first?.terms else { return children }
        return [children, topics(terms), until(terms)].compactMap(\.self).joined(separator: " · ")
    }

    fileprivate func how(_ adult: FamilyAccess.Adult) -> String {
        let origin =
            switch adult.origin {
            case .roster: tr("by the school's lists")
            case .code: tr("by the school's invitation")
            case .family: adult.giver.map { tr("let in by %@", $0.initials) } ?? tr("let in by the family")
            }
        return [adult.relation, origin].compactMap(\.self).joined(separator: ", ")
    }

    fileprivate func topicBoxes(ticked: Set<String>, wrong: FieldMessage?) -> TickBoxes {
        TickBoxes(
            name: "topic", legend: tr("What of them"),
            boxes: Topic.allCases.map {
                TickBox(id: "topic-\($0.rawValue)", value: $0.rawValue, title: tr($0.english), isTicked: ticked.contains($0.rawValue))
            },
            wrong: wrong.map(sentence))
    }
}

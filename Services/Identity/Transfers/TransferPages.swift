import Directory
import Events
import Foundation
import Kernel
import Postgres
import Web

/// «Перевод»: a parent asks for another class or school, sees how far it is, and withdraws it (SC-01).
struct ChildTransferPage: Page {
    static let template = "transfers/child"

    /// The wish: the school is chosen first, for its classes are another school's.
    struct Wish: Encodable, Sendable {
        let school: Field?
        let schoolID: String
        let schoolName: String
        let schoolClass: Field?
    }

    let title: String
    let section = "profile"
    let child: UUID
    let accent: String
    let name: String
    let place: String
    let done: String?
    /// What waits for a decision or for a service.
    let open: [TransferCard]
    let hasOpen: Bool
    let withdrawal: Confirmation?
    let wish: Wish?
    let past: [TransferCard]
    let hasPast: Bool

    init(_ visit: Visit, _ read: Reading, done: String? = nil, typed: Form? = nil, errors: FieldErrors = FieldErrors()) {
        title = visit.tr("Transfer")
        child = read.child
        accent = read.accent
        name = read.name
        place = visit.words(read.place)
        self.done = done
        let isOpen: (TransferRecord) -> Bool = { TransferRule.isOpen($0.state) }
        let waits = read.transfers.contains { $0.state == .asked }
        open = read.transfers.filter(isOpen).map { TransferCard($0, seesMoney: read.seesMoney, visit) }
        hasOpen = !open.isEmpty
        withdrawal =
            waits
            ? Confirmation(
                id: "withdrawal", button: visit.tr("Withdraw"), heading: visit.tr("Withdraw the request?"),
                sentence: visit.tr("The child stays where he is. You can ask again at any time."),
                action: "/identity/children/\(read.child.text)/transfer/withdrawal", decision: visit.tr("Withdraw the request"))
            : nil
        let school = read.schools.first { $0.id == read.chosen } ?? read.schools.first
        // An error beside the field is shown even where the form is closed: a second wish was sent from an old page.
        if let school, !waits || errors["class"] != nil {
            let schools = read.schools.map { Field.Choice($0.id.text, $0.name, isChosen: $0.id == school.id) }
            let chosen = typed?["class"]
            let classes = read.classes.map { Field.Choice($0.id.text, $0.name.description, isChosen: $0.id.text == chosen) }
            wish = Wish(
                school: schools.count > 1 ? .choice("school", visit.tr("School"), schools) : nil, schoolID: school.id.text,
                schoolName: school.name,
                schoolClass: classes.isEmpty
                    ? nil : .choice("class", visit.tr("Class"), [.init("", visit.tr("choose"))] + classes, wrong: errors["class"]))
        } else {
            wish = nil
        }
        past = read.transfers.filter { !isOpen($0) }.map { TransferCard($0, seesMoney: read.seesMoney, visit) }
        hasPast = !past.isEmpty
    }

    /// What the page is made of.
    struct Reading: Sendable {
        let child: UUID
        let name: String
        let accent: String
        let place: TransferRecord.Place
        let transfers: [TransferRecord]
        let seesMoney: Bool
        let schools: [SchoolRecord]
        let chosen: UUID
        let classes: [ClassRecord]

        /// - Parameter school: whose classes are offered; the child's own when nil or unknown.
        static func read(
            _ child: UUID, school: UUID?, for viewer: Viewer, on day: Day, in transaction: borrowing Transaction
        ) throws -> Reading? {
            guard let record = try Directory.child(child, in: transaction), let name = record.name else { return nil }
            let schools = try Directory.schools(in: transaction)
            let chosen = schools.contains { $0.id == school } ? school ?? record.schoolID : record.schoolID
            return Reading(
                child: child, name: name.full, accent: record.accent.rawValue,
                place: .init(
                    schoolID: record.schoolID, school: schools.first { $0.id == record.schoolID }?.name ?? "", className: record.className),
                transfers: try TransferRecord.of(child: child, in: transaction),
                seesMoney: try Directory.decide(viewer, .seeMoney, about: .child(child), on: day, in: transaction) == .allowed,
                schools: schools, chosen: chosen,
                classes: try Directory.classes(ofSchool: chosen, in: transaction).filter { $0.id != record.classID })
        }
    }
}

/// «Переводы» for the staff of either side: who waits to be taken in (SC-02), who leaves, how far everything is.
struct TransfersPage: Page {
    static let template = "transfers/index"

    struct Row: Encodable, Sendable {
        let id: UUID
        /// Only the receiving side reads more.
        let href: String?
        let name: String
        let from: String
        let to: String
        let tag: Tag
        let missing: String?
        let since: String?
    }

    struct Group: Encodable, Sendable {
        let key: String
        let heading: String
        let rows: [Row]
    }

    let title: String
    let section = "transfers"
    let groups: [Group]
    let empty: StateBlock?

    init(_ visit: Visit, _ records: [TransferRecord], mine: Set<UUID>) {
        title = visit.tr("Transfers")
        func row(_ record: TransferRecord) -> Row {
            let card = TransferCard(record, seesMoney: false, decides: mine.contains(record.to.schoolID), visit)
            return Row(
                id: record.id, href: mine.contains(record.to.schoolID) ? "/identity/transfers/\(record.id.text)" : nil, name: card.name,
                from: card.from, to: card.to, tag: card.tag, missing: record.state == .confirmed ? card.missing : nil,
                since: record.state == .confirmed ? card.since : nil)
        }
        let comes = records.filter { mine.contains($0.to.schoolID) }
        let goes = records.filter { mine.contains($0.from.schoolID) && !mine.contains($0.to.schoolID) }
        let groups = [
            Group(key: "waiting", heading: visit.tr("Wait for your decision"), rows: comes.filter { $0.state == .asked }.map(row)),
            Group(key: "leaving", heading: visit.tr("Leave your school"), rows: goes.map(row)),
            Group(key: "decided", heading: visit.tr("Decided in the last two months"), rows: comes.filter { $0.state != .asked }.map(row)),
        ]
        self.groups = groups.filter { !$0.rows.isEmpty }
        empty = self.groups.isEmpty
            ? .empty(visit.tr("No transfers"), visit.tr("Here stands whoever wants to come to your school or leaves it.")) : nil
    }
}

/// One transfer for the receiving side, with the decision.
struct TransferPage: Page {
    static let template = "transfers/show"

    let title: String
    let section = "transfers"
    let card: TransferCard
    let done: String?
    /// Why the last step was not taken.
    let refused: String?
    let confirmation: Confirmation?
    let refusal: Field?
    /// Where the services that are missing are asked once more; nil while none is, or while they have just been asked.
    let reminder: String?

    init(
        _ visit: Visit, _ record: TransferRecord, done: String? = nil, refused: String? = nil, typed: Form? = nil,
        errors: FieldErrors = FieldErrors()
    ) {
        title = visit.tr("Transfer")
        card = TransferCard(record, seesMoney: false, decides: true, visit)
        self.done = done
        self.refused = refused
        let waits = record.state == .asked
        let last = max(record.waitingSince, record.askedAgainAt ?? .distantPast)
        let silent = TransferRule.refusalToAskAgain(record.state, isMissing: !record.missing.isEmpty, last: last, now: visit.now)
        reminder = silent == nil ? "/identity/transfers/\(record.id.text)/reminder" : nil
        confirmation =
            waits
            ? Confirmation(
                id: "confirmation", button: visit.tr("Confirm"), heading: visit.tr("Take the pupil in?"),
                sentence: visit.tr("%@ learns in %@ from now on. The school he leaves does not see him any more.", record.childName.full, card.to),
                action: "/identity/transfers/\(record.id.text)/confirmation", decision: visit.tr("Take in"))
            : nil
        refusal =
            waits || errors["reason"] != nil
            ? .area(
                "reason", visit.tr("Reason for a refusal"), value: typed?["reason"].map { String($0.prefix(500)) } ?? "",
                hint: visit.tr("The family reads it."), wrong: errors["reason"], most: 500, isRequired: true)
            : nil
    }
}

import Foundation
import Kernel
import Web

/// Whom an account could be merged with (ID-29).
struct MergingCandidatesPage: Page {
    static let template = "merging/candidates"

    struct Candidate: Encodable, Sendable {
        let id: UUID
        let name: String
        let children: String?
        let login: String?
        let href: String
    }

    let title: String
    let section = "people"
    let personID: UUID
    let name: String
    let text: String
    let candidates: [Candidate]
    let hasCandidates: Bool

    init(_ visit: Visit, _ card: PersonCard, text: String, _ found: [FindPeople.Found]) {
        title = visit.tr("Merge accounts")
        personID = card.id
        name = card.name.full
        self.text = text
        candidates = found.filter { $0.kind == .guardian && $0.id != card.id && $0.roles.isEmpty }.map { person in
            Candidate(
                id: person.id, name: person.name.full,
                children: person.children.isEmpty ? nil : visit.tr("Children: %@", person.children.joined(separator: "; ")),
                login: person.login, href: "/identity/people/\(card.id.text)/merging/\(person.id.text)")
        }
        hasCandidates = !candidates.isEmpty
    }
}

/// Both accounts beside each other, what would become of them, and the decision.
struct MergingPreviewPage: Page {
    static let template = "merging/preview"

    struct Child: Encodable, Sendable {
        let id: UUID
        let name: String
        let place: String
        let what: String
    }

    struct Account: Encodable, Sendable {
        let id: UUID
        let heading: String
        let name: String
        let facts: [PersonPage.Fact]
        let children: [Child]
        let hasChildren: Bool
    }

    let title: String
    let section = "people"
    let personID: UUID
    let accounts: [Account]
    let sameness: String
    let children: [Child]
    let outcome: [String]
    let refusal: String?
    /// The same with the roles of the two exchanged.
    let swapped: String
    let decision: Confirmation?

    init(_ visit: Visit, _ preview: MergingPreview, refusal: MergingRefused? = nil) {
        title = visit.tr("Merge accounts")
        personID = preview.kept.id
        accounts = [
            Account(visit, preview.kept, heading: visit.tr("This account stays")),
            Account(visit, preview.extra, heading: visit.tr("This account ends")),
        ]
        let phones = preview.hasSamePhone ? visit.tr("the same phone") : visit.tr("different phones")
        let mails = preview.hasSameEmail ? visit.tr("the same e-mail") : visit.tr("different e-mail addresses")
        sameness = visit.tr("The two accounts have: %@.", "\(phones), \(mails)")
        children = preview.children.map { Child(visit, $0) }
        let refused = refusal ?? preview.refusal
        self.refusal = refused.map { visit.tr($0.text) }
        let kept = preview.kept.login ?? preview.kept.name.full
        outcome = [
            preview.kept.login.map { visit.tr("One signs in with the login %@ and its password.", $0) },
            preview.extra.login.map { visit.tr("The login %@ opens nothing any more.", $0) },
            preview.extra.sessions == 0
                ? nil : visit.trn(preview.extra.sessions, "%d open session of the other account ends.", "%d open sessions of the other account end."),
            visit.tr("Phone and e-mail stay those of the account that stays; what it lacks comes from the other."),
            visit.trn(MergeAccounts.undoDays, "It can be taken back for %d day.", "It can be taken back for %d days."),
        ].compactMap(\.self)
        swapped = "/identity/people/\(preview.extra.id.text)/merging/\(preview.kept.id.text)"
        decision = refused != nil
            ? nil
            : Confirmation(
                id: "merge", button: visit.tr("Merge"), heading: visit.tr("Make one account of the two?"),
                sentence: visit.tr("%@ will see the children of both. Make sure that both accounts are one person's.", kept),
                action: "/identity/people/\(preview.kept.id.text)/merging/\(preview.extra.id.text)", decision: visit.tr("Merge"))
    }
}

extension MergingPreviewPage.Child {
    init(_ visit: Visit, _ child: MergingPreview.Child) {
        id = child.id
        name = child.name.listed
        place = [child.className?.description, child.schoolName].compactMap(\.self).joined(separator: ", ")
        what = [
            child.isPrimary ? visit.tr("first parent") : nil, visit.topics(child.terms), visit.until(child.terms),
        ].compactMap(\.self).joined(separator: " · ")
    }
}

extension MergingPreviewPage.Account {
    init(_ visit: Visit, _ account: MergingPreview.Account, heading: String) {
        id = account.id
        self.heading = heading
        name = account.name.full
        func fact(_ label: String, _ value: String?) -> PersonPage.Fact? { value.map { PersonPage.Fact(label: label, value: $0) } }
        let given = { (isGiven: Bool) in isGiven ? visit.tr("given") : visit.tr("not given") }
        facts = [
            fact(visit.tr("Login"), account.login ?? visit.tr("not registered")),
            fact(visit.tr("Number in the lists"), account.rosterNumber),
            fact(visit.tr("Last seen"), account.lastSeenAt.map { visit.format.moment($0, now: visit.now) }),
            fact(visit.tr("Open sessions"), "\(account.sessions)"),
            fact(visit.tr("Phone"), given(account.hasPhone)),
            fact(visit.tr("E-mail"), given(account.hasEmail)),
        ].compactMap(\.self)
        children = account.children.map { MergingPreviewPage.Child(visit, $0) }
        hasChildren = !children.isEmpty
    }
}

/// The mergings of the curator's schools, each with its way back while there is one.
struct MergingsPage: Page {
    static let template = "merging/index"

    struct Item: Encodable, Sendable {
        let id: UUID
        let keptID: UUID
        let what: String
        let when: String
        let state: String
        let canUndo: Bool
    }

    let title: String
    let section = "people"
    let done: String?
    let wrong: String?
    let mergings: [Item]
    let hasMergings: Bool

    init(_ visit: Visit, _ mergings: [Merging], done: String? = nil, wrong: MergingRefused? = nil) {
        title = visit.tr("Merged accounts")
        self.done = done
        self.wrong = wrong.map { visit.tr($0.text) }
        self.mergings = mergings.map { merging in
            let state =
                if let undone = merging.undoneAt {
                    visit.tr("taken back %@", visit.format.moment(undone, now: visit.now))
                } else if visit.now < merging.undoUntil {
                    visit.tr("can be taken back until %@", visit.format.moment(merging.undoUntil, now: visit.now))
                } else {
                    visit.tr("final")
                }
            return Item(
                id: merging.id, keptID: merging.keptID,
                what: visit.tr("%@ took in %@", merging.kept.full, merging.extra.full),
                when: "\(visit.format.moment(merging.at, now: visit.now)) · \(merging.by.full)", state: state,
                canUndo: merging.undoneAt == nil && visit.now < merging.undoUntil)
        }
        hasMergings = !mergings.isEmpty
    }
}

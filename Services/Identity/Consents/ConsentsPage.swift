import Directory
import Foundation
import Kernel
import Web

/// What somebody, or his child, is asked to agree to, and what he has decided (ID-38).
struct ConsentsPage: Page {
    static let template = "consents/show"

    struct Line: Encodable, Sendable {
        let title: String
        let purpose: String
        let school: String?
        let version: Int
        let text: String
        let state: ConsentState
        let stateWords: String
        /// Waits for the reader.
        let isOpen: Bool
        let decided: String?
        let action: String
        let mayGive: Bool
        let mayWithdraw: Bool
        /// What happens without it.
        let effect: String
    }

    let title: String
    let section = "profile"
    let name: String?
    let explanation: String
    let mayDecide: Bool
    let notice: String?
    let lines: [Line]

    init(
        _ visit: Visit, _ lines: [ConsentLine], child: (id: UUID, name: PersonName)?, mayDecide: Bool, notice: String? = nil
    ) {
        title = visit.tr("Consents")
        name = child?.name.full
        self.mayDecide = mayDecide
        explanation = mayDecide
            ? visit.tr("Each can be given and withdrawn on any day; every decision is kept with its time.")
            : visit.tr("Your parent decides about them.")
        self.notice = notice
        let base = child.map { "/identity/children/\($0.id.text)/consents" } ?? "/identity/profile/consents"
        self.lines = lines.map { line in
            let by = line.lastBy.map { visit.tr("by %@", $0.initials) }
            return Line(
                title: line.title, purpose: visit.tr(line.purpose.text), school: line.schoolName, version: line.version,
                text: "/identity/consent-texts/\(line.textID.text)", state: line.state, stateWords: visit.tr(line.state.text),
                isOpen: line.state == .open || line.state == .outdated,
                decided: line.last.map { last in
                    [visit.format.moment(last.at, now: visit.now), by].compactMap(\.self).joined(separator: ", ")
                },
                action: "\(base)/\(line.textID.text)", mayGive: mayDecide && line.state != .given,
                mayWithdraw: mayDecide && line.state.holds,
                effect: visit.tr(line.purpose.effect(isOfChild: child != nil || visit.viewer.isPupil)))
        }
    }
}

/// The words of one version.
struct ConsentTextPage: Page {
    static let template = "consents/text"
    let title: String
    let section = "profile"
    let purpose: String
    let published: String
    let paragraphs: [String]
}

/// The texts that hold, for those who publish them.
struct ConsentTextsPage: Page {
    static let template = "consents/texts"

    struct Text: Encodable, Sendable {
        let title: String
        let purpose: String
        let place: String
        let version: String
        let address: String
    }

    let title: String
    let section = "staff"
    let done: String?
    let texts: [Text]
    let school: Field
    let purpose: Field
    let heading: Field
    let body: Field
}

/// What stands about one purpose in the row of a class or a pupil.
struct ConsentCell: Encodable, Sendable {
    let label: String
    let text: String
    /// Whether anybody's consent is missing.
    let isMissing: Bool
}

/// The classes of whoever needs to know what their families have agreed to.
struct ConsentOverviewPage: Page {
    static let template = "consents/index"

    struct SchoolClass: Encodable, Sendable {
        let id: UUID
        let name: String
        let address: String
        let cells: [ConsentCell]
    }

    struct School: Encodable, Sendable {
        let name: String
        let classes: [SchoolClass]
    }

    let title: String
    let section = "consents"
    let purposes: [String]
    let schools: [School]
    let isEmpty: Bool
    let empty: StateBlock

    init(_ visit: Visit, _ classes: [ClassConsents]) {
        title = visit.tr("Consents")
        purposes = ConsentPurpose.allCases.map { visit.tr($0.text) }
        schools = classes.bySchool().map { school in
            School(
                name: school.name,
                classes: school.classes.map { item in
                    SchoolClass(
                        id: item.id, name: item.name.description, address: "/identity/classes/\(item.id.text)/consents",
                        cells: visit.consentCells { purpose in
                            let given = item.given[purpose] ?? 0
                            return (visit.tr("%@ of %@", given, item.pupils), given < item.pupils)
                        })
                })
        }
        isEmpty = classes.isEmpty
        empty = .empty(visit.tr("No classes"), visit.tr("Here are the classes whose consents you may read; none is yours yet."))
    }
}

/// A class for those who need to know what its families have agreed to.
struct ClassConsentsPage: Page {
    static let template = "consents/class"

    struct Pupil: Encodable, Sendable {
        let id: UUID
        let name: String
        let cells: [ConsentCell]
    }

    let title: String
    let section = "consents"
    let purposes: [String]
    let pupils: [Pupil]

    init(_ visit: Visit, _ className: ClassName, _ pupils: [(id: UUID, name: PersonName, lines: [ConsentLine])]) {
        title = visit.tr("Consents of class %@", className.description)
        purposes = ConsentPurpose.allCases.map { visit.tr($0.text) }
        self.pupils = pupils.map { pupil in
            Pupil(
                id: pupil.id, name: pupil.name.listed,
                cells: visit.consentCells { purpose in
                    let state = pupil.lines.first { $0.purpose == purpose }?.state ?? .open
                    return (visit.tr(state.text), !state.holds)
                })
        }
    }
}

extension Visit {
    /// A cell for every purpose, in the order of the table's columns.
    fileprivate func consentCells(_ words: (ConsentPurpose) -> (text: String, isMissing: Bool)) -> [ConsentCell] {
        ConsentPurpose.allCases.map { purpose in
            let (text, isMissing) = words(purpose)
            return ConsentCell(label: tr(purpose.text), text: text, isMissing: isMissing)
        }
    }
}

import Directory
import Events
import Foundation
import Kernel
import Postgres
import Web

/// The names that staff notices need.
struct StaffNames: Sendable {
    let children: [UUID: PersonName]
    let classes: [UUID: ClassName]

    init(for notices: [StaffNotice], in tx: borrowing Transaction) throws {
        let ids = Array(Set(notices.map(\.childID)))
        children = try Directory.people(ids, in: tx).mapValues(\.name)
        var classes: [UUID: ClassName] = [:]
        for id in Set(notices.compactMap(\.aboutClassID)) { classes[id] = try Directory.schoolClass(id, in: tx)?.name }
        self.classes = classes
    }
}

extension Words {
    /// One sentence with the pupil's name.
    func line(_ notice: StaffNotice, _ names: StaffNames) -> String {
        let name = names.children[notice.childID]?.full ?? ""
        let place = notice.aboutClassID.flatMap { names.classes[$0]?.text } ?? tr("the school")
        let day = notice.movedOn.map { format.date($0) } ?? ""
        return switch notice.kind {
        case .asked: tr("%@: a place in %@ is asked for", name, place)
        case .comes: tr("%@ comes to %@ from %@", name, place, day)
        case .leaves: tr("%@ leaves %@ from %@", name, place, day)
        case .refused: tr("%@: no place in %@, the request is refused", name, place)
        case .withdrawn: tr("%@: the request for %@ is withdrawn", name, place)
        case .arrived: tr("%@: account, cards, meals and diary have arrived in %@", name, place)
        }
    }
}

import Foundation
import Kernel

/// A class in a list over several schools.
protocol ClassOfSchool: Sendable {
    var name: ClassName { get }
    var schoolID: UUID { get }
    var schoolName: String { get }
}

/// A school with those of its classes that a list is about.
struct ClassesOfSchool<Item: ClassOfSchool>: Sendable {
    let id: UUID
    let name: String
    /// By grade and letter.
    let classes: [Item]
}

extension Sequence where Element: ClassOfSchool {
    /// School by school, in the order in which the schools come first.
    func bySchool() -> [ClassesOfSchool<Element>] {
        var order: [UUID] = []
        var classes: [UUID: [Element]] = [:]
        for item in self {
            if classes[item.schoolID] == nil { order.append(item.schoolID) }
            classes[item.schoolID, default: []].append(item)
        }
        return order.map { school in
            let own = (classes[school] ?? []).sorted { $0.name < $1.name }
            return ClassesOfSchool(id: school, name: own.first?.schoolName ?? "", classes: own)
        }
    }
}

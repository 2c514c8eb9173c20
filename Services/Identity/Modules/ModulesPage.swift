import Directory
import Foundation
import Kernel
import Postgres
import Web

/// «Модули»: which sections families and staff of a school see (SC-03, SC-04).
struct ModulesPage: Page {
    static let template = "modules/index"

    struct Module: Encodable, Sendable {
        let key: String
        let title: String
        /// The sections that come and go with it.
        let sections: String
        let isConnected: Bool
        let id: String
    }

    struct School: Encodable, Sendable {
        let id: UUID
        let name: String
        let modules: [Module]
    }

    let title: String
    let section = "people"
    let done: String?
    let schools: [School]

    init(_ visit: Visit, _ schools: [SchoolRecord]) {
        title = visit.tr("Modules")
        done = visit.query("done") == nil ? nil : visit.tr("Saved. The sections change with the next page.")
        self.schools = schools.map { school in
            School(
                id: school.id, name: school.name,
                modules: SchoolModule.all.map { module in
                    Module(
                        key: module.key, title: visit.tr(module.title), sections: module.sections.map { visit.tr($0) }.joined(separator: ", "),
                        isConnected: ConnectModules.isConnected(module.key, in: school.modules), id: "\(school.id.text)-\(module.key)")
                })
        }
    }
}

/// Switching the modules of a school: for its curator and the operator.
struct ModuleRoutes: Sendable {
    let cabinet: Cabinet

    func add(to book: inout RouteBook) {
        book.page("/identity/modules", .connectModules, about: .anySchool) { visit in
            let viewer = visit.viewer
            return ModulesPage(visit, try await cabinet.database.read { try Directory.schools(of: viewer, .connectModules, in: $0) })
        }
        book.post("/identity/schools/{school}/modules", .connectModules, about: .school(parameter: "school")) { visit in
            let known = Set(SchoolModule.all.map(\.key))
            let ticked = Set((try await visit.form()).all("module"))
            guard ticked.isSubset(of: known) else { throw Problem.badRequest }
            let command = ConnectModules(schoolID: try visit.uuid("school"), modules: ticked, by: visit.viewer.personID, now: visit.now)
            let outbox = cabinet.outbox
            try await cabinet.database.transaction { try command.run(in: $0, outbox) }
            return .seeOther("/identity/modules?done=1")
        }
    }
}

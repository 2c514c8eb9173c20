public import Directory
import Foundation
public import Postgres

extension RouteBook {
    /// What the service keeps about oneself, and about the child one answers for, as files: parts of the one package that the page
    /// of what is kept puts together.
    ///
    /// - Parameter isAboutChildrenOnly: nothing of it is about adults, and nothing for pupils: money (AC-06, ID-35).
    public mutating func kept(_ kept: KeptBook, of service: String, in database: Database, isAboutChildrenOnly: Bool = false) {
        if !isAboutChildrenOnly {
            get("/\(service)/kept", .seeOneself, about: .oneself) { visit in
                let (person, isPupil) = (visit.viewer.personID, visit.viewer.isPupil)
                return .json(try await database.read { try kept.file(of: person, service: service, isForPupil: isPupil, in: $0) })
            }
        }
        get("/\(service)/children/{child}/kept", .representChild, about: .child(parameter: "child")) { visit in
            let child = try visit.uuid("child")
            return .json(try await database.read { try kept.file(of: child, service: service, isForPupil: false, in: $0) })
        }
    }
}

import ArgumentParser
import Directory
import Foundation
import Postgres

/// The school that an administration command means: the one of a name, or the only one. Waits half a minute for a school that is
/// just arriving from Identity.
public func chosenSchool(_ name: String?, _ database: Database) async throws -> UUID {
    for _ in 0..<120 {
        let schools = try await database.read { try Directory.schools(in: $0) }
        if let name {
            if let school = schools.first(where: { $0.name == name }) { return school.id }
        } else if schools.count == 1 {
            return schools[0].id
        } else if schools.count > 1 {
            throw ValidationError("there are several schools: name one by --school")
        }
        try await Task.sleep(for: .milliseconds(250))
    }
    throw ValidationError(name.map { "there is no school «\($0)»" } ?? "no school has arrived yet")
}

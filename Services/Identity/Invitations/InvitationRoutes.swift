import Directory
import Foundation
import HTTPTypes
import Kernel
import Postgres
import Web

/// Invitations by class, for the curator and the class teacher, and for the staff of a school, for the curator.
struct InvitationRoutes: Sendable {
    let cabinet: Cabinet

    func add(to book: inout RouteBook) {
        book.page("/identity/invitations", .issueInvitations, about: .anySchool) { visit in
            let viewer = visit.viewer.personID
            let schools = try await cabinet.database.read { try InvitationProgress.read(for: viewer, in: $0) }
            return InvitationsPage(visit, schools)
        }
        book.page("/identity/classes/{class}/invitations", .issueInvitations, about: .schoolClass(parameter: "class")) { visit in
            try await classPage(visit)
        }
        book.post("/identity/classes/{class}/invitations", .issueInvitations, about: .schoolClass(parameter: "class")) { visit in
            let id = try visit.uuid("class")
            return try await sheets(visit, .schoolClass(id), kinds: [.pupil, .guardian], heading: try await classPage(visit).heading)
        }
        book.page("/identity/schools/{school}/invitations", .issueInvitations, about: .school(parameter: "school")) { visit in
            try await staffPage(visit)
        }
        book.post("/identity/schools/{school}/invitations", .issueInvitations, about: .school(parameter: "school")) { visit in
            try await sheets(visit, .staff(school: try visit.uuid("school")), kinds: [.staff], heading: visit.tr("Staff"))
        }
        let invitation = RouteSubject.resolved { visit, transaction in
            try transaction.first(
                "select class_id, school_id from invitation where id = \(visit.uuid("invitation")) and kind <> 'family'",
                as: UUID?.self, UUID.self
            ).map { classID, schoolID in classID.map { .schoolClass($0) } ?? .school(schoolID) }
        }
        book.post("/identity/invitations/{invitation}/revocation", .issueInvitations, about: invitation) { visit in
            let id = try visit.uuid("invitation")
            let (now, viewer) = (visit.now, visit.viewer.personID)
            let place = try await cabinet.database.transaction { transaction -> (UUID?, UUID)? in
                try RevokeInvitation(id: id, by: viewer, now: now).run(in: transaction)
                return try transaction.first("select class_id, school_id from invitation where id = \(id)", as: UUID?.self, UUID.self)
            }
            guard let (classID, schoolID) = place else { throw Problem.notFound }
            return .seeOther(
                classID.map { "/identity/classes/\($0.text)/invitations" } ?? "/identity/schools/\(schoolID.text)/invitations")
        }
    }

    private func classPage(_ visit: Visit) async throws -> ClassInvitationsPage {
        let id = try visit.uuid("class")
        let now = visit.now
        let found = try await cabinet.database.read { transaction -> (ClassName, [ClassPerson], [CodeTrail])? in
            guard let (grade, letter) = try transaction.first(
                "select grade, letter from class where id = \(id)", as: Int.self, String.self)
            else { return nil }
            return (
                ClassName(grade: grade, letter: letter), try ClassPeople.read(id, now: now, in: transaction),
                try CodeTrail.read(.schoolClass(id), now: now, in: transaction)
            )
        }
        guard let (name, people, trail) = found else { throw Problem.notFound }
        return ClassInvitationsPage(visit, classID: id, name: name, people, trail)
    }

    private func staffPage(_ visit: Visit) async throws -> ClassInvitationsPage {
        let id = try visit.uuid("school")
        let now = visit.now
        let (staff, trail) = try await cabinet.database.read { transaction in
            (try StaffInvitee.read(id, now: now, in: transaction), try CodeTrail.read(.staff(school: id), now: now, in: transaction))
        }
        return ClassInvitationsPage(visit, schoolID: id, staff: staff, trail)
    }

    /// Issues for the ticked people and shows the sheets: the only time the codes are seen.
    private func sheets(
        _ visit: Visit, _ circle: IssueInvitations.Circle, kinds: Set<InvitationKind>, heading: String
    ) async throws -> Answer {
        let form = try await visit.form()
        // A form sends what is ticked; a program that names nobody means everybody.
        let ticked = form.all("only").compactMap { UUID(uuidString: $0) }
        let only = ticked.isEmpty && visit.wantsJSON ? nil : Set(ticked)
        var command = IssueInvitations(circle: circle, kinds: kinds, issuedBy: visit.viewer.personID, now: visit.now)
        command.only = only
        let issued = try await command.run(cabinet.database, cabinet.bench)
        return .page(try InvitationSheetsPage(visit, heading: heading, issued, publicAddress: cabinet.publicAddress))
            .with(.cacheControl, "no-store")
    }
}

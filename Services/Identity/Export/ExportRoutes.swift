import Directory
import Foundation
import HTTPTypes
import Kernel
import Postgres
import Web

/// What is kept about oneself and the child one answers for, and the wish that it be no more.
struct ExportRoutes: Sendable {
    let cabinet: Cabinet

    func add(to book: inout RouteBook) {
        book.page("/identity/profile/export", .seeOneself, about: .oneself) { try await export($0, child: nil) }
        book.page("/identity/children/{child}/export", .representChild, about: .child(parameter: "child")) { visit in
            try await export(visit, child: try visit.uuid("child"))
        }
        book.page("/identity/profile/deletion", .seeOneself, about: .oneself) { try await deletion($0, child: nil) }
        book.post("/identity/profile/deletion", .seeOneself, about: .oneself) { try await request($0, child: nil) }
        book.post("/identity/profile/deletion/end", .seeOneself, about: .oneself) { try await cancel($0, child: nil) }
        book.page("/identity/children/{child}/deletion", .representChild, about: .child(parameter: "child")) { visit in
            try await deletion(visit, child: try visit.uuid("child"))
        }
        book.post("/identity/children/{child}/deletion", .representChild, about: .child(parameter: "child")) { visit in
            try await request(visit, child: try visit.uuid("child"))
        }
        book.post("/identity/children/{child}/deletion/end", .representChild, about: .child(parameter: "child")) { visit in
            try await cancel(visit, child: try visit.uuid("child"))
        }
    }

    private func export(_ visit: Visit, child: UUID?) async throws -> ExportPage {
        let (person, by, now) = (child ?? visit.viewer.personID, visit.viewer.personID, visit.now)
        let found = try await cabinet.database.transaction { transaction -> (PersonalExport, PersonName)? in
            guard let name = try Self.name(of: person, in: transaction) else { return nil }
            try Audit.note(.exported, by: by, about: person, at: now, in: transaction)
            return (try PersonalExport.read(person, in: transaction), name)
        }
        guard let (export, name) = found else { throw Problem.notFound }
        return ExportPage(visit, export, name: name, child: child)
    }

    private func deletion(_ visit: Visit, child: UUID?, wrong: String? = nil) async throws -> DeletionPage {
        let person = child ?? visit.viewer.personID
        let found = try await cabinet.database.read { transaction -> (DeletionState, PersonName)? in
            guard let name = try Self.name(of: person, in: transaction) else { return nil }
            return (try DeletionState.read(person, in: transaction), name)
        }
        guard let (state, name) = found else { throw Problem.notFound }
        return DeletionPage(visit, state, child: child.map { (id: $0, name: name) }, wrong: wrong)
    }

    private func request(_ visit: Visit, child: UUID?) async throws -> Answer {
        let password = String((try await visit.form()["password"] ?? "").prefix(1000))
        let (person, by, now) = (child ?? visit.viewer.personID, visit.viewer.personID, visit.now)
        do {
            try await OwnPassword(personID: by, password: password, now: now)
                .prove(cabinet.database, cabinet.bench, field: "password")
            try await cabinet.database.transaction { try RequestDeletion(personID: person, by: by, now: now).run(in: $0) }
        } catch let refused as ProfileRefused {
            let text = refused.fields["password"].map(visit.sentence)
            return .page(try await deletion(visit, child: child, wrong: text), .unprocessableContent)
        } catch is DeletionRefused {
            // The page says why.
            return .page(try await deletion(visit, child: child), .conflict)
        } catch is HashingBusy {
            throw Problem(.serviceUnavailable, "Too many people sign in at this moment. Try again in a minute.")
        }
        return .seeOther(Self.address(child))
    }

    private func cancel(_ visit: Visit, child: UUID?) async throws -> Answer {
        let command = CancelDeletion(personID: child ?? visit.viewer.personID, by: visit.viewer.personID, now: visit.now)
        try await cabinet.database.transaction { try command.run(in: $0) }
        return .seeOther(Self.address(child))
    }

    private static func address(_ child: UUID?) -> String {
        child.map { "/identity/children/\($0.text)/deletion" } ?? "/identity/profile/deletion"
    }

    /// Also of a child who has left: his family still answers for him.
    private static func name(of person: UUID, in transaction: borrowing Transaction) throws -> PersonName? {
        try transaction.first(
            "select surname, given_name, patronymic from person where id = \(person)", as: String.self, String.self, String?.self
        ).map { PersonName(surname: $0, given: $1, patronymic: $2) }
    }
}

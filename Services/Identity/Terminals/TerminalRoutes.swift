import Directory
import Foundation
import HTTPTypes
import Kernel
import Postgres
import Web

/// «Терминалы»: registered, given a new code, taken out of service.
struct TerminalRoutes: Sendable {
    let cabinet: Cabinet

    private static let terminal = RouteSubject.resolved { visit, transaction in
        try transaction.first(
            "select school_id from terminal where id = \(visit.uuid("terminal")) and ended_at is null", as: UUID.self
        ).map { .school($0) }
    }

    func add(to book: inout RouteBook) {
        book.page("/identity/terminals", .manageDevices, about: .anySchool) { try await page($0) }
        book.form(
            "/identity/terminals", .manageDevices, about: .anySchool,
            again: { visit, errors in try await page(visit, typed: visit.form(), errors: errors) }
        ) { visit in
            let form = try await visit.form()
            let (viewer, now) = (visit.viewer, visit.now)
            let mine = try await cabinet.database.read { try Directory.schools(of: viewer, .manageDevices, in: $0) }
            var errors = FieldErrors()
            let name = String((form["name"] ?? "").trimmed.prefix(80))
            if name.isEmpty { errors["name"] = visit.tr("The terminal needs a name.") }
            let asked = form["school"].flatMap(UUID.init(uuidString:)) ?? (mine.count == 1 ? mine.first?.id : nil)
            let school = mine.first { $0.id == asked }
            if school == nil { errors["school"] = visit.tr("Choose the school.") }
            try errors.throwIfAny()
            guard let school else { throw Problem.notFound }
            let id = UUID.v7(at: now)
            let command = RegisterTerminal(id: id, schoolID: school.id, name: name, by: viewer.personID, now: now)
            let code = try await cabinet.database.transaction { try command.run(in: $0) }
            return codePage(visit, id, name, code)
        }
        book.post("/identity/terminals/{terminal}/code", .manageDevices, about: Self.terminal) { visit in
            let (id, now, by) = (try visit.uuid("terminal"), visit.now, visit.viewer.personID)
            let found = try await cabinet.database.transaction { transaction -> (String, String)? in
                guard let (school, name) = try transaction.first(
                    "select school_id, name from terminal where id = \(id) and ended_at is null for update", as: UUID.self, String.self)
                else { return nil }
                return (name, try RegisterTerminal(id: id, schoolID: school, name: name, by: by, now: now).run(in: transaction))
            }
            guard let (name, code) = found else { throw Problem.notFound }
            return codePage(visit, id, name, code)
        }
        book.post("/identity/terminals/{terminal}/end", .manageDevices, about: Self.terminal) { visit in
            let (id, now, by) = (try visit.uuid("terminal"), visit.now, visit.viewer.personID)
            try await cabinet.database.transaction { transaction in
                let school = try transaction.first("select school_id from terminal where id = \(id)", as: UUID.self)
                try RevokeTerminal(id: id, now: now).run(in: transaction)
                try Audit.note(.terminalRevoked, by: by, school: school, at: now, in: transaction)
            }
            return .seeOther("/identity/terminals")
        }
    }

    private func codePage(_ visit: Visit, _ id: UUID, _ name: String, _ code: String) -> Answer {
        let until = visit.now.addingTimeInterval(SetupCode.goodFor)
        return .page(
            TerminalCodePage(
                title: visit.tr("Code of the terminal"), id: id, name: name, code: code, address: cabinet.publicAddress + "/identity/kiosk",
                until: visit.format.moment(until, now: visit.now))
        ).with(.cacheControl, "no-store")
    }

    private func page(_ visit: Visit, typed: Form? = nil, errors: FieldErrors = FieldErrors()) async throws -> TerminalsPage {
        let viewer = visit.viewer
        let found = try await cabinet.database.read { transaction -> ([SchoolRecord], [Terminal.Listed]) in
            let mine = try Directory.schools(of: viewer, .manageDevices, in: transaction)
            return (mine, try Terminal.all(of: mine.map(\.id), in: transaction))
        }
        return TerminalsPage(
            visit, found.0.map { ($0.id, $0.name) }, found.1, publicAddress: cabinet.publicAddress, typed: typed, errors: errors)
    }
}

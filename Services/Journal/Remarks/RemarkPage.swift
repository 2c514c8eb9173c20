import Directory
import Events
import Foundation
import HTTPTypes
import Kernel
import Messaging
import Postgres
import Web

/// A teacher's words about one pupil: what was written lately and a form.
struct RemarkPage: Page {
    struct Row: Encodable, Sendable, Equatable {
        let day: String
        let text: String
        let by: String
        let isForParentsOnly: Bool
    }

    static let template = "remarks/show"
    let title: String
    let section = "gradebook"
    let name: String
    let accent: String
    let address: String
    let formID: String
    let rows: [Row]
    let isEmpty: Bool
    let typed: String
    let error: String?
}

extension RemarkPage {
    init(for visit: Visit, _ database: Database, typed: String = "", error: String? = nil) async throws {
        let child = try visit.uuid("child")
        let today = visit.today
        let (record, remarks) = try await database.read { tx in
            (try Directory.child(child, in: tx), try Remark.of([child], from: today - 60, to: today, withRemarks: true, in: tx))
        }
        guard let record else { throw Problem.notFound }
        title = visit.tr("Remarks and comments")
        name = record.name?.listed ?? record.pupilCode
        accent = record.accent.rawValue
        address = "/journal/children/\(child.text)/remarks"
        formID = UUID.v7(at: visit.now).text
        rows = remarks.sorted { $0.day > $1.day }.map {
            Row(day: visit.format.date($0.day), text: $0.text, by: $0.by, isForParentsOnly: $0.isForParentsOnly)
        }
        isEmpty = remarks.isEmpty
        self.typed = typed
        self.error = error
    }
}

struct RemarkForm {
    let database: Database
    let outbox: Outbox

    func write(_ visit: Visit) async throws -> Answer {
        let child = try visit.uuid("child")
        let form = try await visit.form()
        let text = (form["text"] ?? "").trimmingCharacters(in: .whitespacesAndNewlines)
        guard !text.isEmpty, text.count <= Remark.longest else {
            let words = visit.tr("Write up to %@ characters.", Remark.longest)
            return .page(try await RemarkPage(for: visit, database, typed: text, error: words), .unprocessableContent)
        }
        let id = form["id"].flatMap(UUID.init(uuidString:)) ?? .v7(at: visit.now)
        let isForParentsOnly = form["for"] != "both"
        try await database.transaction { [outbox] tx in
            guard let record = try Directory.child(child, in: tx) else { throw Problem.notFound }
            let name = try Directory.person(visit.viewer.personID, in: tx)?.name.initials ?? visit.viewer.name
            try WriteRemark(
                id: id, school: record.schoolID, person: child, day: visit.today, subject: nil, text: text, isForParentsOnly: isForParentsOnly,
                by: visit.viewer.personID, byName: name
            ).run(at: visit.now, in: tx, outbox: outbox)
        }
        return .seeOther("/journal/children/\(child.text)/remarks")
    }
}

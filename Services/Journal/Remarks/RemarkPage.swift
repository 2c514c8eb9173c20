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
    let text: Field
    let isForBoth: Bool
}

extension RemarkPage {
    init(for visit: Visit, _ database: Database, typed: Form? = nil, error: String? = nil) async throws {
        let child = try visit.uuid("child")
        let today = visit.today
        let viewer = visit.viewer
        let (record, remarks) = try await database.read { tx in
            let record = try RemarkForm.pupil(child, viewer, in: tx)
            // Others' remarks are for those whom the one decision lets read them; one's own everybody remembers.
            let seesAll = try Directory.decide(viewer, .seeRemarks, about: .child(child), on: today, in: tx) == .allowed
            let all = try Remark.of([child], from: today - 60, to: today, withRemarks: true, in: tx)
            return (record, all.filter { seesAll || !$0.isForParentsOnly || $0.writtenBy == viewer.personID })
        }
        title = visit.tr("Remarks and comments")
        name = record.name?.listed ?? record.pupilCode
        accent = record.accent.rawValue
        address = "/journal/children/\(child.text)/remarks"
        formID = UUID.v7(at: visit.now).text
        rows = remarks.sorted { $0.day > $1.day }.map {
            Row(day: visit.format.date($0.day), text: $0.text, by: $0.by, isForParentsOnly: $0.isForParentsOnly)
        }
        isEmpty = rows.isEmpty
        text = .area("text", visit.tr("Text"), value: typed?["text"] ?? "", wrong: error, most: Remark.longest, isRequired: true)
        isForBoth = typed?["for"] == "both"
    }
}

struct RemarkForm {
    let database: Database
    let outbox: Outbox

    /// The pupil, for a teacher of his class; nobody for others.
    static func pupil(_ child: UUID, _ viewer: Viewer, in transaction: borrowing Transaction) throws -> ChildRecord {
        guard let record = try Directory.child(child, in: transaction), let schoolClass = record.classID else { throw Problem.notFound }
        let timetable = try SchoolTimetable.of(school: record.schoolID, only: schoolClass, in: transaction)
        guard try MayWrite(viewer, schoolClass, timetable, in: transaction).allowsWords else { throw Problem.notFound }
        return record
    }

    func write(_ visit: Visit) async throws -> Answer {
        let child = try visit.uuid("child")
        let form = try await visit.form()
        let text = (form["text"] ?? "").trimmingCharacters(in: .whitespacesAndNewlines)
        guard !text.isEmpty, text.count <= Remark.longest else {
            let words = visit.tr("Write up to %@ characters.", Remark.longest)
            return .page(try await RemarkPage(for: visit, database, typed: form, error: words), .unprocessableContent)
        }
        let id = form["id"].flatMap(UUID.init(uuidString:)) ?? .v7(at: visit.now)
        let isForParentsOnly = form["for"] != "both"
        try await database.transaction { [outbox] tx in
            let record = try Self.pupil(child, visit.viewer, in: tx)
            let name = try Directory.person(visit.viewer.personID, in: tx)?.name.initials ?? visit.viewer.name
            try WriteRemark(
                id: id, school: record.schoolID, person: child, day: visit.today, subject: nil, text: text, isForParentsOnly: isForParentsOnly,
                by: visit.viewer.personID, byName: name
            ).run(at: visit.now, in: tx, outbox: outbox)
        }
        return .seeOther("/journal/children/\(child.text)/remarks")
    }
}

import Directory
import Foundation
import Kernel
import Messaging
import Postgres
import Web

/// Every address of Journal and who may use it.
struct JournalRoutes {
    let database: Database
    let outbox: Outbox

    var book: RouteBook {
        let database = database
        let gradebook = GradebookForm(database: database, outbox: outbox)
        let remarks = RemarkForm(database: database, outbox: outbox)
        var book = RouteBook(service: "/journal")
        book.get("/journal/diary", .seeDiary, about: .oneself) { visit in
            let viewer = visit.viewer
            let open = try await database.read { try Directory.children(of: viewer, .seeDiary, at: visit.now, in: $0).map(\.id) }
            let asked = visit.query("child").flatMap { UUID(uuidString: $0) }.flatMap { open.contains($0) ? $0 : nil }
            let first = viewer.isPupil ? viewer.personID : asked ?? viewer.children.map(\.id).first(where: open.contains) ?? open.first
            guard let first else { throw Problem.notFound }
            return .seeOther("/journal/children/\(first.text)/diary")
        }
        book.page("/journal/children/{child}/diary", .seeDiary, about: .child(parameter: "child")) {
            try await DiaryPage(for: $0, database)
        }
        book.page("/journal/gradebook", .enterLessons, about: .anySchool) { try await LessonsPage(for: $0, database) }
        book.page("/journal/classes/{class}/gradebook", .enterLessons, about: .schoolClass(parameter: "class")) {
            try await GradebookPage(for: $0, database)
        }
        book.post("/journal/classes/{class}/lessons/{day}/{number}", .enterLessons, about: .schoolClass(parameter: "class")) {
            try await gradebook.save($0)
        }
        book.page("/journal/children/{child}/remarks", .enterLessons, about: .child(parameter: "child")) {
            try await RemarkPage(for: $0, database)
        }
        book.post("/journal/children/{child}/remarks", .enterLessons, about: .child(parameter: "child")) { try await remarks.write($0) }
        book.kiosk("/journal/kiosk") { try await KioskTodayPage(for: $0, $1, database) }
        book.kept(WhatIsKept.book, of: "journal", in: database)
        return book
    }
}

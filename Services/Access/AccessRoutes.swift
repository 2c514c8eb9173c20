import Directory
import Foundation
import Kernel
import Messaging
import Postgres
import Service
import Web

/// Every address of Access and who may use it.
struct AccessRoutes {
    let parts: Parts
    let users: BrokerUsers?

    var book: RouteBook {
        let (database, outbox, pages, users) = (parts.database, parts.outbox, parts.pages, users)
        var book = RouteBook(service: "/access")
        book.page("/access/attendance", .seeAttendance, about: .oneself) { try await AttendancePage(for: $0, children: nil, database) }
        book.page("/access/children/{child}/attendance", .seeAttendance, about: .child(parameter: "child")) {
            try await AttendancePage(for: $0, children: [$0.uuid("child")], database)
        }
        book.live("/access/children/{child}/attendance/live", .seeAttendance, about: .child(parameter: "child")) { visit in
            let child = try visit.uuid("child")
            return live(visit, "attendance/today", pages) { try await ChildToday(of: child, for: visit, database) }
        }
        book.get("/access/inside", .watchGate, about: .anySchool) { visit in
            let schools = try await database.read { try Directory.schools(of: visit.viewer, .watchGate, in: $0) }
            guard let school = schools.first else { throw Problem.notFound }
            return .seeOther("/access/schools/\(school.id.text)/inside")
        }
        book.page("/access/schools/{school}/inside", .watchGate, about: .school(parameter: "school")) {
            try await InsidePage(for: $0, database)
        }
        book.live("/access/schools/{school}/inside/live", .watchGate, about: .school(parameter: "school")) { visit in
            live(visit, "inside/list", pages) { try await InsideList(for: visit, database) }
        }
        let devices = DeviceForm(database: database, outbox: outbox, users: users)
        book.get("/access/devices", .manageDevices, about: .anySchool) { visit in
            let schools = try await database.read { try Directory.schools(of: visit.viewer, .manageDevices, in: $0) }
            guard let school = schools.first else { throw Problem.notFound }
            return .seeOther("/access/schools/\(school.id.text)/devices")
        }
        book.page("/access/schools/{school}/devices", .manageDevices, about: .school(parameter: "school")) {
            try await DevicesPage(for: $0, database)
        }
        book.post("/access/schools/{school}/devices", .manageDevices, about: .school(parameter: "school")) {
            try await devices.register($0)
        }
        book.post("/access/devices/{device}/end", .manageDevices, about: .resolved { visit, tx in
            try Device.school(of: visit.uuid("device"), in: tx).map(Subject.school)
        }) { try await devices.end($0) }
        let cards = CardForm(database: database, outbox: outbox)
        book.page("/access/children/{child}/cards", .manageCards, about: .child(parameter: "child")) {
            try await CardsPage(for: $0, database)
        }
        book.post("/access/children/{child}/cards", .manageCards, about: .child(parameter: "child")) { try await cards.assign($0) }
        book.post("/access/cards/{card}/status", .manageCards, about: .resolved { visit, tx in
            try Card.person(of: visit.uuid("card"), in: tx).map(Subject.child)
        }) { try await cards.change($0) }
        book.kept(WhatIsKept.book, of: "access", in: parts.database)
        return book
    }

    /// A fragment that is sent anew whenever somebody passed; at most a few times a second.
    private func live<Fragment: Encodable & Sendable>(
        _ visit: Visit, _ template: String, _ pages: Pages, _ read: @escaping @Sendable () async throws -> Fragment
    ) -> AsyncStream<ServerEvent> {
        let heard = AccessService.passagesHeard.subscribe()
        return AsyncStream { continuation in
            let task = Task {
                var last = ""
                for await _ in heard {
                    if let fragment = try? await read(),
                        let html = pages.render(fragment, template: template, language: visit.language), html != last
                    {
                        last = html
                        continuation.yield(ServerEvent("change", html))
                    }
                    // Passages come in bursts; a page need not be drawn more often than one can look.
                    if (try? await Task.sleep(for: .milliseconds(250))) == nil { break }
                }
                continuation.finish()
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }
}

import Events
import Foundation
import Logging
import Messaging
import Postgres
import Service
import Web

/// A service as small as one can be: hears that a session has ended, and counts.
enum BellService: SchoolService {
    static let name = "bell"
    static let settings = [
        Setting("bell.secret", "what only an installation can make", isRequired: true, isSecret: true),
        Setting("bell.volume", "how loud, in decibels", .number, default: "60"),
    ]

    /// Migrations and views as a service's bundle has them.
    static let bundle: Bundle = {
        let folder = FileManager.default.temporaryDirectory.appending(path: "bell-\(UUID()).resources")
        let migrations = folder.appending(path: "Migrations")
        do {
            try FileManager.default.createDirectory(at: migrations, withIntermediateDirectories: true)
            try FileManager.default.createDirectory(at: folder.appending(path: "Views"), withIntermediateDirectories: true)
            try "create table rung (session_id uuid primary key);".write(
                to: migrations.appending(path: "001-bell.sql"), atomically: true, encoding: .utf8)
        } catch {
            fatalError("the temporary folder cannot be written: \(error)")
        }
        guard let bundle = Bundle(path: folder.path) else { fatalError("\(folder.path) is no bundle") }
        return bundle
    }()

    static func hearings(_ parts: Parts) -> [Hearing] {
        [
            Hearing(
                queue: "bell.sessions",
                [
                    .each(SessionEnded.self) { ended, transaction, _ in
                        try transaction.execute("insert into rung (session_id) values (\(ended.event.sessionID))")
                    }
                ])
        ]
    }

    static func routes(_ parts: Parts) -> RouteBook { RouteBook(service: name) }
}

import Foundation
import Postgres
import Service
import Support
import Testing

@testable import Ledger

/// The functions and views of the books have one text each, beside the capability they serve; numbered migrations are history.
@Suite("The functions of the books", .database(LedgerService.migrations)) struct FunctionsTests {
    private let database = TestDatabase.current.database
    private static let service = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appending(path: "../../Services/Ledger").standardizedFileURL

    /// Every file of SQL that is no migration, by its name.
    private func files() throws -> [String: String] {
        let found = try FileManager.default.subpathsOfDirectory(atPath: Self.service.path)
            .filter { $0.hasSuffix(".sql") && !$0.hasPrefix("Migrations/") }
        return try Dictionary(
            uniqueKeysWithValues: found.map { path in
                let file = Self.service.appending(path: path)
                return (file.deletingPathExtension().lastPathComponent, try String(contentsOf: file, encoding: .utf8))
            })
    }

    private func definitions() async throws -> [String: String] {
        let rows = try await database.rows(
            """
            select proname::text, pg_get_functiondef(oid) from pg_proc where pronamespace = current_schema()::regnamespace
            union all
            select viewname::text, definition from pg_views where schemaname = current_schema()
            order by 1
            """, as: String.self, String.self)
        #expect(Set(rows.map(\.0)).count == rows.count, "a name has two texts")
        return Dictionary(rows, uniquingKeysWith: { first, _ in first })
    }

    @Test("a fresh schema has exactly the functions and views of the files") func equal() async throws {
        let files = try files()
        let fresh = try await definitions()
        #expect(fresh.keys.sorted() == files.keys.sorted())
        // A file that the package does not name is not part of the program.
        let applied = try await database.rows("select name from living_text where series = 'ledger'", as: String.self)
        #expect(applied.sorted() == files.keys.sorted())
        try await database.transaction { transaction in
            for (_, text) in files { try transaction.script(text) }
        }
        let again = try await definitions()
        for (name, definition) in fresh { #expect(again[name] == definition, "\(name) is not what its file says") }
    }

    @Test("nobody joins what is written in two ways plainly, for the planner would read the whole of it, but who checks the whole")
    func joins() throws {
        let found = try FileManager.default.subpathsOfDirectory(atPath: Self.service.path)
            .filter { ($0.hasSuffix(".sql") || $0.hasSuffix(".swift")) && $0 != "Books/VerifyBooks.swift" }
        #expect(found.count > 50)
        for path in found {
            let text = try String(contentsOf: Self.service.appending(path: path), encoding: .utf8)
            #expect(text.firstMatch(of: /join (leg|movement)\b/) == nil, "\(path): see leg.sql")
        }
    }

    @Test("no function has rights of its owner, and nobody else has a right to the books") func rights() async throws {
        let special = try await database.rows(
            """
            select proname::text from pg_proc
            where pronamespace = current_schema()::regnamespace and (prosecdef or proacl is not null or proowner <> current_user::regrole)
            """, as: String.self)
        #expect(special == [])
    }
}

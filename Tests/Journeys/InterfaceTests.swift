import Foundation
import Hummingbird
import HummingbirdTesting
import NIOCore
import Service
import Support
import Testing
import Web

@testable import Access
@testable import Canteen
@testable import Identity
@testable import Journal
@testable import Ledger
@testable import Notifier

/// Each service describes itself by a document that an independent reader accepts.
@Suite struct InterfaceTests {
    @Test("Identity's interface", .database(IdentityService.migrations)) func identity() async throws { try await read(IdentityService.self) }
    @Test("Ledger's interface", .database(LedgerService.migrations)) func ledger() async throws { try await read(LedgerService.self) }
    @Test("Canteen's interface", .database(CanteenService.migrations)) func canteen() async throws { try await read(CanteenService.self) }
    @Test("Access's interface", .database(AccessService.migrations)) func access() async throws { try await read(AccessService.self) }
    @Test("Journal's interface", .database(JournalService.migrations)) func journal() async throws { try await read(JournalService.self) }
    @Test("Notifier's interface", .database(NotifierService.migrations)) func notifier() async throws { try await read(NotifierService.self) }

    private func read<S: SchoolService>(_ service: S.Type) async throws {
        let parts = try await S.parts(database: TestDatabase.current.database)
        let app = Application(router: try S.router(parts))
        let data = try await app.test(.router) { client in
            let response = try await client.executeRequest(uri: "/\(S.name)/openapi.json", method: .get, headers: [:], body: nil)
            #expect(response.status == .ok)
            return Data(response.body.readableBytesView)
        }
        let document = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        let paths = try #require(document["paths"] as? [String: [String: Any]])
        for route in S.routes(parts).routes {
            #expect(paths[route.path]?[route.method.rawValue.lowercased()] != nil, "\(route.method) \(route.path) is not described")
        }
        let file = FileManager.default.temporaryDirectory.appending(path: "openapi-\(S.name)-\(UUID().uuidString).json")
        try data.write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let check = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "validate_openapi.py").path
        let (end, said) = try await ChildProcess.outcome(try TestServers.python, [check, file.path])
        #expect(end == .exited(0), "\(said)")
    }
}

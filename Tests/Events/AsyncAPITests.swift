import Events
import Foundation
import Support
import Testing

@Suite struct AsyncAPITests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    private static let document = root.appending(path: "Shared/Events/asyncapi.json")

    @Test func theDocumentIsTheOneThatTheTypesGive() throws {
        let kept = try String(contentsOf: Self.document, encoding: .utf8)
        let isCurrent = kept == (try AsyncAPI.text())
        #expect(isCurrent, "Shared/Events/asyncapi.json is older than the types. Write it with: swift run Contracts asyncapi --write")
    }

    @Test("The document fits AsyncAPI 3, its references resolve, golden messages fit their schemas")
    func fitsItsModel() async throws {
        let here = URL(filePath: #filePath).deletingLastPathComponent()
        let (end, said) = try await ChildProcess.outcome(
            try TestServers.python,
            ["-W", "ignore", here.appending(path: "validate_asyncapi.py").path, Self.document.path, here.appending(path: "Golden").path])
        #expect(end == .exited(0), "\(said)")
    }
}

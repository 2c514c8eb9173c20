import Events
import Foundation
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
    func fitsItsModel() throws {
        guard let python = ProcessInfo.processInfo.environment["ZVONOK_TEST_PYTHON"] else {
            Issue.record(
                "Set ZVONOK_TEST_PYTHON to the Python of an environment with deploy/requirements-test.txt; deploy/test does so.")
            return
        }
        let here = URL(filePath: #filePath).deletingLastPathComponent()
        let process = Process()
        process.executableURL = URL(filePath: python)
        process.arguments = [
            "-W", "ignore", here.appending(path: "validate_asyncapi.py").path, Self.document.path,
            here.appending(path: "Golden").path,
        ]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(text)")
    }
}

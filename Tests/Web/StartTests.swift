import Directory
import Events
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import JWTKit
import Kernel
import Logging
import Messaging
import Postgres
import Support
import Testing

@testable import Web

private struct Home: Page {
    static let template = "state-page"
    let title = "Home"
    let section = "home"
    let heading = "home of a family"
    let sentence = ""
    let detail: String? = nil
    let link: String? = nil
    let linkTitle: String? = nil
    let icon = "icons/home"
}

/// Where everybody lands who opens `/`.
@Suite("The first page", .database(.messaging, DirectoryParts.migrations)) struct StartTests {
    private let database = TestDatabase.current.database
    private let key = ES256PrivateKey()
    private let keyID = UUID.v7()
    private let person = UUID.v7()
    private let child = UUID.v7()

    private func open(
        sections: [String] = [], isGuardian: Bool = false, isPupil: Bool = false, isSignedIn: Bool = true, accept: String = "text/html"
    ) async throws -> (HTTPResponse.Status, String?, String) {
        let (key, keyID, person, child) = (key, keyID, person, child)
        try await database.transaction { tx in
            let guardianship = isGuardian ? [Guardianship(childID: child, topics: [.diary], isPrimary: true, until: nil)] : []
            try Directory.apply([Told(RightsChanged(personID: person, version: isGuardian ? 2 : 1, roles: [], children: guardianship))], in: tx)
            try Directory.apply(
                [
                    Told(
                        SigningKeyChanged(
                            keyID: keyID, version: 1, algorithm: "ES256", publicKey: key.publicKey.pemRepresentation,
                            validFrom: Date(timeIntervalSinceNow: -9), validUntil: Date(timeIntervalSinceNow: 999), ended: false))
                ], in: tx)
        }
        let keys = JWTKeyCollection()
        await keys.add(ecdsa: key, kid: JWKIdentifier(string: keyID.text))
        let token = try await keys.sign(
            SessionToken(
                person: person, session: .v7(), rights: 1, name: "Ольга",
                kids: isGuardian ? [.init(id: child, name: "Маша", accent: "sea")] : [], isPupil: isPupil, sections: sections),
            kid: JWKIdentifier(string: keyID.text))
        var book = RouteBook(service: "test")
        book.start("/test/home", .seeHome) { _ in Home() }
        let router = Router()
        WebHost(pages: try Pages(nil, prefix: "/test"), database: database, publicAddress: "https://school.test", logger: Logger(label: "test"))
            .register(book, on: router)
        return try await Application(router: router).test(.router) { client in
            var headers: HTTPFields = [.accept: accept]
            if isSignedIn { headers[.cookie] = "\(SessionToken.cookie)=\(token)" }
            let answer = try await client.executeRequest(uri: "/test/home", method: .get, headers: headers, body: nil)
            return (answer.status, answer.headers[.location], String(buffer: answer.body))
        }
    }

    @Test(
        "Whoever works here begins at his own work",
        arguments: [
            (["gradebook", "invitations"], "/journal/gradebook"), (["till"], "/canteen/till"), (["menu"], "/canteen/kitchen"),
            (["gate"], "/access/inside"), (["desk"], "/ledger/desk"), (["devices", "people", "invitations"], "/identity/people"),
            (["devices"], "/access/devices"), (["meals", "consents"], "/canteen/meals"), ([], "/identity/profile"), (["unknown"], "/identity/profile"),
        ])
    func staff(_ sections: [String], _ address: String) async throws {
        let (status, location, body) = try await open(sections: sections)
        #expect(status == .seeOther && location == address && body.isEmpty)
    }

    @Test("A family and a pupil have a home; so has a teacher who is a mother")
    func home() async throws {
        #expect(try await open(isPupil: true).0 == .ok)
        #expect(try await open(isGuardian: true).0 == .ok)
        #expect(try await open(sections: ["gradebook"], isGuardian: true).2.contains("home of a family"))
    }

    @Test("A program is refused as before, and nobody is asked to sign in")
    func others() async throws {
        #expect(try await open(sections: ["till"], accept: "application/json").0 == .notFound)
        let (status, location, _) = try await open(isSignedIn: false)
        #expect(status == .seeOther && location == "/identity/sign-in?to=%2Ftest%2Fhome")
    }
}

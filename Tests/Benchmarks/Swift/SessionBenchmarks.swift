import ArgumentParser
import Directory
import Events
import Foundation
import JWTKit
import Kernel
import Postgres
import Web

/// What every service does before it answers a reader: the token's signature, then the decision from its own tables. Nobody is
/// asked, so this is all that a sign-in costs afterwards.
struct SessionCheck: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Checks who asks and whether he may, one check after another.")
    @Option(help: "libpq's connection string, with a database of the benchmark's own.") var conninfo: String
    @Option(help: "How many checks.") var checks = 20_000
    @Flag(help: "Every token comes once, as after its renewal; otherwise the tokens of 800 readers come again and again.") var new = false
    @Flag(help: "Only who asks, without the decision about a child.") var signatureOnly = false

    private static let readers = 800

    func run() async throws {
        let database = Database(DatabaseConfiguration(conninfo: conninfo, poolSize: 2), logger: quietLogger())
        try await Migrations.apply([DirectoryParts.migrations], to: database)
        let families = (0..<Self.readers).map { _ in Family() }
        let signer = try await Self.prepare(families, database)
        var tokens: [String] = []
        for number in 0..<(new ? checks : families.count) {
            tokens.append(try await families[number % families.count].token(signer))
        }
        let keys = TokenKeys(database)
        // Keys and connections are there before the clock starts, and what is seen again has been seen.
        for token in new ? [tokens[0]] : tokens { _ = try await keys.verified(token) }
        let today = SchoolZone.moscow.day(of: Date())
        try await Self.decide(families[0].viewer(), families[0].child, today, database)
        let start = ContinuousClock.now
        for number in 0..<checks {
            let session = try await keys.verified(tokens[number % tokens.count])
            guard !signatureOnly else { continue }
            guard let viewer = session.viewer else { throw Stuck(description: "the token names nobody") }
            try await Self.decide(viewer, families[number % families.count].child, today, database)
        }
        try Measurement(count: checks, in: .now - start).show()
        await database.close()
    }

    private static func decide(_ viewer: Viewer, _ child: UUID, _ day: Day, _ database: Database) async throws {
        let decision = try await Directory.judge(viewer, .seeDiary, about: .child(child), on: day, in: database).decision
        guard decision == .allowed else { throw Stuck(description: "a mother may not see her child: \(decision)") }
    }

    /// A school of such families as the directory would have heard of it, and the key that signs their tokens.
    private static func prepare(_ families: [Family], _ database: Database) async throws -> (keys: JWTKeyCollection, kid: JWKIdentifier) {
        let (key, id) = (ES256PrivateKey(), UUID.v7())
        let pem = key.publicKey.pemRepresentation
        let (school, now) = (UUID.v7(), Date())
        try await database.transaction { transaction in
            try transaction.execute("truncate directory_signing_key, directory_rights, directory_pupil, directory_ended_session")
            try transaction.execute(
                """
                insert into directory_signing_key (id, algorithm, public_key, valid_from, valid_until, ended, epoch, version, told_at)
                values (\(id), 'ES256', \(pem), \(now), \(now.addingTimeInterval(86_400)), false, 1, 1, \(now))
                """)
            for family in families {
                let children = JSON([Guardianship(childID: family.child, topics: Topic.allCases, isPrimary: true, until: nil)])
                try transaction.execute(
                    """
                    insert into directory_rights (id, roles, children, ended, epoch, version, told_at)
                    values (\(family.guardian), '[]', \(children), false, 1, 1, \(now))
                    """)
                try transaction.execute(
                    """
                    insert into directory_pupil (id, school_id, class_id, account_number, pupil_code, ended, epoch, version, told_at)
                    values (\(family.child), \(school), null, '0270390000', 'I44F2EUE5W', false, 1, 1, \(now))
                    """)
            }
        }
        try await database.execute("analyze directory_rights, directory_pupil")
        let keys = JWTKeyCollection()
        await keys.add(ecdsa: key, kid: JWKIdentifier(string: id.text))
        return (keys, JWKIdentifier(string: id.text))
    }
}

/// A mother and her child.
private struct Family: Sendable {
    let guardian = UUID.v7()
    let child = UUID.v7()

    func token(_ signer: (keys: JWTKeyCollection, kid: JWKIdentifier)) async throws -> String {
        let token = SessionToken(
            person: guardian, session: UUID.v7(), rights: 1, name: "Орлова Мария Петровна",
            kids: [SessionToken.Kid(id: child, name: "Анна", accent: Accent.sea.rawValue)])
        return try await signer.keys.sign(token, kid: signer.kid)
    }

    func viewer() -> Viewer { Viewer(personID: guardian, sessionID: UUID.v7(), rightsNumber: 1, name: "") }
}

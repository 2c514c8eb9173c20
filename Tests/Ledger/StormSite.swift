import AsyncHTTPClient
import Directory
import Events
import Foundation
import JWTKit
import Kernel
import Logging
import Messaging
import NIOCore
import NIOHTTP1
import Postgres
import RabbitMQ
import Service
import Support
import Synchronization
import Testing
import Web

@testable import Ledger

/// A Postgres and a RabbitMQ of one test's own, two copies of the real executable on them, and a school with its families; any of
/// them can be killed and comes back. Gone when the test process ends, however it ends.
final class StormSite: Sendable {
    struct NobodyAnswers: Error {
        let path: String
    }

    /// How long anything may take before the test gives up: never reached by a machine that does anything at all.
    static let patience = Duration.seconds(300)

    struct Family: Sendable {
        let guardian = UUID.v7()
        let children = (0..<3).map { _ in UUID.v7() }
    }

    let folder = "/tmp/ledger-storm-\(UUID().uuidString.lowercased().prefix(8))"
    let base: Int
    let school = UUID.v7()
    let families = (0..<6).map { _ in Family() }
    let accountant = UUID.v7()
    let tutor = UUID.v7()
    let club = UUID.v7()
    let broker: BrokerConfiguration
    /// Ledger's own schema, as an administrator sees it.
    let ledger: Database
    private let administrator: String
    private let amqp: String
    private let copies = Mutex<[Int: ChildProcess]>([:])
    private let watcher: ChildProcess
    private let key = ES256PrivateKey()
    private let keyID = UUID.v7()
    /// Never shut down: it lives as long as the process.
    private static let web = HTTPClient(eventLoopGroupProvider: .singleton, configuration: .init(redirectConfiguration: .disallow))

    var children: [UUID] { families.flatMap(\.children) }
    var conninfo: String { administrator + " dbname=postgres" }

    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    /// Where the executables of this build are: beside the tests.
    private static let program = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        .appendingPathComponent("Ledger").path

    init() async throws {
        let folder = folder
        base = try Self.freePorts()
        watcher = try Self.endWithProcess(folder)
        let said = try await ChildProcess.run("\(Self.root.path)/deploy/servers", ["start", folder, "--ports", "\(base)"])
        func value(_ name: String) throws -> String {
            let line = try #require(said.split(separator: "\n").first { $0.contains(name) })
            return String(line.split(separator: "\"")[1])
        }
        administrator = try value("ZVONOK_TEST_POSTGRES")
        amqp = try value("ZVONOK_TEST_AMQP")
        broker = try BrokerConfiguration(url: amqp, heartbeatSeconds: 5, name: "storm")
        ledger = Database(
            DatabaseConfiguration(conninfo: administrator + " dbname=postgres", poolSize: 3, schema: "ledger"), logger: Logger(label: "storm"))
        try await ChildProcess.run(Self.program, ["migrate", "--admin", conninfo], environment: environment(0))
        let parts = try await LedgerService.parts(database: ledger, settings: ["rabbitmq.url": amqp])
        let channel = BrokerChannel(broker)
        var topology = Topology.shared
        for hearing in LedgerService.hearings(parts) { topology = try topology.merging(hearing.topology) }
        // Who looked at a child is said to Identity: its queue is there, whether or not it listens.
        topology = try topology.merging(.consumed("identity.looks", from: "school.commands", keys: [RecordLooks.name]))
        try await channel.declare(topology)
        await channel.close()
        try await openSchool()
    }

    /// The variables of a copy's configuration.
    private func environment(_ copy: Int) -> [String: String] {
        let host = administrator.split(separator: " ").filter { !$0.hasPrefix("user=") && !$0.hasPrefix("password=") }.joined(separator: " ")
        return [
            "POSTGRES_URL": "\(host) dbname=postgres user=ledger password=of-the-storm", "RABBITMQ_URL": amqp, "HTTP_PORT": "\(port(copy))",
            "HEALTH_PORT": "\(healthPort(copy))", "HTTP_PUBLIC_ADDRESS": "https://localhost", "LOG_LEVEL": "warning", "LOG_SPANS": "false",
        ]
    }

    private func port(_ copy: Int) -> Int { base + 90 + copy }
    private func healthPort(_ copy: Int) -> Int { base + 92 + copy }

    // MARK: - Copies and servers

    /// Starts a copy; which of them answers does not matter to anybody.
    func start(_ copy: Int) throws {
        let process = try ChildProcess(
            Self.program, ["serve"], environment: environment(copy), output: "\(folder)/copy-\(copy).log")
        try "\(process.id)\n".write(toFile: "\(folder)/copy-\(copy).pid", atomically: true, encoding: .utf8)
        copies.withLock { $0[copy] = process }
    }

    /// `kill -9`.
    func kill(_ copy: Int) {
        copies.withLock { $0.removeValue(forKey: copy) }?.kill9()
        forget(copy)
    }

    /// Its number may be another process's from now on.
    private func forget(_ copy: Int) { try? FileManager.default.removeItem(atPath: "\(folder)/copy-\(copy).pid") }

    func isRunning(_ copy: Int) -> Bool { copies.withLock { $0[copy].map { $0.end == nil } ?? false } }

    /// Whether a copy is ready. One that is asked to leave while it starts is ended by the signal, as any program.
    func isServing(_ copy: Int) async -> Bool {
        let request = HTTPClientRequest(url: "http://127.0.0.1:\(healthPort(copy))/ready")
        return (try? await Self.web.execute(request, timeout: .seconds(30)))?.status == .ok
    }

    /// What a copy has said.
    func log(_ copy: Int) -> String { (try? String(contentsOfFile: "\(folder)/copy-\(copy).log", encoding: .utf8)) ?? "" }

    /// Asks both copies to leave and waits for them.
    func stop() async throws -> [ChildProcess.End?] {
        let all = copies.withLock { all in
            defer { all = [:] }
            return Array(all.values)
        }
        for process in all { process.signal(SIGTERM) }
        try await eventually(within: Self.patience, "both copies leave") { all.allSatisfy { $0.end != nil } }
        for copy in 0...1 { forget(copy) }
        return all.map(\.end)
    }

    /// `kill -9` for `postgres` or `rabbitmq`; returns when it is back.
    func restart(_ server: String) async throws {
        try await ChildProcess.run("\(Self.root.path)/deploy/servers", ["restart", folder, server])
    }

    /// A command of `ledger`, until it could do its work: the database may be away.
    @discardableResult
    func command(_ words: String...) async throws -> String {
        try await persistently(within: Self.patience, whenever: { $0 is ChildProcess.Failed }) {
            try await ChildProcess.run(Self.program, words, environment: environment(0))
        }
    }

    /// `ledger verify`.
    func verify() async throws -> String { try await ChildProcess.run(Self.program, ["verify"], environment: environment(0)) }

    func end() async {
        for copy in 0...1 { kill(copy) }
        await ledger.close()
        _ = try? await ChildProcess.run("\(Self.root.path)/deploy/servers", ["stop", folder, "--wipe"])
        watcher.kill9()
    }

    // MARK: - People

    private func openSchool() async throws {
        let now = Date()
        let pupils = children.enumerated().map { place, child in
            PupilChanged(
                personID: child, version: 1, schoolID: school, accountNumber: "02700000\(10 + place)", pupilCode: "I44F2EU\(10 + place)", ended: false)
        }
        let signing = SigningKeyChanged(
            keyID: keyID, version: 1, algorithm: "ES256", publicKey: key.publicKey.pemRepresentation,
            validFrom: Date(timeIntervalSince1970: 0), validUntil: now + 86_400, ended: false)
        func role(_ person: UUID, _ role: Role) -> RightsChanged {
            RightsChanged(
                personID: person, version: 1, roles: [RoleHeld(schoolID: school, role: role, classID: nil)], children: [], ended: false)
        }
        let rights = [role(accountant, .accountant), role(tutor, .tutor)] + families.map { family in
            RightsChanged(
                personID: family.guardian, version: 1, roles: [],
                children: family.children.map { Guardianship(childID: $0, topics: Topic.allCases, isPrimary: true, until: nil) }, ended: false)
        }
        let offer = OfferService(
            id: club, school: school, provider: "Школа", title: "Кружок", about: "",
            terms: .init(rhythm: .month, from: SchoolZone.moscow.day(of: now) - 40, until: nil), price: .roubles(300), places: nil,
            audience: .init(grades: [], classes: []), by: accountant)
        try await ledger.transaction { [school] tx in
            let outbox = Outbox(service: "ledger")
            try tx.openBooks(of: school, version: 1, zone: .moscow, at: now)
            for pupil in pupils { try WhenPupilAppears(pupil: pupil, version: 1).react(in: tx, outbox, at: now) }
            try Directory.apply(
                [Told(SchoolChanged(schoolID: school, version: 1, name: "Школа", timeZone: "Europe/Moscow", modules: [], contacts: [], ended: false))], in: tx)
            try Directory.apply(pupils.map { Told($0) }, in: tx)
            try Directory.apply([Told(signing)], in: tx)
            try Directory.apply(rights.map { Told($0) }, in: tx)
            try offer.run(in: tx, at: now)
        }
    }

    // MARK: - Asking

    /// Sends a form until some copy has answered it: the form's id makes it count once, however often it is sent.
    func post(_ path: String, _ form: [String: String], by person: UUID) async throws -> UInt {
        let kids = families.first { $0.guardian == person }?.children ?? []
        let token = SessionToken(
            person: person, session: .v7(), rights: 1, name: "", kids: kids.map { .init(id: $0, name: "Ребёнок", accent: "sea") })
        let signed = try await JWTKeyCollection().add(ecdsa: key, kid: JWKIdentifier(string: keyID.text))
            .sign(token, kid: JWKIdentifier(string: keyID.text))
        let body = form.map { "\($0)=\($1.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "")" }.joined(separator: "&")
        var attempt = Int.random(in: 0...1)
        return try await persistently(within: Self.patience) {
            attempt += 1
            var request = HTTPClientRequest(url: "http://127.0.0.1:\(port(attempt % 2))\(path)")
            request.method = .POST
            request.headers = [
                "Cookie": "\(SessionToken.cookie)=\(signed)", "Origin": "https://localhost", "Accept": "application/json",
                "Content-Type": "application/x-www-form-urlencoded",
            ]
            request.body = .bytes(ByteBuffer(string: body))
            // Longer than a copy waits for its database: what was not answered is not being done any more when it is sent again.
            let answer = try await Self.web.execute(request, timeout: .seconds(60))
            guard answer.status.code < 500 else { throw NobodyAnswers(path: path) }
            return answer.status.code
        }
    }

    // MARK: - Processes

    /// The first of a hundred ports at none of which anybody listens.
    private static func freePorts() throws -> Int {
        let first = Int(getpid()) % 40
        let base = (0..<40).lazy.map { 28_000 + (first + $0) % 40 * 100 }.first { base in
            (base..<base + 100).allSatisfy { isFree(UInt16($0)) }
        }
        return try #require(base, "no hundred ports are free")
    }

    private static func isFree(_ port: UInt16) -> Bool {
        let door = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(door) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        address.sin_port = port.bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(door, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0 }
        }
    }

    /// A shell that waits for this process to end, however it ends, and then takes everything away.
    private static func endWithProcess(_ folder: String) throws -> ChildProcess {
        let script = """
            while kill -0 \(getpid()); do sleep 1; done
            [ ! -d \(folder) ] || kill -9 $(cat \(folder)/copy-*.pid)
            [ ! -d \(folder) ] || exec \(root.path)/deploy/servers stop \(folder) --wipe
            """
        return try ChildProcess("/bin/bash", ["-c", script], isApart: true)
    }
}

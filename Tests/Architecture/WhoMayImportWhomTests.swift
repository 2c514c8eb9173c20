import Testing

/// Dependencies point one way: a service knows the shared modules, no service knows another, rules know
/// values only, and each C library has one importer.
@Suite("Who may import whom") struct WhoMayImportWhomTests {
    /// What of ours a shared module may import.
    static let allowed: [String: Set<String>] = [
        "Kernel": [],
        "Events": ["Kernel"],
        "Executors": [],
        "Postgres": ["Executors", "Kernel"],
        "RabbitMQ": ["Executors", "Kernel"],
        "Messaging": ["Kernel", "Events", "Postgres", "RabbitMQ"],
        "Directory": ["Kernel", "Events", "Postgres", "Messaging"],
        "Web": ["Kernel", "Events", "Directory", "Postgres"],
        "Service": ["Executors", "Kernel", "Events", "Postgres", "RabbitMQ", "Messaging", "Directory", "Web"],
        "Mail": ["Kernel"],
        "Spreadsheet": ["Kernel"],
        "Contracts": ["Kernel", "Events", "Messaging"],
    ]
    static let ours = Set(allowed.keys).union(SourceTree.services)

    /// The one place that may speak to each C library.
    static let importers = [
        "CEpoll": "Shared/Executors/", "CLibPQ": "Shared/Postgres/", "CRabbitMQ": "Shared/RabbitMQ/", "CGettextPO": "Shared/Web/",
        "CCurl": "Shared/Mail/", "CArgon2": "Services/Identity/", "COpenSSL": "Services/Identity/", "CQREncode": "Shared/Web/",
        "CXLSXWriter": "Shared/Spreadsheet/",
    ]

    /// Rules without input and output. A file joins the list when it is written; it never leaves it.
    static let rules = [
        "Shared/Directory/Entitlement.swift",
        "Services/Access/Passages/WayThrough.swift",
        "Services/Access/Passages/DeviceClock.swift",
        "Services/Ledger/Certificates/Nominal.swift",
        "Services/Ledger/Refunds/Refund.swift",
        "Services/Ledger/Subsidies/Subsidy.swift",
        "Services/Identity/Gosuslugi/Snils.swift",
        "Services/Identity/Gosuslugi/PortalAdmission.swift",
    ]

    @Test("no service imports another", arguments: SourceTree.services) func servicesAreStrangers(_ service: String) throws {
        let others = Set(SourceTree.services).subtracting([service])
        for file in SourceTree.files(in: "Services/\(service)", ending: ".swift") {
            let known = try SourceTree.imports(file).intersection(others)
            #expect(known.isEmpty, "\(file) imports \(known)")
        }
    }

    @Test("shared modules import downwards only", arguments: allowed.keys.sorted())
    func sharedModulesPointOneWay(_ module: String) throws {
        let permitted = try #require(Self.allowed[module])
        for file in SourceTree.files(in: "Shared/\(module)", ending: ".swift") {
            let upward = try SourceTree.imports(file).intersection(Self.ours).subtracting(permitted)
            #expect(upward.isEmpty, "\(file) imports \(upward)")
        }
    }

    @Test("each C library has one importer", arguments: importers.keys.sorted())
    func oneImporterPerLibrary(_ library: String) throws {
        let place = try #require(Self.importers[library])
        for folder in ["Shared", "Services", "Tests"] {
            for file in SourceTree.files(in: folder, ending: ".swift") where !file.hasPrefix(place) {
                #expect(try !SourceTree.imports(file).contains(library), "\(file) imports \(library)")
            }
        }
    }

    @Test("rules know values only and cannot wait") func rulesArePure() throws {
        let there = Set(SourceTree.files(in: "Shared", ending: ".swift") + SourceTree.files(in: "Services", ending: ".swift"))
        for file in Self.rules {
            #expect(there.contains(file), "\(file) is in the list of rules and nowhere else")
            guard there.contains(file) else { continue }
            let foreign = try SourceTree.imports(file).subtracting(["Foundation", "Kernel", "Events"])
            #expect(foreign.isEmpty, "\(file) imports \(foreign)")
            let code = try SourceTree.code(file).joined(separator: "\n")
            #expect(!code.contains(/\b(async|await|actor|Transaction)\b/), "\(file) waits or touches a database")
        }
    }
}

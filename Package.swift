// swift-tools-version: 6.2
import PackageDescription

/// Zvonok: six services that speak through a broker, the modules they share, and their tests.
///
/// `ZVONOK_TEST` names modules, separated by commas (`Postgres,Ledger`): then only their tests are part of
/// the package, so that one module can be tested without building the tests of all the others.
let chosenTests = Context.environment["ZVONOK_TEST"].map { Set($0.split(separator: ",").map(String.init)) }

extension Target.Dependency {
    static let hummingbird: Self = .product(name: "Hummingbird", package: "hummingbird")
    static let mustache: Self = .product(name: "Mustache", package: "swift-mustache")
    static let configuration: Self = .product(name: "Configuration", package: "swift-configuration")
    static let lifecycle: Self = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
    static let unixSignals: Self = .product(name: "UnixSignals", package: "swift-service-lifecycle")
    static let logging: Self = .product(name: "Logging", package: "swift-log")
    static let metrics: Self = .product(name: "Metrics", package: "swift-metrics")
    static let coreMetrics: Self = .product(name: "CoreMetrics", package: "swift-metrics")
    static let tracing: Self = .product(name: "Tracing", package: "swift-distributed-tracing")
    static let argumentParser: Self = .product(name: "ArgumentParser", package: "swift-argument-parser")
    static let deque: Self = .product(name: "DequeModule", package: "swift-collections")
    static let orderedCollections: Self = .product(name: "OrderedCollections", package: "swift-collections")
    static let crypto: Self = .product(name: "Crypto", package: "swift-crypto")
    static let jwt: Self = .product(name: "JWTKit", package: "jwt-kit")
    static let httpClient: Self = .product(name: "AsyncHTTPClient", package: "async-http-client")
    static let systemPackage: Self = .product(name: "SystemPackage", package: "swift-system")
    static let httpTesting: Self = .product(name: "HummingbirdTesting", package: "hummingbird")
}

extension [SwiftSetting] {
    /// The compiler's strict checks, for every target of ours; a warning is an error.
    static var strict: [SwiftSetting] {
        [
            .swiftLanguageMode(.v6),
            .enableUpcomingFeature("ExistentialAny"),
            .enableUpcomingFeature("MemberImportVisibility"),
            .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
            .treatAllWarnings(as: .error),
        ]
    }
}

extension Target {
    /// A module that services share.
    static func shared(
        _ name: String, _ dependencies: [Dependency] = [], resources: [Resource] = [], beside: [String] = ["README.md"]
    ) -> Target {
        .target(
            name: name, dependencies: dependencies, path: "Shared/\(name)", exclude: beside,
            resources: resources, swiftSettings: .strict)
    }

    /// A service is one executable; what it has in common with the others comes from `Shared`.
    ///
    /// `functions` are its SQL functions, each in the folder of the capability it serves.
    static func service(_ name: String, _ extra: [Dependency] = [], functions: [String] = []) -> Target {
        .executableTarget(
            name: name,
            dependencies: [
                "Kernel", "Events", "Postgres", "RabbitMQ", "Messaging", "Directory", "Web", "Service",
                .hummingbird, .configuration, .lifecycle, .logging, .metrics, .argumentParser,
            ] + extra,
            path: "Services/\(name)", exclude: ["README.md"],
            resources: [.copy("Views"), .copy("Migrations")] + functions.map { .copy("\($0).sql") }, swiftSettings: .strict)
    }

    /// The tests of one module, in the folder of its name.
    static func tests(
        of name: String, _ dependencies: [Dependency] = [], resources: [Resource] = [], beside: [String] = []
    ) -> Target {
        .testTarget(
            name: "\(name)Tests", dependencies: [.init(stringLiteral: name), "Support"] + dependencies,
            path: "Tests/\(name)", exclude: beside, resources: resources, swiftSettings: .strict)
    }
}

let services = ["Identity", "Ledger", "Canteen", "Access", "Journal", "Notifier"]
let serviceParts: [Target.Dependency] = [
    "Kernel", "Events", "Postgres", "RabbitMQ", "Messaging", "Directory", "Web", "Service", .hummingbird, .httpTesting,
]

let systemLibraries: [Target] = [
    // What the system knows about many sockets at once; Foundation does not bring it along.
    .systemLibrary(name: "CEpoll", path: "Shared/CEpoll"),
    .systemLibrary(name: "CLibPQ", path: "Shared/CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
    .systemLibrary(
        name: "CRabbitMQ", path: "Shared/CRabbitMQ", pkgConfig: "librabbitmq", providers: [.apt(["librabbitmq-dev"])]),
    .systemLibrary(name: "CArgon2", path: "Shared/CArgon2", pkgConfig: "libargon2", providers: [.apt(["libargon2-dev"])]),
    .systemLibrary(
        name: "CQREncode", path: "Shared/CQREncode", pkgConfig: "libqrencode", providers: [.apt(["libqrencode-dev"])]),
    .systemLibrary(
        name: "CGettextPO", path: "Shared/CGettextPO", providers: [.apt(["libgettextpo-dev"])]),
    .systemLibrary(
        name: "CCurl", path: "Shared/CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
    .systemLibrary(
        name: "CXLSXWriter", path: "Shared/CXLSXWriter", pkgConfig: "xlsxwriter", providers: [.apt(["libxlsxwriter-dev"])]),
]

/// simdjson speaks C++; a page of it makes it speak C.
let shims: [Target] = [
    .target(name: "CSimdJSON", path: "Shared/CSimdJSON", linkerSettings: [.linkedLibrary("simdjson")]),
    // OpenSSL's libcrypto: signatures in CMS, GOST among them, which swift-crypto does not have.
    .target(name: "COpenSSL", path: "Shared/COpenSSL", linkerSettings: [.linkedLibrary("crypto")]),
]

let sharedModules: [Target] = [
    .shared("Kernel", [.crypto], beside: []),
    .shared("Events", ["Kernel"], beside: ["README.md", "asyncapi.json"]),
    .shared("Executors", ["CEpoll", .deque]),
    .shared("Postgres", ["CLibPQ", "Executors", "Kernel", .logging, .metrics, .deque, .crypto]),
    .shared("RabbitMQ", ["CRabbitMQ", "Executors", "Kernel", .logging, .metrics, .crypto]),
    .shared(
        "Messaging",
        [
            "CSimdJSON", "Kernel", "Events", "Postgres", "RabbitMQ", .logging, .metrics, .lifecycle, .tracing,
            .product(name: "ServiceContextModule", package: "swift-service-context"),
            .product(name: "Instrumentation", package: "swift-distributed-tracing"),
        ],
        resources: [.copy("Migrations")]),
    .shared(
        "Directory", ["Kernel", "Events", "Postgres", "Messaging", .logging],
        resources: [.copy("Migrations")]),
    .shared(
        "Web",
        ["CGettextPO", "CQREncode", "Kernel", "Events", "Directory", "Postgres", .hummingbird, .mustache, .jwt, .crypto, .logging, .tracing, .lifecycle],
        resources: [.copy("Views"), .copy("Assets")]),
    .shared(
        "Service",
        [
            "Executors", "Kernel", "Events", "Postgres", "RabbitMQ", "Messaging", "Directory", "Web", .hummingbird, .configuration,
            .lifecycle, .unixSignals, .logging, .coreMetrics, .metrics, .tracing, .argumentParser, .systemPackage,
        ]),
    .shared("Mail", ["CCurl", "Kernel", .logging, .crypto]),
    .shared("Spreadsheet", ["CXLSXWriter", "Kernel"]),
]

let executables: [Target] = [
    .service("Identity", ["CArgon2", "COpenSSL", .jwt, .crypto, .httpClient]),
    .service(
        "Ledger", ["Spreadsheet", .httpClient, .crypto],
        functions: [
            "Books/account_line", "Books/check_account", "Books/check_entries", "Books/check_return", "Books/check_transfers",
            "Books/follow_school", "Books/leg", "Books/movement", "Books/organisation_line", "Books/refuse_change",
            "CardPayments/keep_card_payment_forward", "CardPayments/keep_card_refund_forward",
            "Charging/charge_limit_left", "Charging/charge_refusal", "Charging/charge_spent", "Charging/charge_spent_on",
            "Charging/decide_charge", "Charging/decide_charges", "Charging/keep_charge_ended", "Charging/post_charge",
            "Charging/withdraw_charges",
            "Desk/keep_desk_day_closed", "PaidServices/keep_service_due_ended", "PaidServices/provides_service",
            "Refunds/keep_request_ended",
        ]),
    .service("Canteen", [.crypto]),
    .service("Access", [.httpClient, .crypto]),
    .service("Journal"),
    .service("Notifier", ["Mail", .crypto]),
    .executableTarget(
        name: "Contracts", dependencies: ["Kernel", "Events", "Messaging", .argumentParser], path: "Shared/Contracts",
        swiftSettings: .strict),
    .executableTarget(
        name: "Benchmarks",
        dependencies: ["Executors", "Kernel", "Events", "Postgres", "RabbitMQ", "Messaging", "Directory", "Web", .jwt, .logging, .argumentParser],
        path: "Tests/Benchmarks/Swift", swiftSettings: .strict),
]

let sharedTests: [Target] = [
    .tests(of: "Kernel"),
    .tests(of: "Events", ["Kernel", "Contracts"], resources: [.copy("Golden")], beside: ["validate_asyncapi.py"]),
    .tests(of: "Postgres", ["Executors", "Kernel"]),
    .tests(of: "RabbitMQ", ["Kernel"]),
    .tests(of: "Messaging", ["Kernel", "Events", "Postgres", "RabbitMQ"]),
    .tests(of: "Directory", ["Kernel", "Events", "Postgres", "Messaging"]),
    .tests(of: "Web", ["Kernel", "Events", "Messaging", "Directory", "Postgres", .hummingbird, .httpTesting, .jwt, .logging]),
    .testTarget(
        name: "ServiceTests", dependencies: serviceParts + ["Support", .configuration], path: "Tests/Service",
        swiftSettings: .strict),
    .tests(of: "Mail", ["Kernel"]),
]
let serviceTests: [Target] = services.map { name in
    let extra: [String: [Target.Dependency]] = ["Notifier": ["Mail"], "Identity": [.httpClient], "Ledger": [.httpClient]]
    let beside = ["Identity": ["openid_provider.py", "portal_persons.json"], "Ledger": ["acquirer_check.py"]]
    return .tests(of: name, serviceParts + (extra[name] ?? []), beside: beside[name] ?? [])
}
let wholeTests: [Target] = [
    .testTarget(
        name: "ArchitectureTests", dependencies: ["Support"], path: "Tests/Architecture", swiftSettings: .strict),
    .testTarget(
        name: "JourneysTests", dependencies: services.map { Target.Dependency(stringLiteral: $0) } + serviceParts + ["Support", .httpClient, .jwt],
        path: "Tests/Journeys", exclude: ["validate_openapi.py"], swiftSettings: .strict),
]
let testTargets = sharedTests + serviceTests + wholeTests

/// A target with everything it stands on.
func closure(of wanted: [Target], in all: [Target]) -> [Target] {
    var names = Set(wanted.map(\.name))
    var rest = wanted
    while let target = rest.popLast() {
        for dependency in target.dependencies {
            guard case .byNameItem(let name, _) = dependency, names.insert(name).inserted else { continue }
            rest += all.filter { $0.name == name }
        }
    }
    return all.filter { names.contains($0.name) }
}

/// What tests stand on: servers of their own, a database for each case.
let support = Target.target(
    name: "Support", dependencies: ["Kernel", "Postgres", "RabbitMQ", .httpClient, .logging], path: "Tests/Support", exclude: ["schemathesis_hooks.py", "smtp_server.py"],
    swiftSettings: .strict)

let allTargets = systemLibraries + shims + sharedModules + executables + [support] + testTargets
let targets: [Target] =
    if let chosenTests {
        closure(of: testTargets.filter { chosenTests.contains(String($0.name.dropLast("Tests".count))) }, in: allTargets)
    } else {
        allTargets
    }

let products: [Product] = targets.filter { $0.type == .executable }.map { .executable(name: $0.name, targets: [$0.name]) }

let package = Package(
    name: "Zvonok",
    products: products,
    dependencies: [
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: [.defaults, "YAML"]),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.3"),
        .package(url: "https://github.com/apple/swift-service-context", from: "1.5.1"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),
    ],
    targets: targets,
    cxxLanguageStandard: .cxx17
)

import Configuration
import Foundation
import Testing

@testable import Service

@Suite("Configuration") struct ConfigurationTests {
    static let required = ["POSTGRES_URL": "host=db password=hidden", "RABBITMQ_URL": "amqp://ledger:hidden@broker"]
    static let own = [
        Setting("till.waitMilliseconds", "how long a till waits", .number, default: "1000"),
        Setting("till.isOffline", "whether tills may sell alone", .flag, default: "false"),
    ]

    private func load(
        _ yaml: String? = nil, _ environment: [String: String] = required
    ) async throws -> ServiceConfiguration {
        var path: String?
        if let yaml {
            let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).yaml")
            try yaml.write(to: file, atomically: true, encoding: .utf8)
            path = file.path
        }
        defer { if let path { try? FileManager.default.removeItem(atPath: path) } }
        return try await ServiceConfiguration.load(
            file: path, environment: environment, settings: Setting.common + Self.own)
    }

    private func faults(_ yaml: String? = nil, _ environment: [String: String] = required) async throws -> [String] {
        do {
            _ = try await load(yaml, environment)
            return []
        } catch let refused as ConfigurationRefused {
            return refused.faults
        }
    }

    @Test("the environment wins over the file, the file over the default")
    func orderOfSources() async throws {
        let yaml = "http:\n  port: 8201\n  host: 10.0.0.1\ntill:\n  waitMilliseconds: 700\n"
        let reader = try await load(yaml, Self.required.merging(["HTTP_PORT": "8301"]) { $1 }).reader
        #expect(reader.int(forKey: "http.port") == 8301)
        #expect(reader.string(forKey: "http.host") == "10.0.0.1")
        #expect(reader.int(forKey: "till.waitMilliseconds") == 700)
        #expect(reader.bool(forKey: "till.isOffline") == false)
        #expect(reader.int(forKey: "postgres.poolSize") == 6)
    }

    @Test("a misspelt key is refused with the key that was meant", arguments: [
        ("http:\n  prot: 1\n", "http.port"), ("till:\n  waitMiliseconds: 1\n", "till.waitMilliseconds"),
        ("postgres: { poolsize: 3 }\n", "postgres.poolSize"), ("rabitmq:\n  url: x\n", "rabbitmq.url"),
    ])
    func misspeltKey(yaml: String, meant: String) async throws {
        let faults = try await faults(yaml)
        #expect(faults.count == 1)
        #expect(faults.first?.hasSuffix("the nearest is \(meant)") == true, "\(faults)")
    }

    @Test("a slip in a variable's name is refused; other people's variables are not ours")
    func misspeltVariable() async throws {
        let faults = try await faults(nil, Self.required.merging(["POSTGRES_POOLSIZE": "3", "HTTP_PROXY": "x", "PATH": "/"]) { $1 })
        #expect(faults == ["the environment variable POSTGRES_POOLSIZE is not known; the nearest is POSTGRES_POOL_SIZE"])
    }

    @Test("all faults are told at once") func allFaultsAtOnce() async throws {
        let faults = try await faults("http:\n  port: many\ntill:\n  isOffline: perhaps\n", [:])
        #expect(faults.count == 4)
        #expect(faults.contains { $0.contains("http.port must be a whole number") })
        #expect(faults.contains { $0.contains("till.isOffline must be true or false") })
        #expect(faults.contains { $0.contains("postgres.url is missing") && $0.contains("POSTGRES_URL") })
        #expect(faults.contains { $0.contains("rabbitmq.url is missing") })
    }

    @Test("a list where one value is asked for is refused") func listIsRefused() async throws {
        #expect(try await faults("http:\n  port: [1, 2]\n") == ["http.port must be a single value, not a list"])
    }

    @Test("a file that is not there, or is no mapping, is refused by name") func brokenFile() async throws {
        await #expect(throws: ConfigurationRefused.self) {
            try await ServiceConfiguration.load(file: "/nowhere/x.yaml", environment: Self.required, settings: Setting.common)
        }
        #expect(try await faults("- a\n- b\n").count == 1)
    }

    @Test("secrets are never printed") func secretsAreHidden() async throws {
        let printed = try await load("http:\n  port: 8201\n").printed
        #expect(!printed.joined().contains("hidden"))
        #expect(printed.contains("postgres.url = (secret)  [environment]"))
        #expect(printed.contains("http.port = 8201  [file]"))
        #expect(printed.contains("http.host = 127.0.0.1  [default]"))
    }

    @Test("a refusal of a secret does not show it") func refusedSecretIsHidden() {
        let setting = Setting("x.key", "", .number, isSecret: true)
        #expect(setting.refusal(of: "topsecret")?.contains("topsecret") == false)
    }

    @Test("every common key has help, and its variable is what the reader of variables looks for")
    func variablesMatch() async throws {
        for setting in Setting.common + Self.own {
            #expect(!setting.help.isEmpty)
            let provider = EnvironmentVariablesProvider(environmentVariables: [setting.variable: "7"])
            #expect(ConfigReader(provider: provider).string(forKey: ConfigKey(setting.key)) == "7", "\(setting.key)")
        }
    }
}

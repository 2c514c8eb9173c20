import Foundation
import FoundationNetworking

/// What a queue listens to, as the broker's management interface knows it.
enum BoundKeys {
    private struct Binding: Decodable {
        let source: String
        let routing_key: String
    }

    /// The keys by which `exchange` fills `queue`.
    ///
    /// - Parameter management: `http://user:password@host:15672`.
    static func of(_ queue: String, on exchange: String, management: String) async throws -> [String] {
        guard var address = URLComponents(string: management) else {
            throw ConfigurationRefused(faults: ["rabbitmq.management is no address"])
        }
        let login = "\(address.user ?? ""):\(address.password ?? "")"
        address.user = nil
        address.password = nil
        address.percentEncodedPath = "/api/queues/%2F/\(queue)/bindings"
        guard let url = address.url else { throw ConfigurationRefused(faults: ["«\(queue)» is no name of a queue"]) }
        var request = URLRequest(url: url, timeoutInterval: 10)
        request.setValue("Basic " + Data(login.utf8).base64EncodedString(), forHTTPHeaderField: "Authorization")
        let (data, response) = try await URLSession.shared.data(for: request)
        guard let answer = response as? HTTPURLResponse, answer.statusCode == 200 else {
            throw NotReady("the management interface does not tell the bindings of \(queue); is its user an administrator?")
        }
        return try JSONDecoder().decode([Binding].self, from: data).filter { $0.source == exchange }.map(\.routing_key)
    }

    /// Whether a name is among keys, where `*` stands for one word and `#` for any number of them.
    static func contain(_ name: String, _ keys: [String]) -> Bool {
        keys.contains { fits(name.split(separator: ".")[...], $0.split(separator: ".")[...]) }
    }

    private static func fits(_ words: ArraySlice<Substring>, _ parts: ArraySlice<Substring>) -> Bool {
        guard let part = parts.first else { return words.isEmpty }
        if part == "#" { return fits(words, parts.dropFirst()) || (!words.isEmpty && fits(words.dropFirst(), parts)) }
        guard let word = words.first, part == "*" || part == word else { return false }
        return fits(words.dropFirst(), parts.dropFirst())
    }
}

import Foundation

/// A network of addresses, as an allow-list names it: `79.142.16.0/20`, `91.232.230.7`, `2a02:5180::/32`.
struct AddressRange: Equatable, Sendable {
    /// The network as sixteen bytes; IPv4 lies where IPv6 puts it (`::ffff:0:0/96`).
    private let network: [UInt8]
    /// How many bits of it count.
    private let bits: Int

    /// - Returns: nil when the text is no network.
    init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let network = Self.bytes(of: String(parts[0])) else { return nil }
        let isShort = !parts[0].contains(":")
        let most = isShort ? 32 : 128
        guard let own = parts.count == 2 ? Int(parts[1]) : most, (0...most).contains(own) else { return nil }
        self.network = network
        bits = isShort ? own + 96 : own
    }

    /// Whether an address lies within.
    func contains(_ address: String) -> Bool {
        guard let bytes = Self.bytes(of: address) else { return false }
        let (whole, rest) = bits.quotientAndRemainder(dividingBy: 8)
        guard bytes.prefix(whole) == network.prefix(whole) else { return false }
        return rest == 0 || bytes[whole] >> (8 - rest) == network[whole] >> (8 - rest)
    }

    private static func bytes(of address: String) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 16)
        let text = address.contains(":") ? address : "::ffff:\(address)"
        guard inet_pton(AF_INET6, text, &bytes) == 1 else { return nil }
        return bytes
    }
}

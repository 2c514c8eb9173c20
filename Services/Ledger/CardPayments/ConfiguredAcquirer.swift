import Configuration
import Foundation
import Logging
import Service

/// The acquirer that the configuration names, ready to be asked.
enum ConfiguredAcquirer {
    /// What the operator has to put right.
    struct Misconfigured: Error, Equatable, CustomStringConvertible {
        let description: String
    }

    static let settings: [Setting] = [
        Setting("acquirer.shop", "number of the shop at ЮKassa; without it no cards are taken"),
        Setting("acquirer.secret", "secret key of the shop", isSecret: true),
        Setting("acquirer.address", "where ЮKassa's API v3 is", default: "https://api.yookassa.ru/v3"),
        Setting(
            "acquirer.capturesAtOnce", "whether money is taken at once; else it is held on the card until the account was looked at",
            .flag, default: "true"),
    ]

    /// - Returns: nil when no cards are wanted.
    /// - Throws: ``Misconfigured``.
    static func open(_ configuration: ConfigReader) throws(Misconfigured) -> YooKassa? {
        let shop = (configuration.string(forKey: "acquirer.shop") ?? "").trimmed
        let secret = (configuration.string(forKey: "acquirer.secret", isSecret: true) ?? "").trimmed
        if shop.isEmpty, secret.isEmpty { return nil }
        guard !shop.isEmpty else { throw Misconfigured(description: "acquirer.secret is given, acquirer.shop is not") }
        guard !secret.isEmpty else { throw Misconfigured(description: "acquirer.shop is given, acquirer.secret is not") }
        // The header of HTTP Basic parts the two by the first colon.
        guard !shop.contains(":") else { throw Misconfigured(description: "acquirer.shop is a number, not «\(shop)»") }
        var address = (configuration.string(forKey: "acquirer.address") ?? "").trimmed
        while address.hasSuffix("/") { address.removeLast() }
        guard let parts = URLComponents(string: address), let host = parts.host, !host.isEmpty, parts.query == nil,
            parts.scheme == "https" || parts.scheme == "http" && ["127.0.0.1", "localhost", "[::1]", "::1"].contains(host)
        else {
            throw Misconfigured(
                description: "acquirer.address must be an https address, or http on this machine, not «\(address)»: the secret goes there")
        }
        return YooKassa(
            address: address, shop: shop, secret: secret,
            capturesAtOnce: configuration.bool(forKey: "acquirer.capturesAtOnce", default: true))
    }

    /// The same for serving: what is wrong is said in the log and by `check`, and the other ways to pay stay open.
    static func openOrSay(_ parts: Parts) -> YooKassa? {
        do {
            return try open(parts.configuration)
        } catch {
            parts.logger.error("bank cards are not taken", metadata: ["error": "\(error)"])
            return nil
        }
    }

    /// For `check`.
    static func check(_ parts: Parts) -> ReadinessCheck {
        ReadinessCheck("acquirer") {
            guard let acquirer = try open(parts.configuration) else { return "no cards are taken: acquirer.shop is not given" }
            guard parts.publicAddress.hasPrefix("https://") else {
                throw Misconfigured(description: "notifications come to an https address only; http.publicAddress is \(parts.publicAddress)")
            }
            return "shop \(acquirer.shop) at \(acquirer.address)"
        }
    }
}

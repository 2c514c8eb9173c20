import Configuration
import Foundation
import Service

/// How Gosuslugi, or another OpenID provider, is reached; read from the configuration and checked before anybody is sent there.
struct PortalSettings: Sendable, Equatable {
    enum Kind: String, Sendable, CaseIterable {
        /// ЕСИА with its own ways: signed requests, tokens checked by a certificate, a service that tells persons.
        case esia
        /// Any provider of OpenID Connect, found by its discovery document.
        case oidc
    }

    let kind: Kind
    /// Without a slash at the end.
    let address: String
    let clientID: String
    let clientSecret: String
    let scope: String
    /// Who must have issued a token.
    let issuer: String
    let authorisation: String
    let token: String
    let persons: String
    let certificate: String
    let key: String
    let portalCertificate: String
    let engine: String
    let authority: String
    let timeout: Int
    /// Where the portal sends the browser back to.
    let callback: String

    static let callbackPath = "/identity/gosuslugi/callback"

    static let keys: [Setting] = [
        Setting("gosuslugi.protocol", "none, esia (Gosuslugi) or oidc (any OpenID provider)", default: "none"),
        Setting(
            "gosuslugi.address", "https://esia.gosuslugi.ru, or the issuer of the OpenID provider; http:// on this machine only",
            default: ""),
        Setting("gosuslugi.clientID", "the information system's mnemonic at Gosuslugi, or the client's id", default: ""),
        Setting("gosuslugi.clientSecret", "what an OpenID provider gave with the id; Gosuslugi gives none", default: "", isSecret: true),
        Setting(
            "gosuslugi.scope", "what is asked for; empty = openid snils birthdate email mobile at Gosuslugi, openid profile email phone elsewhere",
            default: ""),
        Setting("gosuslugi.issuer", "who issues Gosuslugi's tokens, as they say themselves", default: "http://esia.gosuslugi.ru/"),
        Setting("gosuslugi.authorisation", "path at Gosuslugi where a browser signs in", default: "/aas/oauth2/ac"),
        Setting("gosuslugi.token", "path at Gosuslugi where a code is exchanged", default: "/aas/oauth2/te"),
        Setting("gosuslugi.persons", "path at Gosuslugi below which persons are told", default: "/rs/prns"),
        Setting("gosuslugi.certificate", "file with the system's certificate, PEM, by which Gosuslugi knows our signature", default: ""),
        Setting("gosuslugi.key", "file with the private key of that certificate, PEM without a password", default: ""),
        Setting("gosuslugi.portalCertificate", "file with the certificate by which Gosuslugi signs its tokens, PEM", default: ""),
        Setting(
            "gosuslugi.engine", "OpenSSL's engine for the keys' algorithm: gost where they are GOST R 34.10-2012 (Debian: libengine-gost-openssl)",
            default: ""),
        Setting("gosuslugi.authority", "file with a certificate authority that the system does not trust by itself, PEM", default: ""),
        Setting("gosuslugi.timeoutSeconds", "how long an answer of the portal is waited for", .number, default: "10"),
        Setting(
            "gosuslugi.snilsKey",
            "secret under which СНИЛС are stored, 16 signs or more; never change it, numbers entered before would not be found again",
            default: "", isSecret: true),
    ]

    /// - Returns: nil when no portal is wanted.
    /// - Throws: ``ConfigurationRefused`` with every fault.
    static func read(_ reader: ConfigReader, publicAddress: String) throws -> PortalSettings? {
        func text(_ key: String, isSecret: Bool = false) -> String {
            reader.string(forKey: ConfigKey("gosuslugi.\(key)"), isSecret: isSecret, default: "").trimmingCharacters(in: .whitespaces)
        }
        let name = text("protocol")
        if name.isEmpty || name == "none" { return nil }
        guard let kind = Kind(rawValue: name) else {
            throw ConfigurationRefused(faults: ["gosuslugi.protocol: «\(name)» is none of none, esia, oidc"])
        }
        var faults: [String] = []
        func needed(_ key: String, isSecret: Bool = false) -> String {
            let value = text(key, isSecret: isSecret)
            if value.isEmpty { faults.append("gosuslugi.\(key) is needed where gosuslugi.protocol is \(name)") }
            return value
        }
        var address = needed("address")
        while address.hasSuffix("/") { address.removeLast() }
        if !address.isEmpty, !isSafe(address) {
            faults.append("gosuslugi.address: «\(address)» must begin with https://, or with http:// and name this machine")
        }
        func below(_ key: String) -> String {
            let path = text(key)
            if path.hasPrefix("/") { return address + path }
            if !isSafe(path) { faults.append("gosuslugi.\(key): «\(path)» is neither a path nor an address with https://") }
            return path
        }
        let isEsia = kind == .esia
        let scope = text("scope")
        let settings = PortalSettings(
            kind: kind, address: address, clientID: needed("clientID"),
            clientSecret: isEsia ? "" : needed("clientSecret", isSecret: true),
            scope: scope.isEmpty ? (isEsia ? "openid snils birthdate email mobile" : "openid profile email phone") : scope,
            issuer: isEsia ? needed("issuer") : address, authorisation: isEsia ? below("authorisation") : "",
            token: isEsia ? below("token") : "", persons: isEsia ? below("persons") : "",
            certificate: isEsia ? needed("certificate") : "", key: isEsia ? needed("key") : "",
            portalCertificate: isEsia ? needed("portalCertificate") : "", engine: text("engine"), authority: text("authority"),
            timeout: max(1, reader.int(forKey: "gosuslugi.timeoutSeconds", default: 10)),
            callback: publicAddress + callbackPath)
        if book(reader) == nil {
            faults.append("gosuslugi.snilsKey is needed, 16 signs or more: openssl rand -base64 24 makes one")
        }
        guard faults.isEmpty else { throw ConfigurationRefused(faults: faults) }
        return settings
    }

    /// Where СНИЛС are kept; nil while the installation has no key for them.
    static func book(_ reader: ConfigReader) -> SnilsBook? {
        let secret = reader.string(forKey: "gosuslugi.snilsKey", isSecret: true, default: "")
        return secret.utf8.count >= 16 ? SnilsBook(secret: secret) : nil
    }

    /// What is signed in with must not be readable on the way.
    static func isSafe(_ address: String) -> Bool {
        guard let parts = URLComponents(string: address), let host = parts.host, !host.isEmpty, parts.user == nil else { return false }
        return parts.scheme == "https" || parts.scheme == "http" && ["127.0.0.1", "localhost", "::1", "[::1]"].contains(host)
    }
}

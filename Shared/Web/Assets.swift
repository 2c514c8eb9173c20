import Crypto
import Foundation
import HTTPTypes

/// Style sheet, script and pictures, each under an address with its hash: kept by browsers for ever, and never old.
public struct Assets: Sendable {
    struct Asset: Sendable {
        let data: Data
        let type: String
    }

    private var addresses: [String: String] = [:]
    private(set) var files: [String: Asset] = [:]

    init(prefix: String) throws {
        let root = Bundle.module.bundleURL.appendingPathComponent("Assets")
        for path in FileManager.default.enumerator(atPath: root.path)?.compactMap({ $0 as? String }) ?? [] {
            guard let type = Self.types[(path as NSString).pathExtension] else { continue }
            let written = try Data(contentsOf: root.appendingPathComponent(path))
            let data = path.hasSuffix(".css") ? Data(Self.compact(String(decoding: written, as: UTF8.self)).utf8) : written
            let hash = SHA256.hash(data: data).prefix(6).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            let name = (path as NSString).deletingPathExtension + ".\(hash)." + (path as NSString).pathExtension
            addresses[path] = "\(prefix)/assets/\(name)"
            files[name] = Asset(data: data, type: type)
        }
    }

    /// A sheet without what only its authors read. None of our rules holds a string with braces or two spaces in it.
    static func compact(_ sheet: String) -> String {
        String(sheet.replacing(/\/\*[\s\S]*?\*\//, with: "").replacing(/\s+/, with: " ")
            .replacing(/\s?([{};,])\s?/) { String($0.output.1) }.replacing(": ", with: ":").replacing(";}", with: "}")
            .drop { $0 == " " })
    }

    private static let types = [
        "css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml", "png": "image/png",
        "webmanifest": "application/manifest+json",
    ]

    /// The address of an asset; the plain name for one that does not exist, so that a test finds it.
    public func address(of name: String) -> String { addresses[name] ?? "missing-asset-\(name)" }
}

import Crypto
import Foundation

/// A secret that a browser holds: 32 random bytes. Only its hash is stored; it is long enough for a fast one.
struct RandomToken: Equatable, Sendable {
    let text: String

    static func new() -> RandomToken { RandomToken(text: Data(bytes(32)).base64URL) }

    /// What the tables know it by.
    var hash: Data { Self.hash(text) }

    static func hash(_ text: String) -> Data { Data(SHA256.hash(data: Data(text.utf8))) }

    static func bytes(_ count: Int) -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<count).map { _ in generator.next() }
    }
}

extension Data {
    /// Base 64 in the alphabet that cookies and addresses take as it is.
    var base64URL: String {
        base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }
}

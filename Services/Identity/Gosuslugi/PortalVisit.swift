import Crypto
import Foundation

/// One way to the portal and back: what binds the answer to the browser that asked.
///
/// Nothing of it is stored here. The browser keeps one secret in a cookie that no page and no other site can read or set;
/// state, nonce and the code's verifier (RFC 7636) all follow from it. An answer whose state does not fit the browser's own
/// secret is somebody else's, and nobody can be signed in by a link that a stranger prepared.
struct PortalVisit: Sendable, Equatable {
    static let cookie = "__Host-gosuslugi"
    static let seconds = 15 * 60

    private let secret: Data
    /// Where the person wants to go afterwards, a path of ours; nil for his first page.
    let to: String?

    init(to: String?) {
        secret = Data(RandomToken.bytes(32))
        self.to = to
    }

    /// From the cookie; nil when it is none of ours.
    init?(cookie: String?) {
        guard let parts = cookie?.split(separator: ".", omittingEmptySubsequences: false), parts.count == 2,
            let secret = Data(base64URL: String(parts[0])), secret.count == 32,
            let path = Data(base64URL: String(parts[1]))
        else { return nil }
        self.secret = secret
        to = SignInRoutes.local(String(decoding: path, as: UTF8.self))
    }

    var cookieValue: String { "\(secret.base64URL).\(Data((to ?? "").utf8).base64URL)" }

    /// A UUID, as ЕСИА wants it.
    var state: String {
        var bytes = Array(derived("state").prefix(16))
        bytes[6] = bytes[6] & 0x0F | 0x40
        bytes[8] = bytes[8] & 0x3F | 0x80
        return bytes.withUnsafeBytes { UUID(uuid: $0.loadUnaligned(as: uuid_t.self)) }.uuidString.lowercased()
    }

    var nonce: String { derived("nonce").base64URL }
    var verifier: String { derived("verifier").base64URL }
    var challenge: String { Data(SHA256.hash(data: Data(verifier.utf8))).base64URL }

    /// Whether an answer is the one to this browser's question.
    func isMine(state: String?) -> Bool {
        guard let state else { return false }
        // Both hashed, so that the time of the comparison tells nothing.
        return Data(SHA256.hash(data: Data(state.utf8))) == Data(SHA256.hash(data: Data(self.state.utf8)))
    }

    private func derived(_ purpose: String) -> Data {
        Data(HMAC<SHA256>.authenticationCode(for: Data(purpose.utf8), using: SymmetricKey(data: secret)))
    }
}

extension Data {
    /// Reads base 64 in the alphabet of addresses, padded or not.
    init?(base64URL text: String) {
        var plain = text.replacing("-", with: "+").replacing("_", with: "/")
        while plain.utf8.count % 4 != 0 { plain += "=" }
        self.init(base64Encoded: plain)
    }
}

import Crypto
import Foundation

/// Codes by the clock: RFC 6238 over RFC 4226, HMAC-SHA-1, six digits, steps of thirty seconds; what every authenticator can do.
struct TimeCode: Equatable, Sendable {
    static let stepSeconds: TimeInterval = 30
    static let digits = 6
    /// How many steps a telephone's clock may be off, to either side.
    static let slack: Int64 = 1

    let secret: [UInt8]

    /// A new secret of 160 bits, as RFC 4226 recommends.
    static func random() -> TimeCode { TimeCode(secret: RandomToken.bytes(20)) }

    static func step(at now: Date) -> Int64 { Int64((now.timeIntervalSince1970 / stepSeconds).rounded(.down)) }

    /// The code of a step.
    func code(step: Int64, digits: Int = TimeCode.digits) -> String {
        let counter = withUnsafeBytes(of: UInt64(bitPattern: step).bigEndian) { Data($0) }
        let mac = Array(HMAC<Insecure.SHA1>.authenticationCode(for: counter, using: SymmetricKey(data: secret)))
        let offset = Int(mac[mac.count - 1] & 0x0F)
        let number = mac[offset..<offset + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) } & 0x7FFF_FFFF
        let text = String(UInt64(number) % (0..<digits).reduce(UInt64(1)) { power, _ in power * 10 })
        return String(repeating: "0", count: digits - text.count) + text
    }

    /// The step that a typed code belongs to: this one or a neighbour, and later than the last one that was used.
    ///
    /// - Returns: nil when it is none of them.
    func step(of typed: String, at now: Date, after last: Int64?) -> Int64? {
        guard let digits = Self.digits(in: typed) else { return nil }
        let present = Self.step(at: now)
        return (present - Self.slack...present + Self.slack).first { step in
            step > (last ?? .min) && code(step: step) == digits
        }
    }

    /// Six digits as people type them: «123 456». Nil for anything else.
    static func digits(in typed: String) -> String? {
        let digits = typed.filter { !$0.isWhitespace && $0 != "-" }
        return digits.count == Self.digits && digits.allSatisfy { $0.isASCII && $0.isNumber } ? digits : nil
    }

    /// The secret for typing it in, RFC 4648 without padding: «JBSW Y3DP …» without the spaces.
    var base32: String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
        var text = ""
        var (buffer, bits) = (UInt32(0), 0)
        for byte in secret {
            buffer = buffer << 8 | UInt32(byte)
            bits += 8
            while bits >= 5 {
                bits -= 5
                text.append(alphabet[Int(buffer >> UInt32(bits) & 31)])
            }
        }
        if bits > 0 { text.append(alphabet[Int(buffer << UInt32(5 - bits) & 31)]) }
        return text
    }

    /// The address that authenticators read from a QR code.
    ///
    /// - Parameters:
    ///   - account: the login, which the application shows.
    ///   - issuer: the host of the cabinet: somebody may have several.
    func address(account: String, issuer: String) -> String {
        func encoded(_ text: String) -> String {
            var allowed = CharacterSet(charactersIn: "-._~")
            allowed.formUnion(CharacterSet(charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"))
            return text.addingPercentEncoding(withAllowedCharacters: allowed) ?? ""
        }
        return "otpauth://totp/\(encoded(issuer)):\(encoded(account))?secret=\(base32)&issuer=\(encoded(issuer))"
            + "&algorithm=SHA1&digits=\(Self.digits)&period=\(Int(Self.stepSeconds))"
    }
}

import Crypto
import Foundation

/// A password as the broker keeps it: base64(salt + SHA-256(salt + password)), the salt four bytes.
public enum PasswordHash {
    /// The name of this form in a definitions file.
    public static let algorithm = "rabbit_password_hashing_sha256"

    /// With a salt of one's own choice, exactly four bytes.
    public static func make(_ password: String, salt: [UInt8]) -> String {
        precondition(salt.count == 4, "RabbitMQ takes the first four bytes as the salt")
        return Data(salt + Array(SHA256.hash(data: salt + Array(password.utf8)))).base64EncodedString()
    }

    /// With a salt drawn from user and password, so that an unchanged file stays the same byte for byte and the
    /// broker does not import it again.
    public static func make(_ password: String, user: String) -> String {
        let seed = SHA256.hash(data: Array("zvonok salt\0\(user)\0\(password)".utf8))
        return make(password, salt: Array(seed.prefix(4)))
    }
}

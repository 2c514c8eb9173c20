import Crypto
import Foundation
import Service

/// What must be read again by us and by nobody who has only the database: sealed with a key of the installation (ChaCha20-Poly1305).
///
/// The key stands in the configuration (`secrets.key`), which an installation makes once. Two keys are derived from it (HKDF-SHA-256),
/// so that what is sealed and what is only recognised have nothing in common. Whoever changes the key loses every second step: people
/// set it up again.
struct SecretBox: Sendable {
    static let setting = Setting(
        "secrets.key", "any long random text: with it the secrets in the database are sealed; keep it as safe as the database's backup",
        isRequired: true, isSecret: true)

    private let sealing: SymmetricKey
    private let recognising: SymmetricKey

    init(key: String) {
        let whole = SymmetricKey(data: Data(key.utf8))
        func derived(_ purpose: String) -> SymmetricKey {
            HKDF<SHA256>.deriveKey(inputKeyMaterial: whole, info: Data("zvonok.identity.\(purpose)".utf8), outputByteCount: 32)
        }
        sealing = derived("seal")
        recognising = derived("recognise")
    }

    /// - Parameter owner: whose it is: what was sealed for one person opens for no other.
    func seal(_ secret: Data, for owner: UUID) throws -> Data {
        try ChaChaPoly.seal(secret, using: sealing, authenticating: Self.bytes(owner)).combined
    }

    /// - Throws: when it was sealed with another key, for somebody else, or has been changed.
    func open(_ sealed: Data, of owner: UUID) throws -> Data {
        try ChaChaPoly.open(ChaChaPoly.SealedBox(combined: sealed), using: sealing, authenticating: Self.bytes(owner))
    }

    /// By what a short secret is known again: without the key nobody can try out what it was.
    func mark(_ text: String, of owner: UUID) -> Data {
        Data(HMAC<SHA256>.authenticationCode(for: Self.bytes(owner) + Data(text.utf8), using: recognising))
    }

    private static func bytes(_ id: UUID) -> Data { withUnsafeBytes(of: id.uuid) { Data($0) } }
}

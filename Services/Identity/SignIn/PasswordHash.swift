import CArgon2
import Foundation

/// Argon2id (RFC 9106), by libargon2.
///
/// Parameters for passwords: 19 MiB of memory, two passes, one lane, 16 bytes of salt, 32 of hash: the least that
/// OWASP's password storage sheet recommends, some 25 ms here. They stand in each hash, so a later change of them
/// leaves old hashes readable; whoever signs in with an old one gets a new one.
enum PasswordHash {
    static let passes: UInt32 = 2
    static let memoryKiB: UInt32 = 19 * 1024
    static let lanes: UInt32 = 1

    /// Before the first hash: the memory of each goes back to the system with it.
    private static let givesMemoryBack: Void = zvonok_give_large_blocks_back()

    private static var prefix: String { "$argon2id$v=19$m=\(memoryKiB),t=\(passes),p=\(lanes)$" }

    /// The hash with its parameters and salt, in the usual `$argon2id$…` text.
    ///
    /// - Throws: ``HashingFailed`` when there is no memory for it.
    static func make(_ password: String) throws -> String {
        givesMemoryBack
        let salt = RandomToken.bytes(16)
        var encoded = [CChar](repeating: 0, count: argon2_encodedlen(passes, memoryKiB, lanes, 16, 32, Argon2_id))
        let bytes = Array(password.utf8)
        let code = argon2id_hash_encoded(
            passes, memoryKiB, lanes, bytes, bytes.count, salt, salt.count, 32, &encoded, encoded.count)
        guard code == 0 else { throw HashingFailed(code: code) }
        return String(decoding: encoded.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// Whether the password is the one the hash was made from.
    static func verify(_ password: String, against encoded: String) -> Bool {
        givesMemoryBack
        let bytes = Array(password.utf8)
        return argon2id_verify(encoded, bytes, bytes.count) == 0
    }

    /// Whether the hash was made with other parameters than today's.
    static func isOutdated(_ encoded: String) -> Bool { !encoded.hasPrefix(prefix) }

    /// The hash by which an invitation code is found again: 1 MiB and one pass (under a millisecond), and one salt for
    /// all, because a code must be looked up without knowing whose it is. Trying out all 28⁸ codes against a
    /// stolen table would take a core some decades; a code lives for weeks.
    static func ofCode(_ code: InvitationCode) throws -> Data {
        let salt = Array("zvonok.invitation.1".utf8)
        let bytes = Array(code.signs.utf8)
        var hash = [UInt8](repeating: 0, count: 32)
        let result = argon2id_hash_raw(1, 1024, 1, bytes, bytes.count, salt, salt.count, &hash, hash.count)
        guard result == 0 else { throw HashingFailed(code: result) }
        return Data(hash)
    }
}

/// libargon2 could not hash: practically always no memory.
struct HashingFailed: Error, CustomStringConvertible {
    let code: Int32
    var description: String { "argon2: \(String(cString: argon2_error_message(code)))" }
}

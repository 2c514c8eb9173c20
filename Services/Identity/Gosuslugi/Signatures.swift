import COpenSSL
import Foundation
import Synchronization

/// A certificate, a key or an engine that cannot be used; says what the operator has to put right.
struct SignatureFailure: Error, Equatable, CustomStringConvertible {
    let description: String
}

/// What both sides of a signature are read with: the engine is loaded before the first key that needs it.
private enum Library {
    private static let loaded = Mutex<Set<String>>([])

    static func load(_ engine: String) throws {
        if engine.isEmpty { return }
        try loaded.withLock { loaded in
            if loaded.contains(engine) { return }
            try withReason { zvonok_engine_load(engine, $0, $1) == 1 ? true : nil }
            loaded.insert(engine)
        }
    }

    /// Runs something of libcrypto that gives nil and a reason when it fails.
    @discardableResult
    static func withReason<Value>(_ body: (UnsafeMutablePointer<CChar>, Int) -> Value?) throws -> Value {
        try withUnsafeTemporaryAllocation(of: CChar.self, capacity: 500) { reason in
            reason.initialize(repeating: 0)
            guard let start = reason.baseAddress else { throw SignatureFailure(description: "no memory") }
            guard let value = body(start, reason.count) else {
                throw SignatureFailure(description: String(cString: start))
            }
            return value
        }
    }

    /// A certificate that is over signs nothing anybody believes.
    static func check(until seconds: Int64, of file: String, now: Date) throws -> Date {
        let end = Date(timeIntervalSince1970: TimeInterval(seconds))
        guard now < end else { throw SignatureFailure(description: "the certificate \(file) was good until \(end.formatted(.iso8601))") }
        return end
    }
}

/// Our certificate and key: makes detached CMS signatures.
// The key and the certificate are never changed after they were read, and libcrypto lets several threads use them at once.
final class CMSSigner: @unchecked Sendable {
    private let signer: OpaquePointer
    private let file: String

    /// - Parameter engine: OpenSSL's engine for the key's algorithm; empty for none.
    init(certificate: String, key: String, engine: String) throws {
        try Library.load(engine)
        file = certificate
        signer = try Library.withReason { zvonok_signer_open(certificate, key, $0, $1) }
    }

    deinit { zvonok_signer_close(signer) }

    /// Until when the certificate is good; throws when it is over.
    func validity(now: Date) throws -> Date { try Library.check(until: zvonok_signer_until(signer), of: file, now: now) }

    /// A detached signature (RFC 5652) in DER.
    func sign(_ message: Data) throws -> Data {
        let bytes = [UInt8](message)
        var size = 0
        let der = try Library.withReason { reason, room in
            zvonok_signer_sign(signer, bytes, bytes.count, &size, reason, room)
        }
        defer { zvonok_free(der) }
        return Data(bytes: der, count: size)
    }
}

/// The portal's certificate: checks its signatures, by the one algorithm that its key has.
// As above: read once, never changed.
final class SignatureCheck: @unchecked Sendable {
    private let verifier: OpaquePointer
    private let file: String
    /// As tokens call it: `RS256`, `GOST3410_2012_256`.
    let algorithm: String

    init(certificate: String, engine: String) throws {
        try Library.load(engine)
        file = certificate
        verifier = try Library.withReason { zvonok_verifier_open(certificate, $0, $1) }
        algorithm = String(cString: zvonok_verifier_algorithm(verifier))
        guard !algorithm.isEmpty else {
            zvonok_verifier_close(verifier)
            throw SignatureFailure(description: "\(certificate): the key is neither RSA nor GOST R 34.10-2012 of 256 bits")
        }
    }

    deinit { zvonok_verifier_close(verifier) }

    func validity(now: Date) throws -> Date { try Library.check(until: zvonok_verifier_until(verifier), of: file, now: now) }

    func isRight(_ signature: Data, of message: Data) -> Bool {
        let message = [UInt8](message)
        return Self.notations(of: [UInt8](signature), algorithm).contains { signature in
            zvonok_verifier_check(verifier, message, message.count, signature, signature.count) == 1
        }
    }

    /// A GOST signature is two numbers; programs differ in their order and in the order of their bytes. Whichever it is, it
    /// is the same signature.
    static func notations(of signature: [UInt8], _ algorithm: String) -> [[UInt8]] {
        guard algorithm.hasPrefix("GOST"), signature.count % 2 == 0 else { return [signature] }
        let half = signature.count / 2
        let swapped = Array(signature[half...] + signature[..<half])
        return [signature, swapped, signature.reversed(), swapped.reversed()]
    }
}

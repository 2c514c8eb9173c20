import Crypto
import Foundation

extension UUID {
    /// An identifier that grows with time (RFC 9562, version 7): rows made together lie together in an index.
    ///
    /// The twelve bits after the version hold the fraction of the millisecond, so that identifiers made one
    /// after another within a millisecond are mostly in order too (RFC 9562, 6.2, method 3).
    public static func v7(at date: Date = Date()) -> UUID {
        let milliseconds = max(0, date.timeIntervalSince1970 * 1000)
        let whole = UInt64(milliseconds)
        let fraction = UInt64((milliseconds - Double(whole)) * 4096) & 0xFFF
        let high = whole << 16 | 0x7000 | fraction
        let low = UInt64.random(in: .min ... .max) & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
        return UUID(high: high, low: low)
    }

    /// When a time-ordered identifier was made, to the millisecond; nil for the other versions.
    public var moment: Date? {
        guard uuid.6 >> 4 == 7 else { return nil }
        let bytes = [uuid.0, uuid.1, uuid.2, uuid.3, uuid.4, uuid.5]
        return Date(timeIntervalSince1970: Double(bytes.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }) / 1000)
    }

    /// The same identifier for the same parent and name, everywhere and always: version 8, from SHA-256.
    ///
    /// For things that come into being by a rule and not by a decision: the charge of a sale's third attempt, the
    /// transfer that reverses another.
    public static func derived(from parent: UUID, _ name: String) -> UUID {
        var hash = SHA256()
        withUnsafeBytes(of: parent.uuid) { hash.update(bufferPointer: $0) }
        hash.update(data: Array(name.utf8))
        var high: UInt64 = 0
        var low: UInt64 = 0
        for (index, byte) in hash.finalize().prefix(16).enumerated() {
            if index < 8 { high = high << 8 | UInt64(byte) } else { low = low << 8 | UInt64(byte) }
        }
        return UUID(
            high: high & 0xFFFF_FFFF_FFFF_0FFF | 0x8000, low: low & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000)
    }

    /// The form in which we write identifiers: lower case, as Postgres and JSON Schema do.
    public var text: String {
        // Foundation's `uuidString` goes through `snprintf`.
        withUnsafeBytes(of: uuid) { bytes in
            String(unsafeUninitializedCapacity: 36) { letters in
                var at = 0
                for (index, byte) in bytes.enumerated() {
                    if index == 4 || index == 6 || index == 8 || index == 10 {
                        letters[at] = UInt8(ascii: "-")
                        at += 1
                    }
                    letters[at] = Self.digit(byte >> 4)
                    letters[at + 1] = Self.digit(byte & 0xF)
                    at += 2
                }
                return at
            }
        }
    }

    private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10 }

    private init(high: UInt64, low: UInt64) {
        func byte(_ word: UInt64, _ index: UInt64) -> UInt8 { UInt8(truncatingIfNeeded: word >> (56 - 8 * index)) }
        self.init(
            uuid: (
                byte(high, 0), byte(high, 1), byte(high, 2), byte(high, 3), byte(high, 4), byte(high, 5),
                byte(high, 6), byte(high, 7), byte(low, 0), byte(low, 1), byte(low, 2), byte(low, 3), byte(low, 4),
                byte(low, 5), byte(low, 6), byte(low, 7)
            ))
    }
}

public import Foundation

/// A generator whose seed a failing test prints, so that its history can be lived again: SplitMix64.
///
/// The seed is mixed before it is used: histories of neighbouring seeds have nothing in common. (A state that moved on from
/// seed to seed by what it moves on from number to number would give the same numbers one place later.)
public struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    public init(seed: UInt64) { state = Self.mixed(seed ^ 0x5851_F42D_4C95_7F2D) }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return Self.mixed(state)
    }

    /// An identifier of the history's own.
    public mutating func uuid() -> UUID {
        let (high, low) = (next(), next())
        return withUnsafeBytes(of: (high, low)) { UUID(uuid: $0.loadUnaligned(as: uuid_t.self)) }
    }

    private static func mixed(_ number: UInt64) -> UInt64 {
        var mixed = number
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

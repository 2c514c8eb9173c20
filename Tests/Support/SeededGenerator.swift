public import Foundation

/// A generator whose seed a failing test prints, so that its history can be lived again: SplitMix64.
///
/// The seed is mixed before it is used: histories of neighbouring seeds have nothing in common. (A state that moved on from
/// seed to seed by what it moves on from number to number would give the same numbers one place later.)
public struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    public init(seed: some BinaryInteger) { state = Self.mixed(UInt64(truncatingIfNeeded: seed) ^ 0x5851_F42D_4C95_7F2D) }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return Self.mixed(state)
    }

    /// An identifier of the history's own.
    public mutating func uuid() -> UUID {
        let (high, low) = (next(), next())
        return withUnsafeBytes(of: (high, low)) { UUID(uuid: $0.loadUnaligned(as: uuid_t.self)) }
    }

    /// A number from 0 up to an end that it does not reach.
    public mutating func below(_ end: Int) -> Int { Int.random(in: 0..<end, using: &self) }

    /// Whether something happens that happens so many times in a hundred.
    public mutating func chance(_ percent: Int) -> Bool { below(100) < percent }

    /// Some of all, each as often as not, or so many times in a hundred.
    public mutating func some<T>(of all: [T], percent: Int = 50) -> [T] {
        var chosen: [T] = []
        for one in all where chance(percent) { chosen.append(one) }
        return chosen
    }

    private static func mixed(_ number: UInt64) -> UInt64 {
        var mixed = number
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

import Foundation
import Kernel

/// Foundation writes identifiers in upper case. The `encode(to:)` that the compiler writes for the messages finds
/// these two here, in their own module, and prefers them to the general ones.
extension KeyedEncodingContainer {
    mutating func encode(_ value: UUID, forKey key: Key) throws {
        try encode(value.text, forKey: key)
    }

    mutating func encodeIfPresent(_ value: UUID?, forKey key: Key) throws {
        try encodeIfPresent(value?.text, forKey: key)
    }
}

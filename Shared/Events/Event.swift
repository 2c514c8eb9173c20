public import Foundation

/// A fact that its publisher tells the others, or, as `Command`, a wish that it sends to one of them.
///
/// A type is one version of one message, for ever: a field may be added when it is optional, anything else is a new
/// type with the next number in its name, published beside the old one until nobody hears that. The golden files in
/// `Tests/Events/Golden` hold every type to this.
public protocol Event: Codable, Sendable, Equatable {
    /// `ledger.charge.accepted.v1`: routing key, schema name and CloudEvents type at once; always a literal.
    static var name: String { get }
    /// Whose story it continues: messages of one aggregate keep their order (CloudEvents `partitionkey`).
    var aggregate: UUID { get }
    /// A message as it might be, with every field filled: the golden file and the documentation show it.
    static var example: Self { get }
}

/// The full state of something, with its owner's version: apply it only when it is newer than what is stored.
public protocol VersionedEvent: Event {
    /// Grows with every change of this aggregate.
    var version: Int64 { get }
    /// True when the thing exists no more.
    var ended: Bool { get }
}

/// A wish to one receiver, sent through `school.commands`; unroutable ones fail their sender.
public protocol Command: Event {
    /// The moment from which its answer would help nobody; nil when it never becomes pointless.
    var expiresAt: Date? { get }
}

/// Every enumeration inside a message: its cases can be listed, so the schema lists them.
public protocol DescribedEnum: CaseIterable, RawRepresentable, Codable, Sendable where RawValue == String {}

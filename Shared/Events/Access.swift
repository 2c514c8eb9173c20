public import Foundation
public import Kernel

/// Which way somebody went.
public enum PassageDirection: String, DescribedEnum {
    case entered
    case left
    /// The device does not tell and nothing around it does.
    case unknown
}

/// What is held to a reader.
public enum CardKind: String, DescribedEnum {
    case serviceCard
    case socialCard
    case bracelet
    case fob
    case temporary
}

/// Whether a carrier opens doors.
public enum CardStatus: String, DescribedEnum {
    case active
    /// By its owner or a guardian: it was lost.
    case blocked
    /// Its owner has a temporary one meanwhile.
    case suspended
    case ended
}

/// A card, bracelet or fob and whose it is.
public struct CardChanged: VersionedEvent {
    public static let name = "access.card.changed.v1"

    public let cardID: UUID
    /// Grows with every change of this one; only a higher one applies.
    public let version: Int64
    public let personID: UUID
    /// Canonical notation.
    public let number: String
    public let kind: CardKind
    public let status: CardStatus
    public let validUntil: Day?
    /// True when it exists no more; the other fields then say what was last known.
    public let ended: Bool

    public init(
        cardID: UUID, version: Int64, personID: UUID, number: String, kind: CardKind, status: CardStatus,
        validUntil: Day? = nil, ended: Bool = false
    ) {
        self.cardID = cardID
        self.version = version
        self.personID = personID
        self.number = number
        self.kind = kind
        self.status = status
        self.validUntil = validUntil
        self.ended = ended
    }

    public var aggregate: UUID { cardID }

    public static var example: CardChanged {
        CardChanged(
            cardID: Example.card, version: 2, personID: Example.child, number: "0004532178", kind: .serviceCard,
            status: .active, validUntil: Example.lastDay, ended: false)
    }
}

/// Somebody passed a turnstile.
public struct PassageRecorded: Event {
    public static let name = "access.passage.recorded.v1"

    public let passageID: UUID
    /// None when nobody has this card.
    public let personID: UUID?
    public let schoolID: UUID
    public let deviceID: UUID
    public let place: String
    public let direction: PassageDirection
    /// By the device’s clock, corrected when it was off.
    public let occurredAt: Date
    public let receivedAt: Date
    public let day: Day
    /// True when time or direction were put right.
    public let repaired: Bool

    public init(
        passageID: UUID, personID: UUID? = nil, schoolID: UUID, deviceID: UUID, place: String,
        direction: PassageDirection, occurredAt: Date, receivedAt: Date, day: Day, repaired: Bool
    ) {
        self.passageID = passageID
        self.personID = personID
        self.schoolID = schoolID
        self.deviceID = deviceID
        self.place = place
        self.direction = direction
        self.occurredAt = occurredAt
        self.receivedAt = receivedAt
        self.day = day
        self.repaired = repaired
    }

    public var aggregate: UUID { deviceID }

    public static var example: PassageRecorded {
        PassageRecorded(
            passageID: Example.passage, personID: Example.child, schoolID: Example.school, deviceID: Example.device,
            place: "Главный вход", direction: .entered, occurredAt: Example.moment, receivedAt: Example.later,
            day: Example.day, repaired: false)
    }
}

/// A turnstile, gate or reader of a school.
public struct DeviceChanged: VersionedEvent {
    public static let name = "access.device.changed.v1"

    public let deviceID: UUID
    /// Grows with every change of this one; only a higher one applies.
    public let version: Int64
    public let schoolID: UUID
    public let name: String
    public let place: String
    /// True when it exists no more; the other fields then say what was last known.
    public let ended: Bool

    public init(
        deviceID: UUID, version: Int64, schoolID: UUID, name: String, place: String, ended: Bool = false
    ) {
        self.deviceID = deviceID
        self.version = version
        self.schoolID = schoolID
        self.name = name
        self.place = place
        self.ended = ended
    }

    public var aggregate: UUID { deviceID }

    public static var example: DeviceChanged {
        DeviceChanged(
            deviceID: Example.device, version: 1, schoolID: Example.school, name: "turnstile-1", place: "Главный вход",
            ended: false)
    }
}

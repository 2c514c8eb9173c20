public import Foundation
public import Kernel

// A pupil’s move to another class or school: Identity says how far it is, the services that keep something of the
// pupil answer what goes with him and when it is there (SC-01, SC-02). One conversation, so it stands in one file.

/// How far a transfer is.
public enum TransferState: String, DescribedEnum {
    /// A guardian has asked; nothing has changed for the pupil (D-09).
    case asked
    /// The receiving side has confirmed: the pupil’s place is the new one.
    case confirmed
    /// Every service has said that its part has arrived.
    case done
    /// The receiving side has refused, with a reason.
    case refused
    /// The guardian has thought better of it.
    case withdrawn
}

/// A pupil is to move, moves or has moved to another class or school.
public struct TransferChanged: VersionedEvent {
    public static let name = "identity.transfer.changed.v1"

    public let transferID: UUID
    /// Grows with every change of this one; only a higher one applies.
    public let version: Int64
    public let personID: UUID
    public let fromSchoolID: UUID
    public let fromClassID: UUID?
    public let toSchoolID: UUID
    public let toClassID: UUID
    public let state: TransferState
    /// The first day in the new place, by the clock of the receiving school; none until it is confirmed.
    public let movedOn: Day?
    /// The version of the pupil’s state with which his new place stands: whoever knows that one or a newer one has let him go.
    public let placeVersion: Int64?
    /// When it came to this state.
    public let at: Date?
    /// True when it exists no more; the other fields then say what was last known.
    public let ended: Bool

    public init(
        transferID: UUID, version: Int64, personID: UUID, fromSchoolID: UUID, fromClassID: UUID? = nil, toSchoolID: UUID,
        toClassID: UUID, state: TransferState, movedOn: Day? = nil, placeVersion: Int64? = nil, at: Date? = nil,
        ended: Bool = false
    ) {
        self.transferID = transferID
        self.version = version
        self.personID = personID
        self.fromSchoolID = fromSchoolID
        self.fromClassID = fromClassID
        self.toSchoolID = toSchoolID
        self.toClassID = toClassID
        self.state = state
        self.movedOn = movedOn
        self.placeVersion = placeVersion
        self.at = at
        self.ended = ended
    }

    public var aggregate: UUID { transferID }

    public static var example: TransferChanged {
        TransferChanged(
            transferID: Example.transfer, version: 2, personID: Example.child, fromSchoolID: Example.school,
            fromClassID: Example.schoolClass, toSchoolID: Example.school, toClassID: Example.otherClass, state: .confirmed,
            movedOn: Example.day, placeVersion: 7, at: Example.moment, ended: false)
    }
}

/// Whether what a service keeps of a pupil could go with him, or is there.
public enum TransferPartState: String, DescribedEnum {
    /// Before the receiving side has confirmed: this would go with him.
    case ready
    /// After it: this has gone with him.
    case done
}

/// A service’s answer to a transfer. It names what the service keeps of the pupil, and nothing but its amount.
public struct TransferPart: Codable, Sendable, Equatable {
    public let transferID: UUID
    /// Of the transfer that is answered, with its owner’s epoch: an answer to an older one is passed over.
    public let transferVersion: Int64
    public let personID: UUID
    public let state: TransferPartState
    /// How many of what it keeps: cards, purchases, marks.
    public let count: Int?
    /// What is on the account.
    public let balance: Money?

    public init(
        transferID: UUID, transferVersion: Int64, personID: UUID, state: TransferPartState, count: Int? = nil,
        balance: Money? = nil
    ) {
        self.transferID = transferID
        self.transferVersion = transferVersion
        self.personID = personID
        self.state = state
        self.count = count
        self.balance = balance
    }

    static var example: TransferPart {
        TransferPart(
            transferID: Example.transfer, transferVersion: 2, personID: Example.child, state: .done, count: 2,
            balance: Money(kopecks: 28_600))
    }
}

/// A service’s part in a transfer, as an event of its own.
public protocol TransferPartEvent: Event {
    var part: TransferPart { get }
    init(part: TransferPart)
}

extension TransferPartEvent {
    public var aggregate: UUID { part.transferID }
    public static var example: Self { Self(part: .example) }
}

/// The account with its balance (AC-01).
public struct AccountTransferred: TransferPartEvent {
    public static let name = "ledger.transfer-part.changed.v1"
    public let part: TransferPart
    public init(part: TransferPart) { self.part = part }
}

/// The cards, which stay valid.
public struct CardsTransferred: TransferPartEvent {
    public static let name = "access.transfer-part.changed.v1"
    public let part: TransferPart
    public init(part: TransferPart) { self.part = part }
}

/// The diet and what was bought.
public struct DietTransferred: TransferPartEvent {
    public static let name = "canteen.transfer-part.changed.v1"
    public let part: TransferPart
    public init(part: TransferPart) { self.part = part }
}

/// The diary with its marks.
public struct DiaryTransferred: TransferPartEvent {
    public static let name = "journal.transfer-part.changed.v1"
    public let part: TransferPart
    public init(part: TransferPart) { self.part = part }
}

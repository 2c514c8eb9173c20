public import Events
import Foundation
public import Kernel
public import Messaging
public import Postgres

/// What a service keeps of a pupil, as an amount.
public struct Carried: Sendable, Equatable {
    public let count: Int?
    public let balance: Money?

    public init(count: Int? = nil, balance: Money? = nil) {
        self.count = count
        self.balance = balance
    }
}

extension Directory {
    /// A service's answer to a transfer (SC-01): `ready` when it is asked, `done` once the pupil has left his old place in
    /// this service's own Directory, so that the old school's staff see him no more; nothing when there is nothing to answer.
    ///
    /// - Parameter carried: what the service keeps of the pupil.
    /// - Throws: `NotYet` until the pupil's new place has arrived here.
    public static func answer(
        to heard: Received<TransferChanged>, in tx: borrowing Transaction,
        carrying carried: (borrowing Transaction) throws -> Carried
    ) throws -> TransferPart? {
        let transfer = heard.event
        guard let state = answer(to: transfer.state) else { return nil }
        if state == .done, try !knowsNewPlace(heard, in: tx) {
            throw NotYet("the new place of pupil \(transfer.personID.text) has not arrived")
        }
        let amount = try carried(tx)
        return TransferPart(
            transferID: transfer.transferID, transferVersion: heard.version, personID: transfer.personID, state: state,
            count: amount.count, balance: amount.balance)
    }

    /// Whether the pupil's place here is the one that the transfer brought, or a later one: he may have gone back meanwhile.
    private static func knowsNewPlace(_ heard: Received<TransferChanged>, in tx: borrowing Transaction) throws -> Bool {
        let transfer = heard.event
        let known = try tx.first(
            "select epoch, version, school_id, class_id, ended from directory_pupil where id = \(transfer.personID)",
            as: Int64.self, Int64.self, UUID.self, UUID?.self, Bool.self)
        // Nobody who is unknown here can be seen by the old school here; one who has left neither.
        guard let (epoch, version, schoolID, classID, hasLeft) = known, !hasLeft else { return true }
        if let placeVersion = transfer.placeVersion { return (epoch, version) >= (heard.epoch, placeVersion) }
        return schoolID != transfer.fromSchoolID || classID != transfer.fromClassID
    }

    /// What is said to a state of a transfer; nothing to one that is over.
    static func answer(to state: TransferState) -> TransferPartState? {
        switch state {
        case .asked: .ready
        case .confirmed: .done
        case .done, .refused, .withdrawn: nil
        }
    }
}

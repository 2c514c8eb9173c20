import Directory
import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// A transfer is asked for, accepted, refused, withdrawn or done: the guardians read it in the child's day and in the letter, the
/// staff concerned among the comings and goings (SC-01, SC-02).
enum WhenPupilMoves {
    /// One notice for each step, the first telling of it: a transfer that is said again because a service has not answered, or a
    /// message that comes twice, is no news.
    static func notice(of transfer: TransferChanged, to place: String, on day: Day, at moment: Date) -> Notice {
        let hasMoved = transfer.state == .confirmed || transfer.state == .done
        return Notice(
            id: .derived(from: transfer.transferID, "notice \(transfer.state.rawValue)"), childID: transfer.personID,
            schoolID: hasMoved ? transfer.toSchoolID : transfer.fromSchoolID, day: day, at: moment, kind: .transfer,
            // A wish is the guardians' affair; where he learns from now on is his own too.
            audience: hasMoved ? .family : .guardians, topic: .diary,
            facts: .init(place: place, value: transfer.state.rawValue, movedOn: transfer.movedOn), version: 1)
    }

    static func react(to received: [Received<TransferChanged>], in tx: borrowing Transaction) throws {
        var notices: [Notice] = []
        for heard in received where !heard.event.ended {
            let (transfer, moment) = (heard.event, heard.event.at ?? heard.time)
            guard let target = try Directory.schoolClass(transfer.toClassID, in: tx), let school = try Directory.school(transfer.toSchoolID, in: tx)
            else { throw NotYet("class \(transfer.toClassID.text) has not arrived") }
            let place = transfer.fromSchoolID == transfer.toSchoolID ? target.name.text : "\(target.name.text), \(school.name)"
            let isThere = transfer.state == .confirmed || transfer.state == .done
            let zone = try Directory.zone(of: isThere ? transfer.toSchoolID : transfer.fromSchoolID, in: tx)
            var told = notice(of: transfer, to: place, on: zone.day(of: moment), at: moment)
            told.isOld = heard.isRepublished
            notices.append(told)
            try StaffNotice.tell(StaffNotice.notices(of: transfer, at: moment), isOld: heard.isRepublished, in: tx)
        }
        try Notice.tell(notices, in: tx)
        LiveFeed.touch(notices.map(\.childID))
    }
}

import Directory
import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// How each event that concerns a child becomes a notice: pure, so that every one can be checked without a database.
enum WhenSomethingHappens {
    /// A passage of somebody we cannot name is no notice.
    static func notice(of passage: PassageRecorded, version: Int64) -> Notice? {
        guard let person = passage.personID, passage.direction != .unknown else { return nil }
        return Notice(
            id: .derived(from: passage.passageID, "notice"), childID: person, schoolID: passage.schoolID, day: passage.day,
            at: passage.occurredAt, kind: passage.direction == .entered ? .entered : .left, audience: .family,
            topic: .attendance, facts: .init(place: passage.place), version: version)
    }

    /// A mark stands at its lesson on the day line; a mark for an earlier day stands where it was given.
    static func notice(of mark: MarkChanged, version: Int64) -> Notice {
        Notice(
            id: .derived(from: mark.markID, "notice"), childID: mark.personID, schoolID: nil, day: mark.day, at: mark.at,
            kind: .mark, audience: .family, topic: .diary,
            facts: .init(
                subject: mark.subject, lessonNumber: mark.lessonNumber, value: mark.value, previous: mark.previous,
                work: mark.work, text: mark.comment, by: mark.by),
            version: version, isEnded: mark.ended)
    }

    static func notice(of attendance: AttendanceChanged, version: Int64) -> Notice {
        Notice(
            id: .derived(from: attendance.attendanceID, "notice"), childID: attendance.personID, schoolID: nil,
            day: attendance.day, at: attendance.at, kind: attendance.state == .late ? .late : .absence, audience: .family,
            topic: .attendance,
            facts: .init(
                subject: attendance.subject, lessonNumber: attendance.lessonNumber,
                value: attendance.state.rawValue, text: attendance.topic, minutes: attendance.lateMinutes),
            version: version, isEnded: attendance.ended || attendance.state == .present)
    }

    /// JR-15: for the guardians alone.
    static func notice(of remark: RemarkChanged, version: Int64) -> Notice {
        Notice(
            id: .derived(from: remark.remarkID, "notice"), childID: remark.personID, schoolID: nil, day: remark.day,
            at: remark.at, kind: .remark, audience: .guardians, topic: .diary,
            facts: .init(subject: remark.subject, text: remark.text, by: remark.by), version: version,
            isEnded: remark.ended)
    }

    static func notice(of comment: CommentChanged, version: Int64) -> Notice {
        Notice(
            id: .derived(from: comment.commentID, "notice"), childID: comment.personID, schoolID: nil, day: comment.day,
            at: comment.at, kind: .comment, audience: .family, topic: .diary,
            facts: .init(subject: comment.subject, text: comment.text, by: comment.by), version: version,
            isEnded: comment.ended)
    }

    static func notice(of sale: SaleCompleted, version: Int64) -> Notice {
        Notice(
            id: .derived(from: sale.saleID, "notice"), childID: sale.personID, schoolID: sale.schoolID, day: sale.day,
            at: sale.soldAt, kind: .purchase, audience: .family, topic: .meals,
            facts: .init(
                place: sale.tillName, amount: sale.amount, purchaseKind: sale.kind, meal: sale.meal, items: sale.items),
            version: version)
    }

    /// Money is the guardians' business (AC-06): the pupil does not read why he was refused, his guardian does.
    static func notice(of refusal: SaleRefused, version: Int64) -> Notice {
        Notice(
            id: .derived(from: refusal.saleID, "refusal"), childID: refusal.personID, schoolID: refusal.schoolID,
            day: refusal.day, at: refusal.at, kind: .refusal, audience: .guardians, topic: .meals,
            facts: .init(
                place: refusal.tillName, text: refusal.banned?.map(\.name).joined(separator: ", "), amount: refusal.amount,
                items: refusal.items, reason: refusal.reason),
            version: version)
    }

    static func notice(of topUp: TopUpPosted, day: Day, version: Int64) -> Notice {
        Notice(
            id: .derived(from: topUp.topUpID, "notice"), childID: topUp.personID, schoolID: topUp.account.schoolID, day: day,
            at: topUp.postedAt, kind: .topUp, audience: .guardians, topic: .money,
            facts: .init(amount: topUp.amount, method: topUp.method), version: version)
    }

    /// Money that came back for a mistaken charge (AC-12) comes in as a top-up does; its words say what it was.
    static func notice(of refund: RefundPosted, day: Day, version: Int64) -> Notice {
        Notice(
            id: .derived(from: refund.refundID, "notice"), childID: refund.personID, schoolID: refund.account.schoolID, day: day,
            at: refund.postedAt, kind: .topUp, audience: .guardians, topic: .money,
            facts: .init(text: refund.what, amount: refund.amount), version: version)
    }

    /// Paid services are the guardians' business, as money is (ID-35).
    /// What is bought once ends by itself, and that is no news.
    static func notice(of change: SubscriptionChanged, day: Day, version: Int64) -> Notice? {
        if change.rhythm == .once, change.endsOn != nil, change.by == nil { return nil }
        return Notice(
            id: .derived(from: change.subscriptionID, "subscription"), childID: change.personID, schoolID: change.schoolID, day: day,
            at: change.at, kind: .service, audience: .guardians, topic: .money,
            facts: .init(text: change.title, service: change.endsOn == nil ? .subscribed : .ended, until: change.endsOn), version: version)
    }

    static func notice(of charge: ServiceCharged, version: Int64) -> Notice {
        Notice(
            id: .derived(from: charge.dueID, "charged"), childID: charge.personID, schoolID: charge.account.schoolID,
            day: charge.account.day, at: charge.postedAt, kind: .service, audience: .guardians, topic: .money,
            facts: .init(text: charge.what, amount: charge.amount, service: .charged), version: version)
    }

    /// Told once for each attempt that a teacher made, and once for the schedule, which tries silently afterwards.
    static func notice(of refusal: ServiceDeclined, version: Int64) -> Notice {
        Notice(
            id: .derived(from: refusal.chargeID, "refused"), childID: refusal.personID, schoolID: refusal.account.schoolID,
            day: refusal.account.day, at: refusal.at, kind: .service, audience: .guardians, topic: .money,
            facts: .init(text: refusal.what, amount: refusal.amount, reason: refusal.reason, service: .refused, until: refusal.triedUntil),
            version: version)
    }

    static func notice(of refund: ServiceRefunded, version: Int64) -> Notice {
        Notice(
            id: .derived(from: refund.refundID, "notice"), childID: refund.personID, schoolID: refund.account.schoolID,
            day: refund.account.day, at: refund.postedAt, kind: .service, audience: .guardians, topic: .money,
            facts: .init(text: refund.what, amount: refund.amount, service: .refunded), version: version)
    }

    static func notice(of low: BalanceLow, version: Int64) -> Notice {
        Notice(
            id: .derived(from: low.chargeID, "low"), childID: low.personID, schoolID: low.account.schoolID, day: low.account.day,
            at: low.at, kind: .lowBalance, audience: .guardians, topic: .money,
            facts: .init(amount: low.account.balance, below: low.below), version: version)
    }
}

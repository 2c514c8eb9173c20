import Foundation
import Kernel

/// What a subsidy may pay for (AC-08).
enum SubsidyPurpose: String, CaseIterable, Encodable, Sendable {
    /// Meals with the class only.
    case collective
    case any
}

/// When a subsidy's money comes.
enum SubsidyRhythm: String, CaseIterable, Encodable, Sendable {
    case schoolDay, month, once
}

/// Which days of a subsidy bring money: a rule without I/O (AC-08).
struct SubsidySchedule: Equatable {
    let rhythm: SubsidyRhythm
    /// The first day that counts: of the term, or of the day it was entered when that is later.
    let startsOn: Day
    /// The last day of the certificate, included.
    let until: Day

    /// The days that are due, oldest first.
    ///
    /// - Parameters:
    ///   - through: the last day already accrued.
    ///   - today: money never comes ahead of its day.
    ///   - calendar: days on which the school works otherwise than the week says; else it works from Monday to Friday.
    func due(after through: Day, today: Day, calendar: [Day: Bool]) -> [Day] {
        let first = max(through + 1, startsOn)
        let last = min(today, until)
        guard first <= last else { return [] }
        return (first...last).filter { day in
            switch rhythm {
            case .once: day == startsOn
            // The month of the beginning counts from its beginning.
            case .month: day == startsOn || day.day == 1
            case .schoolDay: calendar[day] ?? (day.weekday <= 5)
            }
        }
    }
}

/// A child's subsidy as it stands.
struct Subsidy: Equatable {
    let id: UUID
    let child: UUID
    let schoolID: UUID
    let accountNumber: String
    let pupilCode: String
    let title: String
    /// Number of the certificate of entitlement, and who issued it.
    let certificate: String
    let issuer: String
    let validFrom: Day
    let validUntil: Day
    let purpose: SubsidyPurpose
    let amount: Money
    let rhythm: SubsidyRhythm
    let balance: Money
    let endedAt: Date?
    /// True when somebody ended it before its term.
    let isRevoked: Bool
}

/// Why a subsidy was not entered or ended.
enum SubsidyRefused: Error, Equatable {
    case noAccount
    case notAnAmount
    case termOutOfOrder
    case incomplete
    /// This child has a subsidy by this certificate already.
    case certificateKnown
    case repeatedWithOtherContents
    case noSubsidy
}

import Foundation
import Kernel

/// How often a guardian wants a letter (NT-01).
enum Rhythm: String, Sendable, CaseIterable, Codable {
    case daily, weekly, never
}

/// When a guardian's letter is due, in the time of the school.
struct LetterChoice: Sendable, Equatable {
    let rhythm: Rhythm
    let sendAt: TimeOfDay
    /// 1 = Monday; the day of the weekly letter.
    let weekday: Int

    /// What everyone gets who has chosen nothing: every evening at seven.
    static let unchosen = LetterChoice(rhythm: .daily, sendAt: TimeOfDay(hour: 19, minute: 0) ?? .midnight, weekday: 5)

    /// The day whose letter should have gone out by now and may still go out; nil when none is due.
    ///
    /// A letter that could not be sent at its hour is sent later the same day; after midnight the next one tells it all.
    func dueDay(now: Date, zone: SchoolZone) -> Day? {
        let day = zone.day(of: now)
        guard zone.timeOfDay(of: now) >= sendAt else { return nil }
        switch rhythm {
        case .never: return nil
        case .daily: return day
        case .weekly: return day.weekday == weekday ? day : nil
        }
    }

    /// The earliest that a letter tells of when none was sent before: a day or a week.
    func horizon(now: Date) -> Date { now.addingTimeInterval(rhythm == .weekly ? -7 * 86_400 : -86_400) }
}

public import Foundation
public import Kernel

/// How money, days and times are written for a reader.
public struct Format: Sendable {
    public let language: Language
    public let zone: SchoolZone

    public init(_ language: Language, zone: SchoolZone = .moscow) {
        self.language = language
        self.zone = zone
    }

    private static let space = "\u{A0}"
    static let monthsOfRussian = [
        "января", "февраля", "марта", "апреля", "мая", "июня", "июля", "августа", "сентября", "октября", "ноября", "декабря",
    ]
    static let monthsOfEnglish = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ]
    private static let weekdaysOfRussian = ["понедельник", "вторник", "среда", "четверг", "пятница", "суббота", "воскресенье"]
    private static let weekdaysOfEnglish = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
    private static let namesOfRussian = [
        "январь", "февраль", "март", "апрель", "май", "июнь", "июль", "август", "сентябрь", "октябрь", "ноябрь", "декабрь",
    ]

    /// `412,50 ₽`, whole roubles without kopecks; a minus sign, not a hyphen; a space between thousands.
    public func money(_ money: Money) -> String { amount(money) + Self.space + "₽" }

    /// Like ``money(_:)``, with a plus before what comes in.
    public func signed(_ money: Money) -> String { (money > .zero ? "+" : "") + self.money(money) }

    /// The figure alone, without the sign of the currency.
    public func amount(_ money: Money) -> String {
        let rest = money.absolute.kopecks % 100
        let point = language == .russian ? "," : "."
        return (money < .zero ? "−" : "") + whole(money) + (rest == 0 ? "" : "\(point)\(rest < 10 ? "0" : "")\(rest)")
    }

    /// Roubles and kopecks apart, for large figures: `412` and `,50 ₽`.
    public func parts(_ money: Money) -> (whole: String, rest: String) {
        let rest = money.absolute.kopecks % 100
        let point = language == .russian ? "," : "."
        return ((money < .zero ? "−" : "") + whole(money), "\(point)\(rest < 10 ? "0" : "")\(rest)\(Self.space)₽")
    }

    /// `2,4 МБ`: of 1024 × 1024 bytes, rounded up to a tenth, so that what is over a limit never looks like the limit.
    public func megabytes(_ bytes: Int) -> String {
        let tenths = (bytes * 10 + (1 << 20) - 1) >> 20
        let (point, unit) = language == .russian ? (",", "МБ") : (".", "MB")
        return "\(tenths / 10)" + (tenths % 10 == 0 ? "" : "\(point)\(tenths % 10)") + Self.space + unit
    }

    private func whole(_ money: Money) -> String {
        let digits = String(money.absolute.kopecks / 100)
        guard digits.count > 4 else { return digits }
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { text += Self.space }
            text.append(digit)
        }
        return text
    }

    /// `20 ноября`, with the year when it is not this one.
    public func date(_ day: Day, thisYear: Int? = nil) -> String {
        let year = thisYear.map { $0 == day.year } ?? true ? "" : " \(day.year)"
        switch language {
        case .russian: return "\(day.day)\(Self.space)\(Self.monthsOfRussian[day.month - 1])\(year)"
        case .english: return "\(day.day)\(Self.space)\(Self.monthsOfEnglish[day.month - 1])\(year)"
        }
    }

    /// `пятница`.
    public func weekday(_ day: Day) -> String {
        language == .russian ? Self.weekdaysOfRussian[day.weekday - 1] : Self.weekdaysOfEnglish[day.weekday - 1]
    }

    /// `Пятница`, to begin a line with.
    public func weekdayTitle(_ day: Day) -> String {
        let name = weekday(day)
        return name.prefix(1).uppercased() + name.dropFirst()
    }

    /// `Пятница, 20 ноября`, to begin a line with.
    public func longDate(_ day: Day) -> String { weekdayTitle(day) + ", " + date(day) }

    /// `16–21 ноября`, `30 ноября – 5 декабря`.
    public func days(_ first: Day, _ last: Day) -> String {
        first.month == last.month && first.year == last.year
            ? "\(first.day)–\(date(last))" : "\(date(first)) – \(date(last))"
    }

    /// `ноябрь`, `ноябрь 2025` when it is not this year.
    public func month(_ day: Day, thisYear: Int? = nil) -> String {
        let name = language == .russian ? Self.namesOfRussian[day.month - 1] : Self.monthsOfEnglish[day.month - 1]
        return thisYear.map { $0 == day.year } ?? true ? name : "\(name) \(day.year)"
    }

    /// `8:09` in the school's zone.
    public func time(_ date: Date) -> String { zone.timeOfDay(of: date).text }

    /// `сегодня, 9:30`, `вчера, 16:05`, `17 ноября, 8:00`.
    public func moment(_ date: Date, now: Date) -> String {
        let (day, today) = (zone.day(of: date), zone.day(of: now))
        let name =
            switch day.days(until: today) {
            case 0: language == .russian ? "сегодня" : "today"
            case 1: language == .russian ? "вчера" : "yesterday"
            default: self.date(day, thisYear: today.year)
            }
        return "\(name), \(time(date))"
    }
}

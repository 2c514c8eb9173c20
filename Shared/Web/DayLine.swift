public import Kernel

/// A child's day on one horizontal line, from seven to seven: coming, lessons, marks, lunch, money, leaving.
///
/// A pure value drawn on the server. Across are per cent of the twelve hours, down are pixels, so that labels neither grow nor
/// shrink; positions are laid out for a phone's 328 pixels and only get more air on wider screens.
public struct DayLine: Sendable, Equatable {
    /// How a lesson stands.
    public enum LessonState: Sendable, Equatable {
        case past, now, next, missed, club
        /// Came after its beginning; filled from the minute of entering.
        case late(TimeOfDay)
    }

    public struct Lesson: Sendable, Equatable {
        public let starts: TimeOfDay
        public let ends: TimeOfDay
        public let state: LessonState

        public init(starts: TimeOfDay, ends: TimeOfDay, state: LessonState) {
            self.starts = starts
            self.ends = ends
            self.state = state
        }
    }

    public struct Mark: Sendable, Equatable {
        public let at: TimeOfDay
        public let value: String
        public let hasComment: Bool

        public init(at: TimeOfDay, value: String, hasComment: Bool) {
            self.at = at
            self.value = value
            self.hasComment = hasComment
        }
    }

    public enum MoneyKind: Sendable, Equatable {
        case meal, personal, topUp
    }

    public struct Payment: Sendable, Equatable {
        public let at: TimeOfDay
        public let kind: MoneyKind
        public let amount: Money

        public init(at: TimeOfDay, kind: MoneyKind, amount: Money) {
            self.at = at
            self.kind = kind
            self.amount = amount
        }
    }

    public let title: String
    /// The same day in words, for those who hear the page.
    public let description: String
    /// Stays inside an element's identifier: letters, digits and hyphens.
    public let id: String
    public let entered: TimeOfDay?
    public let left: TimeOfDay?
    public let lessons: [Lesson]
    public let marks: [Mark]
    public let payments: [Payment]
    /// Nil for a day that is not today.
    public let now: TimeOfDay?

    public init(
        id: String, title: String, description: String, entered: TimeOfDay?, left: TimeOfDay?, lessons: [Lesson], marks: [Mark],
        payments: [Payment], now: TimeOfDay?
    ) {
        self.id = id
        self.title = title
        self.description = description
        self.entered = entered
        self.left = left
        self.lessons = lessons
        self.marks = marks
        self.payments = payments
        self.now = now
    }

    static let width = 328.0
    private static let first = 420
    private static let length = 720.0

    /// Per cent of the line, never beyond its ends.
    static func x(_ time: TimeOfDay) -> Double {
        max(0, min(100, Double(time.minutes - first) / length * 100))
    }

    /// Labels wanted at places and how wide each is, spread so that none covers another and none leaves the frame; in the order
    /// given, which is the order of time. Where there is no room for all, the last stay where they fit least badly.
    ///
    /// - Returns: a place in per cent for every label.
    static func spread(_ wanted: [(x: Double, pixels: Double)]) -> [Double] {
        guard !wanted.isEmpty else { return [] }
        let half = wanted.map { $0.pixels / 2 / width * 100 }
        var places = wanted.map(\.x)
        for index in places.indices {
            let least = index == 0 ? half[0] : places[index - 1] + half[index - 1] + half[index]
            places[index] = max(places[index], least, half[index])
        }
        for index in places.indices.reversed() {
            let most = index == places.count - 1 ? 100 - half[index] : places[index + 1] - half[index + 1] - half[index]
            places[index] = min(places[index], most)
        }
        return places
    }

    /// Several marks or payments that cannot stand beside each other become one label: the newest mark, the sum.
    static func merged<Item>(_ items: [Item], most: Int, join: (Item, Item) -> Item) -> [Item] {
        var items = items
        while items.count > most {
            items.replaceSubrange((items.count - 2)..., with: [join(items[items.count - 2], items[items.count - 1])])
        }
        return items
    }

    /// The drawing.
    public var svg: String {
        var parts: [String] = []
        parts.append(
            "<svg role=\"img\" aria-labelledby=\"\(id)-t \(id)-d\" xmlns=\"http://www.w3.org/2000/svg\">"
                + "<title id=\"\(id)-t\">\(title.htmlEscaped)</title><desc id=\"\(id)-d\">\(description.htmlEscaped)</desc>")
        for hour in stride(from: 7, through: 19, by: 2) {
            let at = Self.percent(Double(hour - 7) / 12 * 100)
            parts.append("<line class=\"dl-grid\" x1=\"\(at)\" x2=\"\(at)\" y1=\"36\" y2=\"114\"/>")
        }
        let payments = Self.merged(payments.sorted { $0.at < $1.at }, most: 6) {
            Payment(at: $1.at, kind: $1.kind, amount: $0.amount + $1.amount)
        }
        let sums = payments.map { Self.sum($0) }
        let places = Self.spread(zip(payments, sums).map { (Self.x($0.at), max(22, Double($1.count) * 8 + 8)) })
        for (payment, place) in zip(payments, places) {
            let from = Self.percent(Self.x(payment.at))
            parts.append("<line class=\"dl-stem\" x1=\"\(from)\" x2=\"\(Self.percent(place))\" y1=\"52\" y2=\"62\"/>")
        }
        parts.append("<line class=\"dl-base\" x1=\"0\" x2=\"100%\" y1=\"44\" y2=\"44\"/>")
        if let entered {
            let end = left ?? now ?? TimeOfDay(hour: 19, minute: 0) ?? entered
            parts.append(
                "<line class=\"dl-in\" x1=\"\(Self.percent(Self.x(entered)))\" x2=\"\(Self.percent(Self.x(end)))\" y1=\"44\" y2=\"44\"/>")
        }
        for lesson in lessons { parts.append(bar(lesson)) }
        if let now {
            let at = Self.percent(Self.x(now))
            parts.append("<line class=\"dl-now\" x1=\"\(at)\" x2=\"\(at)\" y1=\"16\" y2=\"118\"/>")
        }
        if let entered { parts.append(Self.door(entered, isEntry: true)) }
        if let left { parts.append(Self.door(left, isEntry: false)) }
        let marks = Self.merged(marks.sorted { $0.at < $1.at }, most: 9) { Mark(at: $1.at, value: $1.value, hasComment: $0.hasComment || $1.hasComment) }
        for (mark, place) in zip(marks, Self.spread(marks.map { (Self.x($0.at), $0.hasComment ? 32 : 24) })) {
            let corner = mark.hasComment ? "<path class=\"dl-corner\" d=\"M8-17h7v7z\"/>" : ""
            parts.append(
                "<svg x=\"\(Self.percent(place))\" y=\"27\" overflow=\"visible\"><text class=\"dl-mark\(mark.value == "2" ? " dl-mark--2" : "")\" x=\"0\" y=\"0\">"
                    + "\(mark.value.htmlEscaped)</text>\(corner)</svg>")
        }
        for ((payment, sum), place) in zip(zip(payments, sums), places) {
            parts.append(
                "<svg x=\"\(Self.percent(place))\" y=\"71\" overflow=\"visible\"><path class=\"dl-ico\" d=\"\(Self.icon(payment.kind))\"/>"
                    + "<text class=\"dl-sum\" x=\"0\" y=\"27\">\(sum)</text></svg>")
        }
        parts.append(hours)
        if let now { parts.append(Self.pill(now)) }
        return parts.joined() + "</svg>"
    }

    private func bar(_ lesson: Lesson) -> String {
        let (from, to) = (Self.x(lesson.starts), Self.x(lesson.ends))
        func box(_ kind: String, _ from: Double, _ to: Double, isOutline: Bool) -> String {
            let (y, height, round) = isOutline ? ("36.75", "14.5", "1.5") : ("36", "16", "2")
            return "<rect class=\"dl-\(kind)\" x=\"\(Self.percent(from))\" y=\"\(y)\" width=\"\(Self.percent(max(0, to - from)))\" height=\"\(height)\" rx=\"\(round)\"/>"
        }
        switch lesson.state {
        case .past: return box("past", from, to, isOutline: false)
        case .next: return box("next", from, to, isOutline: true)
        case .missed: return box("miss", from, to, isOutline: true)
        case .club: return box("club", from, to, isOutline: true)
        case .now: return box("next", from, to, isOutline: true) + box("past", from, now.map(Self.x) ?? to, isOutline: false)
        case .late(let entered):
            return box("miss", from, to, isOutline: true) + box("past", max(from, Self.x(entered)), to, isOutline: false)
        }
    }

    private var hours: String {
        stride(from: 7, through: 19, by: 2).map { hour -> String in
            let at = Double(hour - 7) / 12 * 100
            // Under the pill of «now» nothing can be read.
            if let now, abs(Self.pillPlace(now) - at) < 11 { return "" }
            let edge = hour == 7 ? " dl-hour--first" : hour == 19 ? " dl-hour--last" : ""
            return "<text class=\"dl-hour\(edge)\" x=\"\(Self.percent(at))\" y=\"131\">\(hour)</text>"
        }.joined()
    }

    private static func door(_ time: TimeOfDay, isEntry: Bool) -> String {
        let way = isEntry ? "" : "-"
        // After a quarter past five there is no room behind the bracket.
        let before = isEntry ? time.minutes >= first + 45 : time.minutes > 17 * 60 + 15
        return "<svg x=\"\(percent(x(time)))\" y=\"44\" overflow=\"visible\"><path class=\"dl-halo\" d=\"M\(way)5-14H0V14H\(way)5\"/>"
            + "<path class=\"dl-door\" d=\"M\(way)7-14H0V14H\(way)7\"/>"
            + "<text class=\"dl-time dl-time--\(before ? "in" : "out")\" x=\"\(before ? "2" : "0")\" y=\"32\">\(time.text)</text></svg>"
    }

    static func pillPlace(_ now: TimeOfDay) -> Double { max(7.1, min(92.9, x(now))) }

    private static func pill(_ now: TimeOfDay) -> String {
        let bell = "M12 2.6c.9 0 1.6.7 1.6 1.6v.5c2.7.7 4.5 3 4.5 5.9v4.3l1.9 2.6v.9H4v-.9l1.9-2.6v-4.3c0-2.9 1.8-5.2 4.5-5.9v-.5c0-.9.7-1.6 1.6-1.6z"
            + "M9.4 19.9h5.2a2.6 2.6 0 0 1-5.2 0z"
        return "<svg x=\"\(percent(max(3.2, min(96.8, x(now)))))\" y=\"0\" overflow=\"visible\"><path class=\"dl-bell\" transform=\"translate(-10.5 -3) scale(.875)\" d=\"\(bell)\"/></svg>"
            + "<svg x=\"\(percent(pillPlace(now)))\" y=\"0\" overflow=\"visible\"><rect class=\"dl-pill\" x=\"-23\" y=\"116\" width=\"46\" height=\"20\" rx=\"3\"/>"
            + "<text class=\"dl-nowt\" x=\"0\" y=\"130.5\">\(now.text)</text></svg>"
    }

    private static func icon(_ kind: MoneyKind) -> String {
        switch kind {
        case .meal: "M-6.5-1h13a6.5 6.5 0 0 1-4 6h-5a6.5 6.5 0 0 1-4-6zM0-3.5c-1-1.2 1-2 0-3.2"
        case .personal: "M-5.5-2.5h11L4.5 6h-9zM-2.8-2.5a2.8 3 0 0 1 5.6 0"
        case .topUp: "M0-6.5v10M-4.2-.5 0 4l4.2-4.5M-6 7h12"
        }
    }

    /// Without the sign of the currency, whole roubles where they are whole.
    private static func sum(_ payment: Payment) -> String {
        let kopecks = payment.amount.absolute.kopecks
        let rest = kopecks % 100
        let text = rest == 0 ? "\(kopecks / 100)" : "\(kopecks / 100),\(rest < 10 ? "0" : "")\(rest)"
        return payment.kind == .topUp ? "+\(text)" : text
    }

    private static func percent(_ number: Double) -> String {
        let hundredths = Int((number * 100).rounded())
        return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(abs(hundredths % 100))%"
    }
}

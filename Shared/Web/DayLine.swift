public import Kernel

/// A child's day from 7:00 to 19:00 on one line: doors, lessons, marks, money and now.
///
/// A pure value: facts in, SVG out. Across it counts in percent of the day, downwards in pixels, so letters neither grow
/// nor shrink with the page. Labels are laid out for 328 pixels; a wider page only adds air between them.
public struct DayLine: Sendable, Equatable {
    public struct Lesson: Sendable, Equatable {
        public enum Presence: Sendable, Equatable {
            case there, missed
            /// Came this many minutes after the bell.
            case late(Int)
        }

        public let startsAt: TimeOfDay
        public let endsAt: TimeOfDay
        public let isClub: Bool
        public let presence: Presence

        public init(from startsAt: TimeOfDay, to endsAt: TimeOfDay, isClub: Bool = false, presence: Presence = .there) {
            self.startsAt = startsAt
            self.endsAt = endsAt
            self.isClub = isClub
            self.presence = presence
        }
    }

    public struct Door: Sendable, Equatable {
        public let at: TimeOfDay
        public let entered: Bool

        public init(at: TimeOfDay, entered: Bool) {
            self.at = at
            self.entered = entered
        }
    }

    public struct Mark: Sendable, Equatable {
        /// The middle of its lesson.
        public let at: TimeOfDay
        public let value: String
        public let hasComment: Bool

        public init(at: TimeOfDay, value: String, hasComment: Bool = false) {
            self.at = at
            self.value = value
            self.hasComment = hasComment
        }
    }

    public struct Sum: Sendable, Equatable {
        public enum Kind: Sendable, Equatable { case meal, personal, topUp }
        public let at: TimeOfDay
        public let kind: Kind
        /// Nil where no money is shown: for the pupil himself.
        public let amount: Money?

        public init(at: TimeOfDay, kind: Kind, amount: Money?) {
            self.at = at
            self.kind = kind
            self.amount = amount
        }
    }

    public let lessons: [Lesson]
    public let doors: [Door]
    public let marks: [Mark]
    public let sums: [Sum]
    /// Nil for a day that is over or has not begun.
    public let now: TimeOfDay?
    /// Whether the whole day lies behind, so that all lessons have been.
    public let isOver: Bool

    public init(
        lessons: [Lesson] = [], doors: [Door] = [], marks: [Mark] = [], sums: [Sum] = [], now: TimeOfDay? = nil,
        isOver: Bool = false
    ) {
        self.lessons = lessons.sorted { $0.startsAt < $1.startsAt }
        self.doors = doors.sorted { $0.at < $1.at }
        self.marks = marks.sorted { $0.at < $1.at }
        self.sums = sums.sorted { $0.at < $1.at }
        self.now = now.flatMap { (420...1140).contains($0.minutes) ? $0 : nil }
        self.isOver = isOver || (now.map { $0.minutes > 1140 } ?? false)
    }

    // MARK: - Laying out

    /// A text on the line with the space that it takes, in pixels of the narrowest page.
    struct Label: Equatable {
        enum Kind: Equatable { case mark(comment: Bool), sum(Sum.Kind), timeIn, timeOut, hour, now, bell }
        let kind: Kind
        var text: String
        /// Its middle.
        var x: Double
        let width: Double
        let top: Double
        let bottom: Double
        /// Where it would stand if it were alone.
        var wish: Double

        var left: Double { x - width / 2 }
        var right: Double { x + width / 2 }

        func overlaps(_ other: Label) -> Bool {
            left < other.right - 0.01 && other.left < right - 0.01 && top < other.bottom && other.top < bottom
        }
    }

    /// The width that the layout is made for, in pixels.
    static let narrowest = 328.0
    /// How far a label may stand from its moment, in pixels, before it is joined to its neighbour.
    private static let farthest = 34.0

    static func percent(_ time: TimeOfDay) -> Double { min(100, max(0, (Double(time.minutes) - 420) / 7.2)) }
    private static func pixel(_ time: TimeOfDay) -> Double { percent(time) * narrowest / 100 }

    /// Every text that is drawn, where it is drawn.
    func labels(_ amount: (Money) -> String) -> [Label] {
        var fixed: [Label] = []
        if let now {
            let x = Self.pixel(now)
            fixed.append(Self.inside(Label(kind: .bell, text: "", x: x, width: 22, top: 0, bottom: 18, wish: x)))
            fixed.append(Self.inside(Label(kind: .now, text: now.text, x: x, width: 46, top: 116, bottom: 136, wish: x)))
        }
        for hour in [7, 9, 11, 13, 15, 17, 19] {
            let width = hour > 9 ? 17.0 : 9.0
            let place = Double(hour - 7) / 12 * Self.narrowest
            let x = hour == 7 ? width / 2 : hour == 19 ? place - width / 2 : place
            let label = Label(kind: .hour, text: "\(hour)", x: x, width: width, top: 120, bottom: 134, wish: x)
            if !fixed.contains(where: { $0.overlaps(label) }) { fixed.append(label) }
        }
        fixed += doorLabels(beside: fixed)
        let marksPlaced = Self.spread(markLabels, around: fixed) { first, second in
            Self.mark(first.text + "/" + second.text, at: first.wish, comment: first.hasComment || second.hasComment)
        }
        let sumsPlaced = sumLabels(amount, around: fixed)
        return fixed + marksPlaced + sumsPlaced
    }

    /// Only the first entry and the last exit are written; the brackets between them speak for themselves.
    private func doorLabels(beside fixed: [Label]) -> [Label] {
        var labels: [Label] = []
        func width(_ time: TimeOfDay) -> Double { time.hour > 9 ? 40 : 32 }
        if let first = doors.first(where: \.entered) {
            let x = Self.pixel(first.at) + 2 - width(first.at) / 2
            labels.append(
                Self.inside(Label(kind: .timeIn, text: first.at.text, x: x, width: width(first.at), top: 62, bottom: 80, wish: x)))
        }
        if let last = doors.last, !last.entered {
            let wide = width(last.at)
            let flips = last.at.minutes > 1035
            let x = Self.pixel(last.at) + (flips ? -wide / 2 : wide / 2)
            var label = Self.inside(
                Label(kind: .timeOut, text: last.at.text, x: x, width: wide, top: 62, bottom: 80, wish: x))
            if let entry = labels.first, entry.overlaps(label) {
                label.x = entry.right + wide / 2
                if label.right > Self.narrowest {
                    label.x = Self.narrowest - wide / 2
                    labels[0].x = label.left - entry.width / 2
                }
            }
            labels.append(label)
        }
        return labels
    }

    private var markLabels: [Label] {
        marks.map { Self.mark($0.value, at: Self.pixel($0.at), comment: $0.hasComment) }
    }

    private static func mark(_ text: String, at x: Double, comment: Bool) -> Label {
        inside(
            Label(
                kind: .mark(comment: comment), text: text, x: x, width: Double(text.count) * 11 + (comment ? 20 : 4), top: 10,
                bottom: 30, wish: x))
    }

    private func sumLabels(_ amount: (Money) -> String, around fixed: [Label]) -> [Label] {
        var joined = sums
        while true {
            let labels = joined.map { sum in
                let text = sum.amount.map { (sum.kind == .topUp ? "+" : "") + amount($0) } ?? ""
                let x = Self.pixel(sum.at)
                return Self.inside(
                    Label(
                        kind: .sum(sum.kind), text: text, x: x, width: max(18, Double(text.count) * 7.6 + 6), top: 62, bottom: 102,
                        wish: x))
            }
            guard let crowd = Self.crowded(labels, around: fixed) else { return Self.placed(labels, around: fixed) ?? labels }
            guard joined.count > 1 else { return Self.placed(labels, around: fixed, anywhere: true) ?? [] }
            let neighbour = Self.neighbour(of: crowd, in: labels.map(\.wish))
            let (low, high) = (min(crowd, neighbour), max(crowd, neighbour))
            let (first, second) = (joined[low], joined[high])
            // What goes out and what comes in are different figures; joined they become what they made together.
            let total: Money? =
                if let one = first.signed, let two = second.signed { one + two } else { nil }
            let kind: Sum.Kind = (total ?? .zero) > .zero ? .topUp : first.kind == .topUp ? second.kind : first.kind
            joined[low] = Sum(at: first.at, kind: kind, amount: total?.absolute)
            joined.remove(at: high)
        }
    }

    /// Spreads labels and joins those that find no place near their moment.
    private static func spread(_ labels: [Label], around fixed: [Label], _ join: (Label, Label) -> Label) -> [Label] {
        var labels = labels
        while let crowd = crowded(labels, around: fixed) {
            guard labels.count > 1 else { return placed(labels, around: fixed, anywhere: true) ?? [] }
            let neighbour = neighbour(of: crowd, in: labels.map(\.wish))
            let (low, high) = (min(crowd, neighbour), max(crowd, neighbour))
            var both = join(labels[low], labels[high])
            if both.width > 110 {
                // More than fits is a number of marks: the list below names each.
                both = mark("…", at: labels[low].wish, comment: both.hasComment)
            }
            labels[low] = both
            labels.remove(at: high)
        }
        return placed(labels, around: fixed) ?? labels
    }

    private static func neighbour(of place: Int, in wishes: [Double]) -> Int {
        guard place > 0 else { return 1 }
        guard place + 1 < wishes.count else { return place - 1 }
        return wishes[place] - wishes[place - 1] <= wishes[place + 1] - wishes[place] ? place - 1 : place + 1
    }

    /// The first label that finds no place; nil when all do.
    private static func crowded(_ labels: [Label], around fixed: [Label]) -> Int? {
        var standing = fixed
        for (index, label) in labels.enumerated() {
            guard let found = place(label, among: standing, within: farthest) else { return index }
            standing.append(found)
        }
        return nil
    }

    private static func placed(_ labels: [Label], around fixed: [Label], anywhere: Bool = false) -> [Label]? {
        var standing: [Label] = []
        for label in labels {
            guard let found = place(label, among: fixed + standing, within: anywhere ? narrowest : farthest) else { return nil }
            standing.append(found)
        }
        return standing
    }

    /// The free place nearest to where the label wants to stand.
    private static func place(_ label: Label, among others: [Label], within reach: Double) -> Label? {
        let inRow = others.filter { $0.top < label.bottom && label.top < $0.bottom }
        let places = [label.x] + inRow.flatMap { [$0.left - label.width / 2, $0.right + label.width / 2] }
        return places.map { x in
            var moved = label
            moved.x = x
            return moved
        }.filter { moved in
            moved.left >= -0.01 && moved.right <= narrowest + 0.01 && abs(moved.x - label.x) <= reach
                && !inRow.contains { $0.overlaps(moved) }
        }.min { abs($0.x - label.x) < abs($1.x - label.x) }
    }

    private static func inside(_ label: Label) -> Label {
        var moved = label
        moved.x = min(narrowest - label.width / 2, max(label.width / 2, label.x))
        return moved
    }
}

extension DayLine.Label {
    var hasComment: Bool { if case .mark(let comment) = kind { comment } else { false } }
}

extension DayLine.Sum {
    fileprivate var signed: Money? { amount.map { kind == .topUp ? $0 : -$0 } }
}

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
}

import Events
import Kernel

/// What of a child a guardian may see and until when: the topics and the term of a grant (BY-10).
struct GrantTerms: Sendable, Hashable {
    let topics: Set<Topic>
    /// The last day; without one it holds until it is taken away.
    let until: Day?

    /// What the school's own guardians have.
    static let whole = GrantTerms(topics: Set(Topic.allCases), until: nil)

    /// In the order in which they are always named.
    var listed: [Topic] { Topic.allCases.filter(topics.contains) }

    func holds(on day: Day) -> Bool { until.map { day <= $0 } ?? true }

    /// Whether everything that the other opens on any day is open by this one too.
    func covers(_ other: GrantTerms) -> Bool {
        guard topics.isSuperset(of: other.topics) else { return false }
        guard let until else { return true }
        return other.until.map { $0 <= until } ?? false
    }

    /// What both open.
    func intersection(_ other: GrantTerms) -> GrantTerms {
        GrantTerms(
            topics: topics.intersection(other.topics), until: [until, other.until].compactMap(\.self).min())
    }

    /// The grant that opens exactly what two of them open together: the wider one, or of the same term all topics of both,
    /// or of the same topics the longer term. Nil where no single grant can: one opens the diary until May and the other
    /// the meals until June.
    func union(_ other: GrantTerms) -> GrantTerms? {
        if covers(other) { return self }
        if other.covers(self) { return other }
        guard until == other.until else { return nil }
        return GrantTerms(topics: topics.union(other.topics), until: until)
    }
}

/// What a parent wrote into the form about a grant.
struct TypedTerms: Sendable {
    let topics: [String]
    let until: String
    /// How far ahead a term may lie: further is a slip of the pen.
    static let mostDays = 3660

    /// - Throws: ``ProfileRefused`` with every field that is wrong.
    func checked(today: Day) throws(ProfileRefused) -> GrantTerms {
        var wrong: [String: FieldMessage] = [:]
        let chosen = topics.compactMap(Topic.init(rawValue:))
        if chosen.isEmpty || chosen.count != topics.count { wrong["topic"] = "Choose what the adult may see." }
        let day = Day(until.trimmed)
        if !until.trimmed.isEmpty {
            if day == nil {
                wrong["until"] = "This is no day."
            } else if let day, day < today {
                wrong["until"] = "This day is over. Choose today or a later one."
            } else if let day, today.days(until: day) > Self.mostDays {
                wrong["until"] = "This day is more than ten years away."
            }
        }
        guard wrong.isEmpty else { throw ProfileRefused(fields: wrong) }
        return GrantTerms(topics: Set(chosen), until: day)
    }
}

extension Topic {
    /// English; the catalogue has the Russian.
    var english: String {
        switch self {
        case .diary: "Diary"
        case .attendance: "Attendance"
        case .meals: "Meals"
        case .money: "Money"
        case .messages: "Messages"
        case .portfolio: "Portfolio"
        case .certificate: "Certificate"
        }
    }
}

public import Foundation
public import Kernel

/// Whether a pupil was at a lesson.
public enum AttendanceState: String, DescribedEnum {
    case present
    case absent
    case late
    /// Absent with a reason that the school accepted.
    case excused
}

/// A lesson or club in a class’s day.
public struct LessonSlot: Codable, Sendable, Equatable {
    public let lessonID: UUID
    public let number: Int
    public let startsAt: TimeOfDay
    public let endsAt: TimeOfDay
    public let subject: String
    public let room: String?
    public let teacher: String?
    public let isCancelled: Bool
    public let isClub: Bool

    public init(
        lessonID: UUID, number: Int, startsAt: TimeOfDay, endsAt: TimeOfDay, subject: String, room: String? = nil,
        teacher: String? = nil, isCancelled: Bool, isClub: Bool
    ) {
        self.lessonID = lessonID
        self.number = number
        self.startsAt = startsAt
        self.endsAt = endsAt
        self.subject = subject
        self.room = room
        self.teacher = teacher
        self.isCancelled = isCancelled
        self.isClub = isClub
    }
}

/// The timetable of a class on one day, substitutions included.
public struct ClassDayChanged: VersionedEvent {
    public static let name = "journal.class-day.changed.v1"

    public let classDayID: UUID
    public let classID: UUID
    public let schoolID: UUID
    public let day: Day
    /// Grows with every change of this one; only a higher one applies.
    public let version: Int64
    public let lessons: [LessonSlot]
    public let termName: String?
    /// The first day of the term: which week of it this is.
    public let termStarts: Day?
    /// True when it exists no more; the other fields then say what was last known.
    public let ended: Bool

    public init(
        classDayID: UUID, classID: UUID, schoolID: UUID, day: Day, version: Int64, lessons: [LessonSlot],
        termName: String? = nil, termStarts: Day? = nil, ended: Bool = false
    ) {
        self.classDayID = classDayID
        self.classID = classID
        self.schoolID = schoolID
        self.day = day
        self.version = version
        self.lessons = lessons
        self.termName = termName
        self.termStarts = termStarts
        self.ended = ended
    }

    public var aggregate: UUID { classDayID }

    public static var example: ClassDayChanged {
        ClassDayChanged(
            classDayID: Example.classDay, classID: Example.schoolClass, schoolID: Example.school, day: Example.day,
            version: 3,
            lessons: [
            LessonSlot(
            lessonID: Example.lesson, number: 3, startsAt: Example.lessonStart, endsAt: Example.lessonEnd,
            subject: "Алгебра", room: "214", teacher: "Е. С. Кравцова", isCancelled: false, isClub: false)
            ],
            termName: "2-я четверть", termStarts: Example.day, ended: false)
    }
}

/// What a lesson was about and what is to be done at home (JR-01).
public struct LessonRecorded: VersionedEvent {
    public static let name = "journal.lesson.recorded.v1"

    public let lessonID: UUID
    /// Grows with every change of this one; only a higher one applies.
    public let version: Int64
    public let classID: UUID
    public let day: Day
    public let number: Int
    public let subject: String
    public let topic: String?
    public let homework: String?
    /// True when it exists no more; the other fields then say what was last known.
    public let ended: Bool

    public init(
        lessonID: UUID, version: Int64, classID: UUID, day: Day, number: Int, subject: String, topic: String? = nil,
        homework: String? = nil, ended: Bool = false
    ) {
        self.lessonID = lessonID
        self.version = version
        self.classID = classID
        self.day = day
        self.number = number
        self.subject = subject
        self.topic = topic
        self.homework = homework
        self.ended = ended
    }

    public var aggregate: UUID { lessonID }

    public static var example: LessonRecorded {
        LessonRecorded(
            lessonID: Example.lesson, version: 2, classID: Example.schoolClass, day: Example.day, number: 3,
            subject: "Алгебра", topic: "Формулы сокращённого умножения", homework: "§ 12, № 214–218", ended: false)
    }
}

/// A mark was given, changed or taken back (JR-02).
public struct MarkChanged: VersionedEvent {
    public static let name = "journal.mark.changed.v1"

    public let markID: UUID
    /// Grows with every change of this one; only a higher one applies.
    public let version: Int64
    public let personID: UUID
    public let classID: UUID
    public let lessonID: UUID
    public let day: Day
    public let lessonNumber: Int
    public let subject: String
    /// “5” … “2”.
    public let value: String
    public let weight: Int
    /// What it is for: контрольная работа, ответ у доски …
    public let work: String?
    public let comment: String?
    /// The mark before this change.
    public let previous: String?
    /// The teacher, as the diary names him.
    public let by: String
    public let at: Date
    /// True when it exists no more; the other fields then say what was last known.
    public let ended: Bool

    public init(
        markID: UUID, version: Int64, personID: UUID, classID: UUID, lessonID: UUID, day: Day, lessonNumber: Int,
        subject: String, value: String, weight: Int, work: String? = nil, comment: String? = nil,
        previous: String? = nil, by: String, at: Date, ended: Bool = false
    ) {
        self.markID = markID
        self.version = version
        self.personID = personID
        self.classID = classID
        self.lessonID = lessonID
        self.day = day
        self.lessonNumber = lessonNumber
        self.subject = subject
        self.value = value
        self.weight = weight
        self.work = work
        self.comment = comment
        self.previous = previous
        self.by = by
        self.at = at
        self.ended = ended
    }

    public var aggregate: UUID { markID }

    public static var example: MarkChanged {
        MarkChanged(
            markID: Example.mark, version: 2, personID: Example.child, classID: Example.schoolClass,
            lessonID: Example.lesson, day: Example.day, lessonNumber: 3, subject: "Алгебра", value: "5", weight: 2,
            work: "Самостоятельная работа", comment: "Решено вторым способом", previous: "4", by: "Е. С. Кравцова",
            at: Example.moment, ended: false)
    }
}

/// Whether a pupil was at a lesson.
public struct AttendanceChanged: VersionedEvent {
    public static let name = "journal.attendance.changed.v1"

    public let attendanceID: UUID
    /// Grows with every change of this one; only a higher one applies.
    public let version: Int64
    public let personID: UUID
    public let classID: UUID
    public let lessonID: UUID
    public let day: Day
    public let lessonNumber: Int
    public let subject: String
    public let state: AttendanceState
    public let lateMinutes: Int?
    public let topic: String?
    public let at: Date
    /// True when it exists no more; the other fields then say what was last known.
    public let ended: Bool

    public init(
        attendanceID: UUID, version: Int64, personID: UUID, classID: UUID, lessonID: UUID, day: Day,
        lessonNumber: Int, subject: String, state: AttendanceState, lateMinutes: Int? = nil, topic: String? = nil,
        at: Date, ended: Bool = false
    ) {
        self.attendanceID = attendanceID
        self.version = version
        self.personID = personID
        self.classID = classID
        self.lessonID = lessonID
        self.day = day
        self.lessonNumber = lessonNumber
        self.subject = subject
        self.state = state
        self.lateMinutes = lateMinutes
        self.topic = topic
        self.at = at
        self.ended = ended
    }

    public var aggregate: UUID { attendanceID }

    public static var example: AttendanceChanged {
        AttendanceChanged(
            attendanceID: Example.attendance, version: 1, personID: Example.child, classID: Example.schoolClass,
            lessonID: Example.lesson, day: Example.day, lessonNumber: 3, subject: "Алгебра", state: .late, lateMinutes: 7,
            topic: "Формулы сокращённого умножения", at: Example.moment, ended: false)
    }
}

/// A remark on behaviour. Guardians and staff read it, the pupil never (JR-15).
public struct RemarkChanged: VersionedEvent {
    public static let name = "journal.remark.changed.v1"

    public let remarkID: UUID
    /// Grows with every change of this one; only a higher one applies.
    public let version: Int64
    public let personID: UUID
    public let day: Day
    public let subject: String?
    public let text: String
    public let by: String
    public let at: Date
    /// True when it exists no more; the other fields then say what was last known.
    public let ended: Bool

    public init(
        remarkID: UUID, version: Int64, personID: UUID, day: Day, subject: String? = nil, text: String, by: String,
        at: Date, ended: Bool = false
    ) {
        self.remarkID = remarkID
        self.version = version
        self.personID = personID
        self.day = day
        self.subject = subject
        self.text = text
        self.by = by
        self.at = at
        self.ended = ended
    }

    public var aggregate: UUID { remarkID }

    public static var example: RemarkChanged {
        RemarkChanged(
            remarkID: Example.remark, version: 1, personID: Example.child, day: Example.day, subject: "Физкультура",
            text: "Нет спортивной формы", by: "И. П. Громов", at: Example.moment, ended: false)
    }
}

/// A teacher’s comment, which the pupil reads too (JR-16).
public struct CommentChanged: VersionedEvent {
    public static let name = "journal.comment.changed.v1"

    public let commentID: UUID
    /// Grows with every change of this one; only a higher one applies.
    public let version: Int64
    public let personID: UUID
    public let day: Day
    public let subject: String?
    public let text: String
    public let by: String
    public let at: Date
    /// True when it exists no more; the other fields then say what was last known.
    public let ended: Bool

    public init(
        commentID: UUID, version: Int64, personID: UUID, day: Day, subject: String? = nil, text: String, by: String,
        at: Date, ended: Bool = false
    ) {
        self.commentID = commentID
        self.version = version
        self.personID = personID
        self.day = day
        self.subject = subject
        self.text = text
        self.by = by
        self.at = at
        self.ended = ended
    }

    public var aggregate: UUID { commentID }

    public static var example: CommentChanged {
        CommentChanged(
            commentID: Example.comment, version: 1, personID: Example.child, day: Example.day, subject: "Литература",
            text: "Прекрасно читала наизусть", by: "О. В. Синицына", at: Example.moment, ended: false)
    }
}

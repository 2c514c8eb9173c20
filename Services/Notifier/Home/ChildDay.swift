import Directory
import Events
import Foundation
import Kernel
import Postgres
import Web

/// What a reader may know of a child: the topics granted to him, and whether he is the child himself.
struct Sharing: Sendable, Equatable {
    var isPupil = false
    var diary = false
    var remarks = false
    var attendance = false
    var meals = false
    var purchases = false
    var money = false

    func shows(_ notice: Notice) -> Bool {
        // Twice on purpose: neither a wrong audience nor a wrong kind alone may show a remark to a pupil (JR-15).
        if isPupil, notice.audience == .guardians || [.remark, .refusal, .topUp, .lowBalance, .service].contains(notice.kind) { return false }
        if notice.kind == .remark { return remarks }
        switch notice.topic {
        case .diary: return diary
        case .attendance: return attendance
        case .meals: return meals
        case .money: return money
        case .messages, .portfolio, .certificate: return false
        }
    }

    /// Asked topic by topic of the one decision.
    init(of viewer: Viewer, for child: UUID, on day: Day, in tx: borrowing Transaction) throws {
        func may(_ permission: Permission, _ tx: borrowing Transaction) throws -> Bool {
            try Directory.decide(viewer, permission, about: .child(child), on: day, in: tx) == .allowed
        }
        isPupil = viewer.isPupil && viewer.personID == child
        diary = try may(.seeDiary, tx)
        remarks = try may(.seeRemarks, tx)
        attendance = try may(.seeAttendance, tx)
        meals = try may(.seeMeals, tx)
        purchases = try may(.seePurchases, tx)
        money = try may(.seeMoney, tx)
    }

    /// What a guardian's letter may tell.
    init(guardianWith topics: Set<Topic>) {
        diary = topics.contains(.diary)
        remarks = diary
        attendance = topics.contains(.attendance)
        meals = topics.contains(.meals)
        purchases = meals
        money = topics.contains(.money)
    }
}

/// Everything that is known of a child's day and may be shown to one reader.
struct ChildDay: Sendable {
    struct Account: Sendable { let balance: Money; let limit: Money?; let spent: Money }
    struct Coming: Sendable { let day: Day; let lesson: LessonSlot; let homework: String? }

    let child: ChildRecord
    let sharing: Sharing
    let day: Day
    let now: Date
    let zone: SchoolZone
    let notices: [Notice]
    let lessons: [LessonSlot]
    let termName: String?
    /// Counts from 1; nil where the school says no terms.
    let termWeek: Int?
    let next: Coming?
    let account: Account?
    /// What the last school day's meals cost by the class's request; nil when none is known.
    let mealsOfDay: Money?
    /// Homework for the next school day, by subject.
    let homework: [(subject: String, text: String)]

    var isToday: Bool { zone.day(of: now) == day }
    var isWoman: Bool { child.gender == .female }
    var name: String { child.name?.given ?? child.accountNumber }

    init(_ child: ChildRecord, on day: Day, for sharing: Sharing, at now: Date, in tx: borrowing Transaction) throws {
        self.init(child, for: sharing, at: now, from: try DayMaterial(of: [child], on: day, in: tx))
    }

    init(_ child: ChildRecord, for sharing: Sharing, at now: Date, from material: DayMaterial) {
        let (day, zone) = (material.day, material.zone(of: child.schoolID))
        self.child = child
        self.sharing = sharing
        self.day = day
        self.now = now
        self.zone = zone
        notices = material.notices(of: child.id).filter { sharing.shows($0) }
        let days = material.days(of: child.classID)
        let today = days.first { $0.day == day }
        lessons = (today?.lessons ?? []).filter { !$0.isCancelled }.sorted { $0.startsAt < $1.startsAt }
        let term = today ?? days.first
        termName = term?.termName
        // The week of the term, counted from the Monday of the week in which it began.
        termWeek = term?.termStarts.map { $0.monday.days(until: day.monday) / 7 + 1 }.flatMap { $0 > 0 ? $0 : nil }
        let time = zone.timeOfDay(of: now)
        let isToday = zone.day(of: now) == day
        let rest = isToday ? lessons.first { $0.startsAt > time && !$0.isClub } : nil
        let later = days.first { $0.day > day }
        let coming = (later?.lessons ?? []).filter { !$0.isCancelled }.sorted { $0.startsAt < $1.startsAt }
        let first = coming.first { !$0.isClub }
        var homework: [(subject: String, text: String)] = []
        if sharing.diary {
            for lesson in coming {
                guard let text = material.homework(in: lesson.subject, of: child.classID), !text.isEmpty,
                    !homework.contains(where: { $0.subject == lesson.subject })
                else { continue }
                homework.append((lesson.subject, text))
            }
        }
        self.homework = homework
        if let rest {
            next = Coming(day: day, lesson: rest, homework: nil)
        } else if let later, let first {
            next = Coming(day: later.day, lesson: first, homework: homework.first { $0.subject == first.subject }?.text)
        } else {
            next = nil
        }
        account = sharing.money && !sharing.isPupil
            ? material.account(of: child.id).map { Account(balance: $0.balance, limit: $0.limit, spent: $0.day == day ? $0.spent : .zero) }
            : nil
        mealsOfDay = material.mealsOfDay(of: child.id)
    }

    // MARK: - Where the child is

    enum Presence: Equatable { case inside(Date), out(Date), unknown }

    var presence: Presence {
        guard let last = notices.first(where: { $0.kind == .entered || $0.kind == .left }) else { return .unknown }
        guard last.kind == .entered else { return .out(last.at) }
        let entries = notices.reversed().drop { $0.kind != .entered }
        let lastExit = notices.first { $0.kind == .left }?.at
        return .inside(entries.first { $0.kind == .entered && $0.at > (lastExit ?? .distantPast) }?.at ?? last.at)
    }

    /// The lesson that runs now.
    var current: LessonSlot? {
        guard isToday else { return nil }
        let time = zone.timeOfDay(of: now)
        return lessons.first { $0.startsAt <= time && time < $0.endsAt }
    }

    // MARK: - The line

    var line: DayLine {
        func time(_ date: Date) -> TimeOfDay { zone.timeOfDay(of: date) }
        let absent = Dictionary(
            notices.filter { $0.kind == .absence || $0.kind == .late }.compactMap { notice in
                notice.facts.lessonNumber.map { ($0, notice) }
            }, uniquingKeysWith: { first, _ in first })
        let middles = Dictionary(
            lessons.filter { !$0.isClub }.map { ($0.number, $0.startsAt.adding(minutes: ($0.endsAt.minutes - $0.startsAt.minutes) / 2)) },
            uniquingKeysWith: { first, _ in first })
        let commented = Set(notices.filter { $0.kind == .comment }.compactMap(\.facts.subject))
        return DayLine(
            lessons: lessons.map { lesson in
                let notice = lesson.isClub ? nil : absent[lesson.number]
                let presence: DayLine.Lesson.Presence =
                    notice.map { $0.kind == .late ? .late($0.facts.minutes ?? 1) : .missed } ?? .there
                return .init(from: lesson.startsAt, to: lesson.endsAt, isClub: lesson.isClub, presence: presence)
            },
            doors: notices.filter { $0.kind == .entered || $0.kind == .left }.map { .init(at: time($0.at), entered: $0.kind == .entered) },
            marks: notices.filter { $0.kind == .mark }.map { notice in
                .init(
                    at: notice.facts.lessonNumber.flatMap { middles[$0] } ?? time(notice.at), value: notice.facts.value ?? "",
                    hasComment: notice.facts.text != nil || commented.contains(notice.facts.subject ?? ""))
            },
            sums: notices.filter { $0.kind == .purchase || $0.kind == .topUp }.map { notice in
                .init(
                    at: time(notice.at),
                    kind: notice.kind == .topUp ? .topUp : notice.facts.purchaseKind == .personal ? .personal : .meal,
                    amount: showsAmounts ? notice.facts.amount : nil)
            },
            now: isToday ? time(now) : nil, isOver: day < zone.day(of: now))
    }

    /// AC-06: a pupil sees what he ate, not what it cost.
    var showsAmounts: Bool { !sharing.isPupil && sharing.purchases }
}

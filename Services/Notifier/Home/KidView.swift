import Directory
import Events
import Foundation
import Kernel
import Postgres
import Web

/// One child on the home page: ready strings for the template, the same for programs.
struct KidView: Encodable, Sendable {
    struct Row: Encodable, Sendable {
        let time: String
        let line: String
        let mark: String?
        let markNote: Bool
        let isTwo: Bool
        let sum: String?
        let isPlus: Bool
        let isRemark: Bool
    }

    let id: String
    let childName: String
    let className: String?
    let accent: String
    let status: String
    let dayLine: String
    let hasAccount: Bool
    let whole: String
    let rest: String
    let isAlarm: Bool
    let moneyNote: String
    let nextTitle: String?
    let nextWord: String
    let nextNote: String
    let log: [Row]
    let isQuiet: Bool
    let quiet: String
    let showsDiary: Bool
    let more: String
    let diaryPath: String
    let livePath: String
    /// What the lede says of the child.
    let sentence: String

    private static func drawing(of day: ChildDay, _ words: Words) -> String {
        let told = day.notices.reversed().map {
            words.format.time($0.at) + " " + words.line($0, isWoman: day.isWoman, showsMoney: day.showsAmounts)
        }
        return day.line.svg(
            id: "dl-\(day.child.id.text)", title: words.tr("The line of the day: %@, %@", day.name, words.format.longDate(day.day)),
            words: told.isEmpty ? words.tr("Nothing has happened yet.") : told.joined(separator: ". ") + ".",
            amount: { words.format.amount($0) })
    }

    /// - Parameter draws: whether the line is drawn; letters have their own.
    init(_ day: ChildDay, _ words: Words, draws: Bool = true) {
        let format = words.format
        id = day.child.id.text
        childName = day.name
        className = day.child.className?.text
        accent = day.child.accent.rawValue
        let isWoman = day.isWoman
        dayLine = draws ? Self.drawing(of: day, words) : ""

        switch day.presence {
        case .inside(let since): status = words.tr("at school since %@", format.time(since))
        case .out(let at): status = isWoman ? words.tr("she left at %@", format.time(at)) : words.tr("he left at %@", format.time(at))
        case .unknown: status = day.lessons.isEmpty ? words.tr("no lessons today") : words.tr("no passage yet")
        }
        if case .out(let at) = day.presence {
            sentence = isWoman ? words.tr("%@ (she) left school at %@.", day.name, format.time(at)) : words.tr("%@ (he) left school at %@.", day.name, format.time(at))
        } else if let current = day.current, case .inside = day.presence {
            sentence = current.isClub ? words.tr("%@ is at a club: %@.", day.name, current.subject) : words.tr("%@ is in lesson %@, %@.", day.name, current.number, current.subject)
        } else if case .inside(let since) = day.presence {
            sentence = words.tr("%@ is at school since %@.", day.name, format.time(since))
        } else if let first = day.lessons.first {
            let hasBegun = words.zone.timeOfDay(of: day.now) >= first.startsAt || !day.isToday
            sentence = hasBegun ? words.tr("%@: no passage today.", day.name) : words.tr("%@: lessons from %@.", day.name, first.startsAt.text)
        } else {
            sentence = words.tr("%@ has no lessons today.", day.name)
        }

        hasAccount = day.account != nil
        if let account = day.account {
            (whole, rest) = format.parts(account.balance)
            var notes: [String] = []
            if let meals = day.mealsOfDay, meals > .zero {
                isAlarm = account.balance < meals
                if isAlarm {
                    notes.append(words.tr("not enough for the next school day: %@ more is needed", format.money(meals - account.balance)))
                } else {
                    notes.append(words.trn(Int(account.balance.kopecks / meals.kopecks), "enough for one day of meals", "enough for %d days of meals"))
                }
            } else {
                isAlarm = account.balance < .zero
            }
            if let limit = account.limit {
                let left = max(.zero, limit - account.spent)
                notes.append(words.tr("%@ left today for personal purchases", format.money(left)))
            }
            moneyNote = notes.joined(separator: "; ")
        } else {
            (whole, rest, isAlarm, moneyNote) = ("", "", false, "")
        }

        if let next = day.next {
            nextTitle = next.day == day.day ? words.tr("Next lesson, %@", next.lesson.startsAt.text)
                : Self.capital(format.weekday(next.day)) + ", " + next.lesson.startsAt.text
            nextWord = next.lesson.subject
            let club = next.day == day.day ? day.lessons.last { $0.isClub && $0.startsAt > next.lesson.startsAt } : nil
            nextNote = [
                next.lesson.room.map { words.tr("room %@", $0) }, next.homework.map { words.tr("homework: %@", $0) },
                club.map { words.tr("then %@ until %@", $0.subject, $0.endsAt.text) },
            ].compactMap { $0 }.joined(separator: "; ")
        } else {
            (nextTitle, nextWord, nextNote) = (nil, "", "")
        }

        log = day.notices.map { notice in
            let isMark = notice.kind == .mark
            let amount = day.showsAmounts || notice.kind == .topUp ? notice.facts.amount : nil
            let sum = notice.kind == .purchase ? amount.map { format.money(-$0) } : notice.kind == .topUp ? amount.map { format.signed($0) } : nil
            return Row(
                time: format.time(notice.at), line: words.line(notice, isWoman: isWoman, showsMoney: day.showsAmounts),
                mark: isMark ? notice.facts.value : nil, markNote: isMark && notice.facts.text != nil,
                isTwo: isMark && notice.facts.value?.hasPrefix("2") == true, sum: sum, isPlus: notice.kind == .topUp,
                isRemark: notice.kind == .remark)
        }
        isQuiet = log.isEmpty
        quiet = day.lessons.isEmpty ? words.tr("A free day: nothing is expected.") : words.tr("Nothing has happened yet. The first line appears when the child comes in.")
        showsDiary = day.sharing.diary
        more = day.homework.isEmpty ? words.tr("The whole day and homework") : words.trn(day.homework.count, "The whole day; homework in one subject", "The whole day; homework in %d subjects")
        diaryPath = day.sharing.isPupil ? "/journal/diary" : "/journal/diary?child=\(day.child.id.text)"
        livePath = "/notifier/children/\(day.child.id.text)/live"
    }

    private static func capital(_ text: String) -> String { text.prefix(1).uppercased() + text.dropFirst() }
}

/// The family's home: all children side by side.
struct HomePage: Page {
    static let template = "home/show"
    let title: String
    let section = "home"
    let eyebrow: String
    let heading: String
    let lede: String
    let kids: [KidView]
    let hasNoKids: Bool
}

/// One child's article by itself, for other pages and for programs.
struct KidPage: Page {
    static let template = "home/kid-page"
    let title: String
    let section = "home"
    let kid: KidView
}

extension HomePage {
    init(for visit: Visit, _ database: Database, _ catalogue: Catalogue) async throws {
        let days = try await database.read { tx -> [ChildDay] in
            let children: [ChildRecord]
            if visit.viewer.isPupil {
                children = try Directory.child(visit.viewer.personID, in: tx).map { [$0] } ?? []
            } else {
                children = try Directory.children(of: visit.viewer, .seeFeed, at: visit.now, in: tx).filter { !$0.hasLeft }
            }
            var materials: [Day: DayMaterial] = [:]
            return try children.map { child in
                let zone = try Directory.zone(of: child.schoolID, in: tx)
                let day = visit.day("day") ?? zone.day(of: visit.now)
                let sharing = try Sharing(of: visit.viewer, for: child.id, on: zone.day(of: visit.now), in: tx)
                // Children of one family mostly live in one zone: one reading for all of them.
                let material = try materials[day] ?? DayMaterial(of: children, on: day, in: tx)
                materials[day] = material
                return ChildDay(child, for: sharing, at: visit.now, from: material)
            }
        }
        let order = visit.viewer.children.map(\.id)
        let sorted = days.sorted { (order.firstIndex(of: $0.child.id) ?? order.count) < (order.firstIndex(of: $1.child.id) ?? order.count) }
        let kids = sorted.map { KidView($0, visit.words(catalogue, zone: $0.zone)) }
        let words = visit.words(catalogue, zone: sorted.first?.zone)
        let day = sorted.first?.day ?? visit.today
        self.init(
            title: words.tr("Home"), eyebrow: sorted.first.map { words.week($0) } ?? "", heading: words.format.longDate(day),
            lede: kids.map(\.sentence).joined(separator: " "), kids: kids, hasNoKids: kids.isEmpty)
    }
}

extension Words {
    /// Which week of which term it is; empty in the holidays.
    fileprivate func week(_ day: ChildDay) -> String {
        guard let term = day.termName else { return "" }
        return day.termWeek.map { tr("%@, week %@", term, $0) } ?? term
    }
}

extension KidPage {
    init(for visit: Visit, _ database: Database, _ catalogue: Catalogue) async throws {
        let id = try visit.uuid("child")
        let found = try await database.read { tx -> ChildDay? in
            guard let child = try Directory.child(id, in: tx) else { return nil }
            let sharing = try Sharing(of: visit.viewer, for: id, on: visit.today, in: tx)
            return try ChildDay(child, on: visit.day("day") ?? visit.today, for: sharing, at: visit.now, in: tx)
        }
        guard let found else { throw Problem.notFound }
        let kid = KidView(found, visit.words(catalogue))
        self.init(title: kid.childName, kid: kid)
    }
}

/// A child's article that follows what happens.
struct LivePage: Sendable {
    let database: Database
    let pages: Pages
    let feed: LiveFeed

    func events(of child: UUID, for visit: Visit) -> AsyncStream<ServerEvent> {
        let (stream, continuation) = AsyncStream.makeStream(of: ServerEvent.self, bufferingPolicy: .bufferingNewest(1))
        let task = Task {
            for await _ in feed.ticks(of: child) {
                guard let fragment = try? await fragment(of: child, for: visit) else { break }
                continuation.yield(ServerEvent("kid", fragment))
            }
            continuation.finish()
        }
        continuation.onTermination = { _ in task.cancel() }
        return stream
    }

    /// The inside of the article as it is now; what the reader may see is decided anew each time.
    func fragment(of child: UUID, for visit: Visit) async throws -> String? {
        let pages = pages
        return try await database.read { tx -> String? in
            let now = max(visit.now, Date())
            guard try Directory.decide(visit.viewer, .seeFeed, about: .child(child), on: visit.zone.day(of: now), in: tx) == .allowed,
                let record = try Directory.child(child, in: tx)
            else { return nil }
            let day = visit.zone.day(of: now)
            let sharing = try Sharing(of: visit.viewer, for: child, on: day, in: tx)
            let story = try ChildDay(record, on: day, for: sharing, at: now, in: tx)
            return pages.render(
                KidView(story, visit.words(pages.catalogue)), template: "home/kid", language: visit.language)
        }
    }
}

import Directory
import Events
import Foundation
import Kernel
import Postgres
import Web

/// What a guardian's letter tells, ready for both of its forms.
struct LetterContent: Sendable {
    struct Line: Sendable {
        let time: String
        let line: String
        let value: String
        let note: String?
    }

    struct Kid: Sendable {
        let childName: String
        let className: String?
        let status: String
        let ink: String
        let table: String
        let balance: String?
        let balanceNote: String
        let isAlarm: Bool
        let lines: [Line]
        let homeworkTitle: String?
        let homework: String
    }

    let subject: String
    let heading: String
    let preview: String
    let kids: [Kid]
    let settings: String
    let unsubscribe: String
    let school: String
    let isWeekly: Bool
    let sendAt: String
    /// How many notices it tells of.
    let count: Int

    /// Nil when there is nothing to tell.
    init?(
        for person: UUID, _ choice: LetterChoice, on day: Day, since: Date, until: Date, now: Date, _ words: Words,
        settings: String, unsubscribe: String, in tx: borrowing Transaction
    ) throws {
        let children = try Directory.children(of: person, on: day, in: tx).filter { !$0.hasLeft }
        var topics: [UUID: Set<Topic>] = [:]
        for topic in Topic.allCases {
            for child in try Directory.children(of: person, topic: topic, on: day, in: tx) { topics[child.id, default: []].insert(topic) }
        }
        var kids: [Kid] = []
        var names: [String] = []
        var count = 0
        for child in children {
            let sharing = Sharing(guardianWith: topics[child.id] ?? [])
            let changed = try Notice.changed(of: [child.id], after: since, upTo: until, in: tx).filter {
                // What came and was taken back between two letters was never told of.
                sharing.shows($0) && (!$0.isEnded || $0.at <= since)
            }
            guard !changed.isEmpty else { continue }
            let story = try ChildDay(child, on: day, for: sharing, at: now, in: tx)
            let view = KidView(story, words)
            kids.append(Kid(story, view, changed, words))
            names.append(story.name)
            count += changed.count
        }
        guard !kids.isEmpty else { return nil }
        self.count = count
        self.kids = kids
        let date = words.format.longDate(day)
        let all = names.count < 2 ? names[0] : names.dropLast().joined(separator: ", ") + " " + words.tr("and") + " " + names[names.count - 1]
        // BY-11: whom it is about stands first, so that it can be read from the list of letters.
        subject = choice.rhythm == .weekly ? words.tr("%@: the week until %@", all, words.format.date(day)) : "\(all): \(date)"
        heading = date
        preview = kids.map { "\($0.childName): " + $0.lines.suffix(2).map(\.line).joined(separator: "; ") }.joined(separator: ". ")
        self.settings = settings
        self.unsubscribe = unsubscribe
        school = try Directory.schools(Array(Set(children.map(\.schoolID))), in: tx).map(\.name).joined(separator: ", ")
        isWeekly = choice.rhythm == .weekly
        sendAt = choice.sendAt.text
    }
}

extension LetterContent.Kid {
    fileprivate init(_ story: ChildDay, _ view: KidView, _ changed: [Notice], _ words: Words) {
        let inks: [Accent: String] = [.sea: "#0f5e5a", .plum: "#7a3668", .moss: "#47601f", .sky: "#1f5688", .clay: "#8a4420"]
        childName = view.childName
        className = view.className
        status = view.status
        ink = inks[story.child.accent] ?? "#16233d"
        table = story.line.table(ink: ink)
        balance = view.hasAccount ? view.whole + view.rest : nil
        balanceNote = view.moneyNote
        isAlarm = view.isAlarm
        lines = changed.map { notice in
            let isSameDay = notice.day == story.day
            let time = isSameDay ? words.format.time(notice.at) : words.format.date(notice.day) + ", " + words.format.time(notice.at)
            let money = notice.facts.amount.map { notice.kind == .topUp ? words.format.signed($0) : words.format.money(-$0) }
            let value = notice.kind == .mark ? notice.facts.value ?? "" : notice.kind == .purchase || notice.kind == .topUp ? money ?? "" : ""
            var text = words.line(notice, isWoman: story.isWoman, showsMoney: true)
            if notice.isEnded { text = words.tr("Taken back: %@", text) }
            return .init(time: time, line: text, value: notice.isEnded ? "" : value, note: notice.kind == .mark ? notice.facts.text : nil)
        }
        if let next = story.next, !story.homework.isEmpty {
            homeworkTitle = next.day == story.day + 1 ? words.tr("For tomorrow") : words.tr("For %@", words.format.longDate(next.day))
        } else {
            homeworkTitle = story.homework.isEmpty ? nil : words.tr("Homework")
        }
        homework = story.homework.map { "\($0.subject): \($0.text)" }.joined(separator: ". ")
    }
}

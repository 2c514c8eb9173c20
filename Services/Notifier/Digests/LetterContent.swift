import Directory
import Events
import Foundation
import Kernel
import Web

/// What a guardian's letter tells, ready for both of its forms.
struct LetterContent: Sendable {
    struct Line: Sendable {
        let time: String
        let line: String
        let value: String
        let note: String?
        /// The class of the value and its style for programs that know no classes: an alarm, good news, or nothing of both.
        let tone: String
        let toneStyle: String
    }

    struct Kid: Sendable {
        let childName: String
        let className: String?
        let status: String
        let accent: String
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
    /// Who comes and goes where the reader works.
    let staff: [Line]
    let hasStaff: Bool
    let settings: String
    let unsubscribe: String
    let school: String
    /// Of the letter, for programs that read it aloud.
    let lang: String
    /// Why it comes: «the evening letter, 19:00».
    let occasion: String
    /// How many notices it tells of.
    let count: Int

    /// Nil when there is nothing to tell.
    init?(
        for guardian: DueGuardian, from material: LetterMaterial, now: Date, _ words: Words, settings: String, unsubscribe: String
    ) {
        let (choice, day) = (guardian.choice, guardian.day)
        let children = material.children(of: guardian.personID)
        var kids: [Kid] = []
        var names: [String] = []
        var count = 0
        for child in children {
            let changed = material.changed(of: child, since: guardian.since)
            guard !changed.isEmpty else { continue }
            let story = ChildDay(child.record, for: child.sharing, at: now, from: material.day)
            kids.append(Kid(story, KidView(story, words, draws: false), changed, words))
            names.append(story.name)
            count += changed.count
        }
        let comings = material.comings(for: guardian.personID, since: guardian.since)
        guard !kids.isEmpty || !comings.isEmpty else { return nil }
        self.count = count + comings.count
        self.kids = kids
        staff = comings.map {
            Line(
                time: words.format.date(words.zone.day(of: $0.at)), line: words.line($0, material.staffNames), value: "", note: nil, tone: "",
                toneStyle: "")
        }
        hasStaff = !staff.isEmpty
        let date = words.format.longDate(day)
        let all = names.isEmpty ? words.tr("Comings and goings") : names.count == 1 ? names[0] : names.dropLast().joined(separator: ", ") + " " + words.tr("and") + " " + names[names.count - 1]
        // BY-11: whom it is about stands first, so that it can be read from the list of letters.
        subject = choice.rhythm == .weekly ? words.tr("%@: the week until %@", all, words.format.date(day)) : "\(all): \(date)"
        heading = date
        preview = (kids.map { "\($0.childName): " + $0.lines.suffix(2).map(\.line).joined(separator: "; ") } + staff.suffix(2).map(\.line))
            .joined(separator: ". ")
        self.settings = settings
        self.unsubscribe = unsubscribe
        school = material.schools(of: children, and: comings)
        lang = words.language.rawValue
        let isWeekly = choice.rhythm == .weekly
        occasion = isWeekly ? words.tr("the letter of the week, %@", choice.sendAt.text) : words.tr("the evening letter, %@", choice.sendAt.text)
    }
}

extension LetterContent.Kid {
    fileprivate init(_ story: ChildDay, _ view: KidView, _ changed: [Notice], _ words: Words) {
        childName = view.childName
        className = view.className
        status = view.status
        accent = story.child.accent.rawValue
        ink = LetterLine.ink(of: story.child.accent)
        table = LetterLine(story.line, accent: story.child.accent, format: words.format).html
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
            let isAlarm = notice.kind == .mark && value.hasPrefix("2")
            let isGood = notice.kind == .topUp && !notice.isEnded
            return .init(
                time: time, line: text, value: notice.isEnded ? "" : value, note: notice.kind == .mark ? notice.facts.text : nil,
                tone: isAlarm ? "z-alarm" : isGood ? "z-good" : "",
                toneStyle: isAlarm ? "color:#a02c1a" : isGood ? "color:#2a6338" : "")
        }
        if let next = story.next, !story.homework.isEmpty {
            homeworkTitle = next.day == story.day + 1 ? words.tr("For tomorrow") : words.tr("For %@", words.format.date(next.day))
        } else {
            homeworkTitle = story.homework.isEmpty ? nil : words.tr("Homework")
        }
        homework = story.homework.map { "\($0.subject): \($0.text)" }.joined(separator: ". ")
    }
}

// A school sends thousands of letters in a minute, and most of the work is finding fields.

extension LetterContent: TemplateFields {
    func field(_ name: String) -> Any? {
        switch name {
        case "subject": subject
        case "heading": heading
        case "preview": preview
        case "kids": kids
        case "staff": staff
        case "hasStaff": hasStaff
        case "settings": settings
        case "unsubscribe": unsubscribe
        case "school": school
        case "lang": lang
        case "occasion": occasion
        default: nil
        }
    }
}

extension LetterContent.Kid: TemplateFields {
    func field(_ name: String) -> Any? {
        switch name {
        case "childName": childName
        case "className": className
        case "status": status
        case "accent": accent
        case "ink": ink
        case "table": table
        case "balance": balance
        case "balanceNote": balanceNote
        case "isAlarm": isAlarm
        case "lines": lines
        case "homeworkTitle": homeworkTitle
        case "homework": homework
        default: nil
        }
    }
}

extension LetterContent.Line: TemplateFields {
    func field(_ name: String) -> Any? {
        switch name {
        case "time": time
        case "line": line
        case "value": value
        case "note": note
        case "tone": tone
        case "toneStyle": toneStyle
        default: nil
        }
    }
}

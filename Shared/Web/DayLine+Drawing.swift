public import Kernel

extension DayLine {
    private static let bell =
        "M12 2.6c.9 0 1.6.7 1.6 1.6v.5c2.7.7 4.5 3 4.5 5.9v4.3l1.9 2.6v.9H4v-.9l1.9-2.6v-4.3c0-2.9 1.8-5.2 4.5-5.9v-.5c0-.9.7-1.6 1.6-1.6zM9.4 19.9h5.2a2.6 2.6 0 0 1-5.2 0z"

    /// The whole `svg` element.
    ///
    /// - Parameters:
    ///   - id: unique on the page.
    ///   - title: whose day it is.
    ///   - words: the same day in words, for those who do not see it.
    ///   - amount: how a sum is written, without the sign of the currency.
    public func svg(id: String, title: String, words: String, amount: (Money) -> String) -> String {
        var drawing = """
            <svg role="img" aria-labelledby="\(id)t \(id)d" xmlns="http://www.w3.org/2000/svg">\
            <title id="\(id)t">\(title.htmlEscaped)</title><desc id="\(id)d">\(words.htmlEscaped)</desc>
            """
        for step in 0...6 { drawing += line("dl-grid", Double(step) * 100 / 6, Double(step) * 100 / 6, 36, 114) }
        let labels = labels(amount)
        for label in labels {
            guard case .sum = label.kind else { continue }
            for moment in label.moments { drawing += line("dl-stem", part(moment), part(label.x), 52, 62) }
        }
        drawing += #"<line class="dl-base" x1="0" x2="100%" y1="44" y2="44"/>"#
        for stay in stays { drawing += line("dl-in", Self.percent(stay.from), Self.percent(stay.to), 44, 44) }
        for lesson in lessons { drawing += draw(lesson) }
        if let now { drawing += line("dl-now", Self.percent(now), Self.percent(now), 16, 118) }
        for door in doors {
            let sign = door.entered ? "" : "-"
            drawing +=
                #"<svg x="\#(text(Self.percent(door.at)))%" y="44" overflow="visible"><path class="dl-halo" d="M\#(sign)5-14H0V14H\#(sign)5"/>"#
                + #"<path class="dl-door" d="M\#(sign)7-14H0V14H\#(sign)7"/></svg>"#
        }
        for label in labels { drawing += draw(label) }
        return drawing + "</svg>"
    }

    /// From each entry to the next exit; to now, or the end of the last lesson, when there is none yet.
    var stays: [(from: TimeOfDay, to: TimeOfDay)] {
        var stays: [(from: TimeOfDay, to: TimeOfDay)] = []
        var since: TimeOfDay?
        for door in doors {
            if door.entered {
                since = since ?? door.at
            } else if let from = since {
                stays.append((from, door.at))
                since = nil
            }
        }
        if let from = since, let to = now ?? lessons.last?.endsAt, from < to { stays.append((from, to)) }
        return stays
    }

    /// What of a lesson has been: all, a part, nothing.
    enum Course: Equatable { case past, next, running(TimeOfDay) }

    func course(of lesson: Lesson) -> Course {
        guard !isOver else { return .past }
        guard let now else { return .next }
        return lesson.endsAt <= now ? .past : lesson.startsAt < now ? .running(now) : .next
    }

    private func draw(_ lesson: Lesson) -> String {
        let (from, to) = (Self.percent(lesson.startsAt), Self.percent(lesson.endsAt))
        let outline = { (style: String) in
            #"<rect class="\#(style)" x="\#(text(from))%" y="36.75" width="\#(text(to - from))%" height="14.5" rx="1.5"/>"#
        }
        let filled = { (from: Double, to: Double) in
            #"<rect class="dl-past" x="\#(text(from))%" y="36" width="\#(text(max(0, to - from)))%" height="16" rx="2"/>"#
        }
        if lesson.presence == .missed { return outline("dl-miss") }
        if lesson.isClub { return outline("dl-club") }
        var begin = from
        var drawn = ""
        if case .late(let minutes) = lesson.presence {
            begin = min(to, from + Double(minutes) / 7.2)
            drawn = outline("dl-miss")
        }
        switch course(of: lesson) {
        case .next: return outline("dl-next")
        case .past: return drawn + filled(begin, to)
        case .running(let now): return (drawn.isEmpty ? outline("dl-next") : drawn) + filled(begin, min(to, Self.percent(now)))
        }
    }

    private func draw(_ label: Label) -> String {
        let x = text(label.x / Self.narrowest * 100)
        switch label.kind {
        case .hour:
            let end = label.text == "7" ? " dl-hour--first" : label.text == "19" ? " dl-hour--last" : ""
            let place = label.text == "7" ? "0" : label.text == "19" ? "100" : x
            return #"<text class="dl-hour\#(end)" x="\#(place)%" y="131">\#(label.text)</text>"#
        case .timeIn:
            return #"<text class="dl-time dl-time--in" x="\#(text(label.right / Self.narrowest * 100))%" y="76">\#(label.text)</text>"#
        case .timeOut:
            return #"<text class="dl-time" x="\#(text(label.left / Self.narrowest * 100))%" y="76">\#(label.text)</text>"#
        case .mark(let comment):
            let two = label.text.hasPrefix("2") ? " dl-mark--2" : ""
            let half = text(Double(label.text.count) * 5.5 + 2.5)
            let corner = comment ? #"<path class="dl-corner" d="M\#(half)-17h7v7z"/>"# : ""
            return #"<svg x="\#(x)%" y="27" overflow="visible"><text class="dl-mark\#(two)" x="0" y="0">\#(label.text.htmlEscaped)</text>\#(corner)</svg>"#
        case .sum(let kind):
            let path =
                switch kind {
                case .meal: "M-6.5-1h13a6.5 6.5 0 0 1-4 6h-5a6.5 6.5 0 0 1-4-6zM0-3.5c-1-1.2 1-2 0-3.2"
                case .personal: "M-5.5-2.5h11L4.5 6h-9zM-2.8-2.5a2.8 3 0 0 1 5.6 0"
                case .topUp: "M0-6.5v10M-4.2-.5 0 4l4.2-4.5M-6 7h12"
                }
            let sum = label.text.isEmpty ? "" : #"<text class="dl-sum" x="0" y="27">\#(label.text.htmlEscaped)</text>"#
            return #"<svg x="\#(x)%" y="71" overflow="visible"><path class="dl-ico" d="\#(path)"/>\#(sum)</svg>"#
        case .bell:
            return #"<svg x="\#(text(label.wish / Self.narrowest * 100))%" y="0" overflow="visible"><path class="dl-bell" transform="translate(\#(text(label.x - label.wish - 10.5)) -3) scale(.875)" d="\#(Self.bell)"/></svg>"#
        case .now:
            return #"<svg x="\#(text(label.wish / Self.narrowest * 100))%" y="0" overflow="visible"><rect class="dl-pill" x="\#(text(label.x - label.wish - 23))" y="116" width="46" height="20" rx="3"/><text class="dl-nowt" x="\#(text(label.x - label.wish))" y="130.5">\#(label.text)</text></svg>"#
        }
    }

    private func line(_ style: String, _ x1: Double, _ x2: Double, _ y1: Int, _ y2: Int) -> String {
        #"<line class="\#(style)" x1="\#(text(x1))%" x2="\#(text(x2))%" y1="\#(y1)" y2="\#(y2)"/>"#
    }

    /// Pixels of the narrowest page in percent of any.
    private func part(_ pixels: Double) -> Double { pixels / Self.narrowest * 100 }

    private func text(_ number: Double) -> String {
        let hundredths = (number * 100).rounded()
        return hundredths.truncatingRemainder(dividingBy: 100) == 0 ? "\(Int(hundredths / 100))" : "\(hundredths / 100)"
    }

    // MARK: - In a letter

    /// The line as cells of a table, their widths in percent of the day: mail programs draw no SVG.
    ///
    /// - Parameter ink: the colour of the child as `#rrggbb`; styles stand inline because letters need them there.
    public func table(ink: String) -> String {
        var row = ""
        var at = 0.0
        func cell(upTo end: Double, _ colour: String, _ content: String = "&nbsp;") {
            guard end > at + 0.05 else { return }
            row += #"<td width="\#(text(end - at))%" bgcolor="\#(colour)" align="center" style="background:\#(colour);height:14px;line-height:14px;font-size:11px;color:#fffdf8">\#(content)</td>"#
            at = end
        }
        for lesson in lessons {
            let (from, to) = (Self.percent(lesson.startsAt), Self.percent(lesson.endsAt))
            guard from >= at - 0.05 else { continue }
            cell(upTo: from, "#ddd3bf")
            cell(upTo: to, lesson.presence == .missed ? "#a02c1a" : course(of: lesson) == .next ? "#877c65" : ink)
        }
        cell(upTo: 100, "#ddd3bf")
        let hours = [7, 9, 11, 13, 15, 17].map {
            #"<td width="16.66%" style="font-family:'PT Sans',Arial,sans-serif;font-size:12px;line-height:18px;color:#4d5568">\#($0)</td>"#
        }
        let open = #"<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" style="table-layout:fixed;width:100%"><tr>"#
        return "\(open)\(row)</tr></table>\(open)\(hours.joined())</tr></table>"
    }
}

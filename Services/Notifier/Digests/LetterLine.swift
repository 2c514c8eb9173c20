import Events
import Kernel
import Web

/// The line of the day in a letter: everything that sits on it in the cabinet, as tables, because mail programs draw no SVG.
///
/// Three rows over one scale from 7:00 to 19:00: the marks above their lessons, the lessons with the doors around them, and below
/// the times of the doors and what was paid or came in. Labels keep their order and step aside where things crowd.
struct LetterLine {
    let line: DayLine
    let accent: Accent
    let format: Format

    init(_ line: DayLine, accent: Accent, format: Format) {
        self.line = line
        self.accent = accent
        self.format = format
    }

    private static let sans = "font-family:'PT Sans','Segoe UI',Roboto,Arial,sans-serif"
    private static let serif = "font-family:'PT Serif',Georgia,'Times New Roman',serif"

    static func ink(of accent: Accent) -> String {
        switch accent {
        case .sea: "#0e6565"
        case .plum: "#7a3668"
        case .moss: "#52610f"
        case .sky: "#24569b"
        case .clay: "#92451b"
        }
    }

    var html: String { marks + course + labels + hours }

    /// Fifty columns, two percent of the day each: labels span some of them.
    private static let columns = 50
    private static let open = #"<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" style="table-layout:fixed;width:100%">"#
    private static let ruler = "<tr>" + String(repeating: #"<td width="2%" style="height:0;line-height:0;font-size:0"></td>"#, count: columns) + "</tr>"

    /// A text over a moment of the day.
    struct Label: Equatable {
        let at: TimeOfDay
        /// Columns it needs.
        let width: Int
        let html: String
    }

    /// Places labels in one row: each as near to its moment as those before it allow; what finds no room is left out, because
    /// the list below the line says it too.
    static func placed(_ labels: [Label]) -> [(from: Int, label: Label)] {
        var placed: [(from: Int, label: Label)] = []
        var free = 0
        for label in labels.sorted(by: { $0.at < $1.at }) {
            let middle = Double(label.at.minutes - 420) / 720 * Double(columns)
            let from = max(free, min(columns - label.width, Int((middle - Double(label.width) / 2).rounded())))
            guard from + label.width <= columns else { continue }
            placed.append((from, label))
            free = from + label.width
        }
        return placed
    }

    private func row(_ labels: [Label], _ style: String, _ kind: String) -> String {
        guard !labels.isEmpty else { return "" }
        var cells = ""
        var at = 0
        for (from, label) in Self.placed(labels) {
            if from > at { cells += #"<td colspan="\#(from - at)"></td>"# }
            cells += #"<td colspan="\#(label.width)" align="center" class="\#(kind)" style="\#(style)">\#(label.html)</td>"#
            at = from + label.width
        }
        if at < Self.columns { cells += #"<td colspan="\#(Self.columns - at)"></td>"# }
        return "\(Self.open)\(Self.ruler)<tr>\(cells)</tr></table>"
    }

    private var marks: String {
        row(
            line.marks.map { mark in
                let comment = mark.hasComment ? #"<span class="z-alarm" style="color:#a02c1a;font-size:12px">&#9701;</span>"# : ""
                let value = mark.value.htmlEscaped
                let shown = mark.value.hasPrefix("2") ? #"<span class="z-alarm" style="color:#a02c1a">\#(value)</span>"# : value
                return Label(at: mark.at, width: 3, html: shown + comment)
            }, "\(Self.serif);font-size:18px;line-height:24px;font-weight:bold;color:#16233d;white-space:nowrap", "z-1")
    }

    /// The lessons; what was missed and what lies ahead look different, the way to school and back is a thin line.
    private var course: String {
        var cells = ""
        var at = 0.0
        let ink = Self.ink(of: accent)
        func cell(upTo end: Double, _ kind: String, _ colour: String, height: Int) {
            guard end > at + 0.05 else { return }
            let width = Self.number(end - at)
            cells += #"<td width="\#(width)%" valign="middle" style="width:\#(width)%;height:12px;line-height:12px;font-size:1px;padding:0"><div class="\#(kind)" style="height:\#(height)px;line-height:\#(height)px;font-size:1px;background:\#(colour)">&nbsp;</div></td>"#
            at = end
        }
        func thin(upTo end: Double) {
            // Between the first and the last door the line is the child's.
            let first = line.doors.first { $0.entered }.map { Self.percent($0.at) } ?? 100
            let last = line.doors.last.map { $0.entered ? Self.percent(line.now ?? $0.at) : Self.percent($0.at) } ?? 0
            cell(upTo: min(end, first), "z-line", "#ddd3bf", height: 2)
            cell(upTo: min(end, last), "z-b-\(accent.rawValue)", ink, height: 3)
            cell(upTo: end, "z-line", "#ddd3bf", height: 2)
        }
        for lesson in line.lessons {
            let (from, to) = (Self.percent(lesson.startsAt), Self.percent(lesson.endsAt))
            guard from >= at - 0.05 else { continue }
            thin(upTo: from)
            switch lesson.presence {
            case .missed: cell(upTo: to, "z-missed", "#a02c1a", height: 2)
            case .late(let minutes):
                cell(upTo: min(to, Self.percent(lesson.startsAt.adding(minutes: minutes))), "z-missed", "#a02c1a", height: 2)
                cell(upTo: to, "z-b-\(accent.rawValue)", ink, height: 12)
            case .there:
                let isAhead = !line.isOver && line.now.map { lesson.startsAt > $0 } ?? false
                if isAhead { cell(upTo: to, "z-next", "#877c65", height: 4) } else {
                    cell(upTo: to, "z-b-\(accent.rawValue)", ink, height: lesson.isClub ? 6 : 12)
                }
            }
        }
        thin(upTo: 100)
        return "\(Self.open)<tr>\(cells)</tr></table>"
    }

    /// Doors as «[8:09» and «16:36]», sums without the sign of the currency.
    private var labels: String {
        let doors = line.doors.map { door in
            Label(at: door.at, width: 5, html: door.entered ? "<b>[\(door.at.text)</b>" : "<b>\(door.at.text)]</b>")
        }
        let sums = line.sums.compactMap { sum in
            sum.amount.map { amount in
                let text = (sum.kind == .topUp ? "+" : "") + format.amount(amount)
                let html = sum.kind == .topUp ? #"<span class="z-good" style="color:#2a6338">\#(text)</span>"# : text
                return Label(at: sum.at, width: text.count > 4 ? 5 : 4, html: html)
            }
        }
        return row(doors + sums, "\(Self.sans);font-size:13px;line-height:20px;color:#4d5568;white-space:nowrap", "z-2")
    }

    private var hours: String {
        let cells = [7, 9, 11, 13, 15, 17].map {
            #"<td width="16.66%" class="z-2" style="\#(Self.sans);font-size:12px;line-height:18px;color:#4d5568">\#($0)</td>"#
        }
        return "\(Self.open)<tr>\(cells.joined())</tr></table>"
    }

    private static func percent(_ time: TimeOfDay) -> Double { min(100, max(0, Double(time.minutes - 420) / 7.2)) }

    private static func number(_ value: Double) -> String {
        let hundredths = Int((value * 100).rounded())
        let (whole, rest) = hundredths.quotientAndRemainder(dividingBy: 100)
        return rest == 0 ? "\(whole)" : rest < 10 ? "\(whole).0\(rest)" : "\(whole).\(rest)"
    }
}

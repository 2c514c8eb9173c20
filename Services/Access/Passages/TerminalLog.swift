import Foundation
import Kernel

/// A stored log of a wall terminal in the ATTLOG layout of ZKTeco: user number right-aligned in nine characters, then the time, the
/// device, the direction (255: not told), how it was verified, and a work code, with tabs between.
///
/// Real logs have years in which the clock had lost its power, times that run backwards, marks made twice, and lines that no clock
/// could have written. A line that cannot be read is reported with its number; everything else is for the same rules that live
/// readings go through.
struct TerminalLog: Sendable, Equatable {
    struct Mark: Sendable, Equatable {
        let line: Int
        let user: String
        /// As the terminal's clock showed it, in the school's zone.
        let day: Day
        let time: TimeOfDay
        let second: Int
        let direction: Direction?
    }

    struct BadLine: Sendable, Equatable {
        let line: Int
        let reason: String
    }

    let marks: [Mark]
    let bad: [BadLine]

    init(_ text: String) {
        var marks: [Mark] = []
        var bad: [BadLine] = []
        for (index, row) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            if row.allSatisfy(\.isWhitespace) { continue }
            let fields = row.split(separator: "\t", omittingEmptySubsequences: false).map {
                $0.trimmingCharacters(in: .whitespaces)
            }
            guard fields.count >= 4, !fields[0].isEmpty else {
                bad.append(BadLine(line: index + 1, reason: "too few fields"))
                continue
            }
            let parts = fields[1].split(separator: " ")
            guard parts.count == 2, let day = Day(String(parts[0])), let time = TimeOfDay(String(parts[1])),
                let second = parts[1].split(separator: ":").last.flatMap({ Int($0) })
            else {
                bad.append(BadLine(line: index + 1, reason: "«\(fields[1])» is no time"))
                continue
            }
            marks.append(
                Mark(line: index + 1, user: fields[0], day: day, time: time, second: second, direction: Direction(sent: fields[3])))
        }
        self.marks = marks
        self.bad = bad
    }
}

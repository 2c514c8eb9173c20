import Events
import Kernel

/// What a teacher types into one cell of the gradebook: a mark, an absence, a comment; nothing else and quickly.
///
/// `5` · `4 за доску` (a mark with a comment) · `н` absent · `нб` absent with a good reason · `оп` late · `оп 10` late by ten
/// minutes · `н 4` is refused: who was not there has no mark. Latin letters typed by mistake are understood.
struct CellEntry: Sendable, Equatable {
    let mark: String?
    let comment: String?
    let attendance: AttendanceState
    let lateMinutes: Int?

    static let empty = CellEntry(mark: nil, comment: nil, attendance: .present, lateMinutes: nil)

    enum Refused: Error, Equatable {
        case notUnderstood(String)
        case absentWithMark
        case commentTooLong
    }

    /// The longest comment beside a mark, in characters.
    static let longestComment = 300

    init(mark: String?, comment: String?, attendance: AttendanceState, lateMinutes: Int?) {
        self.mark = mark
        self.comment = comment
        self.attendance = attendance
        self.lateMinutes = lateMinutes
    }

    init(_ text: String) throws(Refused) {
        let words = text.split(whereSeparator: \.isWhitespace).map(String.init)
        guard let first = words.first else {
            self = .empty
            return
        }
        let rest = Array(words.dropFirst())
        switch first.lowercased() {
        case "5", "4", "3", "2":
            let comment = rest.joined(separator: " ")
            guard comment.count <= Self.longestComment else { throw .commentTooLong }
            self.init(mark: first, comment: comment.isEmpty ? nil : comment, attendance: .present, lateMinutes: nil)
        case "н", "y", "n":
            guard rest.isEmpty else { throw .absentWithMark }
            self.init(mark: nil, comment: nil, attendance: .absent, lateMinutes: nil)
        case "нб", "уп":
            guard rest.isEmpty else { throw .absentWithMark }
            self.init(mark: nil, comment: nil, attendance: .excused, lateMinutes: nil)
        case "оп":
            var rest = rest
            var minutes: Int?
            if let number = rest.first.flatMap(Int.init), number > 5 {
                guard (1...90).contains(number) else { throw .notUnderstood(text) }
                minutes = number
                rest.removeFirst()
            }
            guard let mark = rest.first else {
                self.init(mark: nil, comment: nil, attendance: .late, lateMinutes: minutes)
                return
            }
            guard ["5", "4", "3", "2"].contains(mark) else { throw .notUnderstood(text) }
            let comment = rest.dropFirst().joined(separator: " ")
            self.init(
                mark: mark, comment: comment.isEmpty ? nil : comment, attendance: .late, lateMinutes: minutes)
        default: throw .notUnderstood(text)
        }
    }

    /// The entry as the teacher would type it, to fill the cell with.
    var text: String {
        var words: [String] = []
        switch attendance {
        case .present: break
        case .absent: words.append("н")
        case .excused: words.append("нб")
        case .late: words += ["оп"] + (lateMinutes.map { ["\($0)"] } ?? [])
        }
        if let mark { words.append(mark) }
        if let comment { words.append(comment) }
        return words.joined(separator: " ")
    }
}

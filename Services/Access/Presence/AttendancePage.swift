import Directory
import Events
import Foundation
import Kernel
import Postgres
import Web

/// What a family sees of one child's doors today.
struct ChildToday: Encodable, Sendable, Equatable {
    struct Pass: Encodable, Sendable, Equatable {
        let time: String
        let what: String
        let repaired: String?
    }

    let id: UUID
    let name: String
    let className: String
    let accent: String
    /// «в школе с 8:09», «вышла в 12:31», «сегодня не приходила».
    let state: String
    let isInside: Bool
    let passages: [Pass]
    let hasPassages: Bool
    let liveAddress: String
}

extension ChildToday {
    init(of child: UUID, for visit: Visit, _ database: Database) async throws {
        let today = visit.today
        let (record, passages) = try await database.read { tx in
            (try Directory.child(child, in: tx), try Passage.of([child], from: today, to: today, in: tx))
        }
        guard let record else { throw Problem.notFound }
        self.init(record, passages, for: visit)
    }

    init(_ child: ChildRecord, _ passages: [Passage], for visit: Visit) {
        let isGirl = child.gender == .female
        func said(_ passage: Passage) -> String {
            let entered = isGirl ? visit.tr("She came in, %@", passage.place) : visit.tr("He came in, %@", passage.place)
            let left = isGirl ? visit.tr("She went out, %@", passage.place) : visit.tr("He went out, %@", passage.place)
            return passage.direction == .left ? left : entered
        }
        let last = passages.last
        switch last?.direction {
        case .entered:
            let since = passages.last { $0.direction == .entered }?.occurredAt ?? visit.now
            state = visit.tr("at school since %@", visit.format.time(since))
        case .left:
            let time = visit.format.time(last?.occurredAt ?? visit.now)
            state = isGirl ? visit.tr("she left at %@", time) : visit.tr("he left at %@", time)
        case nil: state = isGirl ? visit.tr("she has not come today") : visit.tr("he has not come today")
        }
        id = child.id
        name = child.name?.given ?? child.pupilCode
        className = child.className?.description ?? ""
        accent = child.accent.rawValue
        isInside = last?.direction == .entered
        self.passages = passages.reversed().map {
            Pass(
                time: visit.format.time($0.occurredAt), what: said($0),
                repaired: $0.isRepaired ? visit.tr("the time or direction was put right") : nil)
        }
        hasPassages = !passages.isEmpty
        liveAddress = "/access/children/\(child.id.text)/attendance/live"
    }
}

/// «Посещаемость»: when the child came and went (AX-01), today live and week by week.
struct AttendancePage: Page {
    struct DayRow: Encodable, Sendable, Equatable {
        let day: String
        let entered: String
        let left: String
        let inside: String
    }

    struct Kid: Encodable, Sendable, Equatable {
        let today: ChildToday
        let days: [DayRow]
        let hasDays: Bool
    }

    static let template = "attendance/show"
    let title: String
    let section = "attendance"
    let weeks: Pager
    let kids: [Kid]
    let isEmpty: Bool
}

extension AttendancePage {
    /// - Parameter children: whose; nil for all own ones.
    init(for visit: Visit, children: [UUID]?, _ database: Database) async throws {
        let today = visit.today
        let monday = (visit.day("week") ?? today).monday
        let (records, passages) = try await database.read { tx -> ([ChildRecord], [Passage]) in
            var records: [ChildRecord]
            if let children {
                records = try Directory.children(children, in: tx)
            } else if visit.viewer.isPupil {
                records = try Directory.children([visit.viewer.personID], in: tx)
            } else {
                records = try Directory.children(of: visit.viewer, .seeAttendance, at: visit.now, in: tx)
            }
            records.removeAll(where: \.hasLeft)
            let ids = records.map(\.id)
            var passages = try Passage.of(ids, from: monday, to: monday + 6, in: tx)
            if !(monday...(monday + 6)).contains(today) { passages += try Passage.of(ids, from: today, to: today, in: tx) }
            return (records, passages)
        }
        let path = children == nil ? "/access/attendance" : visit.path
        title = visit.tr("Attendance")
        weeks = Pager(
            visit.tr("Week"), visit.format.days(monday, monday + 6), before: "\(path)?week=\(monday - 7)", visit.tr("The week before"),
            after: monday + 7 <= today ? "\(path)?week=\(monday + 7)" : nil, visit.tr("The week after"))
        kids = records.map { child in
            let own = passages.filter { $0.personID == child.id }
            let days = (0..<7).compactMap { offset -> DayRow? in
                let day = monday + offset
                let events = own.filter { $0.day == day }
                guard !events.isEmpty else { return nil }
                let entered = events.first { $0.direction == .entered }?.occurredAt
                let left = events.last?.direction == .left ? events.last?.occurredAt : nil
                let minutes = Self.minutesInside(events)
                return DayRow(
                    day: visit.format.longDate(day), entered: entered.map(visit.format.time) ?? "—",
                    left: left.map(visit.format.time) ?? "—",
                    inside: minutes == 0 ? "" : visit.tr("%@ h %@ min", minutes / 60, minutes % 60))
            }
            return Kid(
                today: ChildToday(child, own.filter { $0.day == today }, for: visit), days: days.reversed(), hasDays: !days.isEmpty)
        }
        isEmpty = records.isEmpty
    }

    /// Minutes between each entering and the leaving after it.
    static func minutesInside(_ passages: [Passage]) -> Int {
        var entered: Date?
        var seconds: TimeInterval = 0
        for passage in passages {
            switch passage.direction {
            case .entered: entered = entered ?? passage.occurredAt
            case .left:
                if let since = entered { seconds += passage.occurredAt.timeIntervalSince(since) }
                entered = nil
            case nil: break
            }
        }
        return Int(seconds / 60)
    }
}

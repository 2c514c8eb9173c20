import Events
import Foundation
import Kernel
import Web

/// «Кто смотрел»: for those who answer for a child (BY-10).
struct LooksPage: Page {
    static let template = "looks/show"

    struct Look: Encodable, Sendable {
        let time: String
        let who: String
        /// «классный руководитель», «второй взрослый».
        let role: String
        let what: String
        let times: Int
        /// How often, when more than once.
        let often: String?
        let firstAt: Date
        let lastAt: Date
        let viewerID: UUID
        let permission: String
    }

    struct Day: Encodable, Sendable {
        let day: Kernel.Day
        let title: String
        let looks: [Look]
    }

    let title: String
    let section = "family"
    let child: String
    let accent: String
    /// The reader's other children; nil for one child.
    let kids: LinkRow?
    let month: Pager
    let days: [Day]
    let hasDays: Bool
    let isCut: Bool
    let kept: String

    /// - Parameters:
    ///   - month: any day of the month that is shown.
    ///   - beginning: the first day of which anything is kept.
    init(
        _ visit: Visit, _ child: FamilyAccess.Child, siblings: [FamilyAccess.Child], month: Kernel.Day, beginning: Kernel.Day?,
        _ looks: [WhoLooked.Look]
    ) {
        title = visit.tr("Who looked")
        self.child = child.name.listed
        accent = child.accent.rawValue
        kids = siblings.count < 2
            ? nil
            : LinkRow(
                visit.tr("Children"),
                siblings.map {
                    LinkRow.Link(
                        $0.name.given, "/identity/children/\($0.id.text)/looks", isCurrent: $0.id == child.id,
                        note: $0.className?.description, accent: $0.accent)
                })
        let path = "/identity/children/\(child.id.text)/looks?month="
        let (first, today) = (LooksMonth.first(of: month), visit.today)
        let next = LooksMonth.first(of: first + 31)
        self.month = Pager(
            visit.tr("Month"), visit.format.month(first, thisYear: today.year),
            before: beginning.map { $0 < first } == true ? path + LooksMonth.text(first - 1) : nil, visit.tr("The month before"),
            after: next <= today ? path + LooksMonth.text(next) : nil, visit.tr("The month after"))
        var days: [Day] = []
        for look in looks {
            let line = Look(visit, look)
            if days.last?.day == look.day, let day = days.popLast() {
                days.append(Day(day: day.day, title: day.title, looks: day.looks + [line]))
            } else {
                days.append(Day(day: look.day, title: visit.format.longDate(look.day), looks: [line]))
            }
        }
        self.days = days
        hasDays = !days.isEmpty
        isCut = looks.count >= WhoLooked.most
        kept = visit.trn(WhoLooked.keptDays, "Kept for %d day.", "Kept for %d days.")
    }
}

extension LooksPage.Look {
    init(_ visit: Visit, _ look: WhoLooked.Look) {
        let (first, last) = (visit.format.time(look.firstAt), visit.format.time(look.lastAt))
        time = first == last ? first : "\(first)–\(last)"
        who = look.name?.full ?? visit.tr("Somebody who has left")
        role = look.asGuardian
            ? visit.tr(InvitationKind.family.text)
            : look.roles.isEmpty ? visit.tr("staff") : look.roles.map { visit.tr($0.english) }.joined(separator: ", ")
        what = visit.tr(LookSection.english(look.permission, service: look.service))
        times = look.times
        often = look.times > 1 ? visit.trn(look.times, "%d time", "%d times") : nil
        (firstAt, lastAt) = (look.firstAt, look.lastAt)
        viewerID = look.viewerID
        permission = look.permission
    }
}

/// Months as the address names them: `2026-11`.
enum LooksMonth {
    static func first(of day: Kernel.Day) -> Kernel.Day { day - (day.day - 1) }
    static func text(_ day: Kernel.Day) -> String { String(day.iso.prefix(7)) }
    /// - Returns: the first day of the month; nil for what names none.
    static func day(_ text: String) -> Kernel.Day? { Kernel.Day("\(text)-01") }
    static func days(of first: Kernel.Day) -> ClosedRange<Kernel.Day> { first...(Self.first(of: first + 31) - 1) }
}

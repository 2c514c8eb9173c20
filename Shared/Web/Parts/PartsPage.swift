import Events
import HTTPTypes
import Kernel

/// Every part of the interface and every state it can be in, on one page: what pages are made of, and what they must look like at
/// night, in print and on a phone.
public struct PartsPage: Page {
    public static let template = "parts-page"
    public let title: String
    public let section = ""

    struct Line: Encodable, Sendable {
        let id: String
        let heading: String
        let accent: String
        let svg: String
    }

    struct Colour: Encodable, Sendable {
        let name: String
        let means: String
        let style: String
    }

    let lines: [Line]
    let marks: [MarkCell]
    let badges: [Badge]
    let tags: [Tag]
    let kids: LinkRow
    let tabs: LinkRow
    let pager: Pager
    let kid: KidHead
    let fields: [Field]
    let wrongFields: [Field]
    let file: Field
    let confirmation: Confirmation
    let states: [StateBlock]
    let colours: [Colour]
}

extension RouteBook {
    /// Serves the page of all parts at `/<service>/parts`, to anybody: it shows nobody's data.
    public mutating func parts() {
        open(.get, prefix + "/parts") { .page(PartsPage(for: $0)) }
    }
}

extension PartsPage {
    public init(for visit: Visit) {
        title = visit.tr("Specimens")
        lines = Self.days(visit).enumerated().map { index, day in
            Line(
                id: "line\(index)", heading: day.heading, accent: day.accent,
                svg: day.line.svg(id: "line\(index)", title: day.heading, words: day.words) { visit.format.amount($0) })
        }
        marks = [
            MarkCell("5", address: "#marks"), MarkCell("4", address: "#marks", hasComment: true), MarkCell("3"),
            MarkCell("2", address: "#marks", hasComment: true), MarkCell("н"), MarkCell("4", address: "#marks", previous: "3"),
        ]
        badges = [
            Badge(3, visit.trn(3, "%d unread", "%d unread")), Badge(2, visit.tr("waiting for you"), isWaiting: true),
        ]
        tags = [
            .wait(visit.tr("today")), .alarm(visit.tr("refusal")), .plain(visit.tr("closed")), .child("Маша", .sea),
            .child("Егор", .plum), .child("Лев", .moss), .child("Глеб", .sky), .child("Яна", .clay),
        ]
        kids = LinkRow(
            visit.tr("Child"),
            [
                .init("Маша", "#links", isCurrent: true, note: "7 «Б»", accent: .sea), .init("Егор", "#links", note: "3 «А»", accent: .plum),
            ])
        tabs = LinkRow(
            visit.tr("Show"),
            [
                .init(visit.tr("Everything"), "#links", isCurrent: true), .init(visit.tr("Meals"), "#links"),
                .init(visit.tr("Top-ups"), "#links"),
            ])
        pager = Pager(
            visit.tr("Week"), "16–21\u{A0}\(visit.language == .russian ? "ноября" : "November")", before: "#links",
            visit.tr("The week before"), after: "#links", visit.tr("The week after"))
        kid = KidHead(id: "kid", name: "Маша", className: "7 «Б»", state: visit.tr("at school since %@", "8:09"))
        fields = [
            .text("login", visit.tr("Login or phone"), value: "olga", autocomplete: "off"),
            .money("sum", visit.tr("Sum"), value: "500", hint: visit.tr("No fee: the school pays the bank.")),
            .choice("language", visit.tr("Language"), [.init("ru", "Русский", isChosen: true), .init("en", "English")]),
        ]
        wrongFields = [
            .money("limit", visit.tr("No more in a day than"), value: "−5", wrong: visit.tr("Write a sum in roubles from 0.")),
            .area("note", visit.tr("Note to the class teacher"), value: "", hint: visit.tr("Reason and lessons"), wrong: visit.tr("Write at least a word.")),
        ]
        file = .file(
            "list", visit.tr("A list"), accept: ".csv", hint: visit.tr("CSV, the header first"), wrong: visit.tr("Choose a file."))
        confirmation = Confirmation(
            id: "confirm", button: visit.tr("Block the card"), heading: visit.tr("Block Masha's card?"),
            sentence: visit.tr("The gate and the till will refuse it at once. A blocked card can be unblocked at the guard's desk."),
            action: "#confirm", decision: visit.tr("Block"))
        states = [
            .unavailable(visit, visit.tr("Meals are not available just now"), lastKnown: visit.tr("412.50 ₽ left at 12:40.")),
            .updating(visit), .notConnected(visit, visit.tr("The school does not keep its wardrobe in Zvonok yet.")),
            .notEntitled(visit), .empty(visit.tr("Nothing here yet"), visit.tr("There were no remarks this term.")),
            .offline(visit, since: "12:40"),
        ]
        colours = [
            Colour(name: visit.tr("Paper"), means: visit.tr("the page"), style: "paper"),
            Colour(name: visit.tr("Sheet"), means: visit.tr("field, cell, receipt"), style: "sheet"),
            Colour(name: visit.tr("Ink"), means: visit.tr("text, the main button"), style: "ink"),
            Colour(name: visit.tr("Brass"), means: visit.tr("now; waits for you"), style: "brass"),
            Colour(name: visit.tr("Sealing wax"), means: visit.tr("trouble, a two, a comment"), style: "alarm"),
            Colour(name: visit.tr("Coming in"), means: visit.tr("only a plus in money"), style: "good"),
        ]
    }

    private struct Example {
        let heading: String
        let accent: String
        let words: String
        let line: DayLine
    }

    /// Days as they come, and one that no child has had: everything at once.
    private static func days(_ visit: Visit) -> [Example] {
        func at(_ hour: Int, _ minute: Int) -> TimeOfDay { TimeOfDay(hour: hour, minute: minute) ?? .midnight }
        let bells = [at(8, 30), at(9, 25), at(10, 25), at(11, 25), at(12, 25), at(13, 20)]
        func lessons(_ presences: [Int: DayLine.Lesson.Presence] = [:], count: Int = 6) -> [DayLine.Lesson] {
            bells.prefix(count).enumerated().map { index, bell in
                .init(from: bell, to: bell.adding(minutes: 45), presence: presences[index + 1] ?? .there)
            }
        }
        func sum(_ hour: Int, _ minute: Int, _ kind: DayLine.Sum.Kind, _ roubles: Int64) -> DayLine.Sum {
            .init(at: at(hour, minute), kind: kind, amount: Money(roubles: roubles))
        }
        let club = DayLine.Lesson(from: at(15, 0), to: at(16, 30), isClub: true)
        return [
            Example(
                heading: visit.tr("The day is under way"), accent: "sea", words: visit.tr("Came at 8:09; the fourth lesson goes on."),
                line: DayLine(
                    lessons: lessons() + [club], doors: [.init(at: at(8, 9), entered: true)],
                    marks: [.init(at: at(8, 52), value: "5", hasComment: true), .init(at: at(10, 47), value: "4")],
                    sums: [sum(10, 16, .personal, 45)], now: at(11, 36))),
            Example(
                heading: visit.tr("Late, the first lesson missed"), accent: "clay",
                words: visit.tr("The first lesson is missed; came at 9:41, left at 14:10."),
                line: DayLine(
                    lessons: lessons([1: .missed, 2: .late(16)]),
                    doors: [.init(at: at(9, 41), entered: true), .init(at: at(14, 10), entered: false)],
                    marks: [.init(at: at(10, 47), value: "3", hasComment: true), .init(at: at(13, 42), value: "4")],
                    sums: [sum(12, 16, .meal, 128)], now: at(18, 20))),
            Example(
                heading: visit.tr("Not at school"), accent: "moss", words: visit.tr("Six lessons are missed."),
                line: DayLine(lessons: lessons(Dictionary(uniqueKeysWithValues: (1...6).map { ($0, .missed) })), isOver: true)),
            Example(
                heading: visit.tr("Morning, not there yet"), accent: "sky", words: visit.tr("Lessons have not begun."),
                line: DayLine(lessons: lessons(count: 4), now: at(7, 40))),
            Example(
                heading: visit.tr("A long day, a two with a comment"), accent: "plum", words: visit.tr("A full day with a club."),
                line: DayLine(
                    lessons: lessons(), doors: [.init(at: at(8, 20), entered: true), .init(at: at(18, 5), entered: false)],
                    marks: [
                        .init(at: at(8, 52), value: "2", hasComment: true), .init(at: at(9, 47), value: "4"), .init(at: at(12, 47), value: "5"),
                    ],
                    sums: [sum(9, 18, .topUp, 500), sum(11, 17, .meal, 142), sum(14, 20, .personal, 64), sum(16, 10, .personal, 38)],
                    now: at(18, 30))),
            Example(
                heading: visit.tr("Everything at once"), accent: "sea", words: visit.tr("Many marks and purchases close together."),
                line: DayLine(
                    lessons: lessons() + [club],
                    doors: [.init(at: at(8, 1), entered: true), .init(at: at(10, 14), entered: false), .init(at: at(10, 22), entered: true)],
                    marks: [
                        .init(at: at(8, 52), value: "5"), .init(at: at(8, 52), value: "4", hasComment: true), .init(at: at(9, 47), value: "3"),
                        .init(at: at(10, 47), value: "5"), .init(at: at(10, 47), value: "5"), .init(at: at(11, 47), value: "2", hasComment: true),
                    ],
                    sums: [
                        sum(10, 12, .personal, 45), sum(10, 14, .personal, 32), sum(10, 18, .meal, 128), sum(10, 19, .topUp, 1500),
                        sum(12, 16, .meal, 142), sum(12, 20, .personal, 60),
                    ],
                    now: at(12, 47))),
        ]
    }
}

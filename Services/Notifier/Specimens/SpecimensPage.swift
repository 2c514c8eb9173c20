import Kernel
import Web

/// What every screen is made of, on one page: for whoever draws the next one, and for tests by eye.
struct SpecimensPage: Page {
    struct Specimen: Encodable, Sendable {
        let heading: String
        let accent: String
        let dayLine: String
    }

    static let template = "parts/show"
    let title: String
    let section = ""
    let lines: [Specimen]
}

extension SpecimensPage {
    init(for visit: Visit) {
        func at(_ hour: Int, _ minute: Int) -> TimeOfDay { TimeOfDay(hour: hour, minute: minute) ?? .midnight }
        let bells = [(8, 30), (9, 25), (10, 25), (11, 25), (12, 25), (13, 20)]
        func lessons(_ presences: [Int: DayLine.Lesson.Presence] = [:]) -> [DayLine.Lesson] {
            bells.enumerated().map { index, bell in
                .init(from: at(bell.0, bell.1), to: at(bell.0, bell.1).adding(minutes: 45), presence: presences[index + 1] ?? .there)
            }
        }
        let club = DayLine.Lesson(from: at(15, 0), to: at(16, 30), isClub: true)
        let situations: [(String, String, DayLine)] = [
            (visit.tr("The day is under way"), "sea", DayLine(
                lessons: lessons() + [club], doors: [.init(at: at(8, 9), entered: true)],
                marks: [.init(at: at(8, 52), value: "5", hasComment: true), .init(at: at(10, 47), value: "4")],
                sums: [.init(at: at(10, 16), kind: .personal, amount: Money(roubles: 45)), .init(at: at(12, 16), kind: .meal, amount: Money(roubles: 128))],
                now: at(12, 47))),
            (visit.tr("Before school"), "plum", DayLine(lessons: lessons(), now: at(7, 20))),
            (visit.tr("Late and missed"), "moss", DayLine(
                lessons: lessons([1: .missed, 2: .late(12)]), doors: [.init(at: at(9, 37), entered: true)],
                marks: [.init(at: at(11, 47), value: "2", hasComment: true)], now: at(12, 10))),
            (visit.tr("The day is over"), "sky", DayLine(
                lessons: lessons() + [club], doors: [.init(at: at(8, 14), entered: true), .init(at: at(16, 35), entered: false)],
                sums: [.init(at: at(9, 15), kind: .meal, amount: Money(roubles: 95)), .init(at: at(10, 40), kind: .topUp, amount: Money(roubles: 100))],
                isOver: true)),
            (visit.tr("A weekend"), "clay", DayLine()),
        ]
        self.init(
            title: visit.tr("Specimens"),
            lines: situations.enumerated().map { index, one in
                Specimen(
                    heading: one.0, accent: one.1,
                    dayLine: one.2.svg(id: "specimen-\(index)", title: one.0, words: one.0, amount: { visit.format.amount($0) }))
            })
    }
}

import Foundation
import Kernel
import Support
import Testing

@testable import Web

private func time(_ minutes: Int) -> TimeOfDay { TimeOfDay(minutes: minutes) ?? .midnight }
private func amount(_ money: Money) -> String { Format(.russian).amount(money) }

/// A day with anything in it, also what no school has.
private func day(_ seed: Int) -> DayLine {
    var dice = SeededGenerator(seed: seed)
    func moments(_ most: Int) -> [TimeOfDay] {
        (0..<Int.random(in: 0...most, using: &dice)).map { _ in time(Int.random(in: 360...1200, using: &dice)) }
    }
    let lessons = moments(8).map {
        DayLine.Lesson(
            from: $0, to: time(min(1439, $0.minutes + 45)), isClub: Bool.random(using: &dice),
            presence: [.there, .missed, .late(7)].randomElement(using: &dice) ?? .there)
    }
    let doors = moments(6).enumerated().map { DayLine.Door(at: $1, entered: $0 % 2 == 0) }
    let marks = moments(12).map {
        DayLine.Mark(at: $0, value: ["5", "4", "3", "2", "4/5"].randomElement(using: &dice) ?? "5", hasComment: Bool.random(using: &dice))
    }
    let sums = moments(12).map {
        DayLine.Sum(
            at: $0, kind: [.meal, .personal, .topUp].randomElement(using: &dice) ?? .meal,
            amount: Bool.random(using: &dice) ? Money(kopecks: Int64.random(in: 100...1_500_000, using: &dice)) : nil)
    }
    return DayLine(lessons: lessons, doors: doors, marks: marks, sums: sums, now: moments(1).first, isOver: Bool.random(using: &dice))
}

@Suite("The line of the day") struct DayLineTests {
    @Test("no two labels overlap and none leaves the frame, whatever happens in a day", arguments: 0..<40)
    func nothingOverlaps(block: Int) {
        for seed in (block * 50)..<(block * 50 + 50) {
            let labels = day(seed).labels(amount)
            for (index, label) in labels.enumerated() {
                #expect(label.left >= -0.1 && label.right <= DayLine.narrowest + 0.1, "seed \(seed): \(label)")
                for other in labels[(index + 1)...] { #expect(!label.overlaps(other), "seed \(seed): \(label) and \(other)") }
            }
        }
    }

    @Test("an ordinary day keeps every label at its moment") func ordinary() {
        let line = DayLine(
            lessons: [.init(from: time(510), to: time(555))], doors: [.init(at: time(489), entered: true)],
            marks: [.init(at: time(532), value: "5", hasComment: true), .init(at: time(647), value: "4")],
            sums: [.init(at: time(616), kind: .personal, amount: Money(roubles: 45)), .init(at: time(736), kind: .meal, amount: Money(roubles: 128))],
            now: time(767))
        let labels = line.labels(amount)
        #expect(labels.allSatisfy { abs($0.x - $0.wish) < 6 })
        #expect(labels.map(\.text).filter { !$0.isEmpty } == ["12:47", "7", "9", "11", "15", "17", "19", "8:09", "5", "4", "45", "128"])
    }

    @Test("two buns at once become one sum; nothing is lost of it") func joins() {
        let sums = (0..<9).map { DayLine.Sum(at: time(600 + $0), kind: .personal, amount: Money(roubles: 10)) }
        let texts = DayLine(sums: sums).labels(amount).filter { if case .sum = $0.kind { true } else { false } }.compactMap { Int($0.text) }
        #expect(texts.reduce(0, +) == 90)
    }

    @Test("many marks of a morning all stand there: nothing is joined that has room") func marksHaveRoom() {
        let marks = [532, 532, 587, 647, 647, 707].map { DayLine.Mark(at: time($0), value: "5", hasComment: $0 == 707) }
        let labels = DayLine(marks: marks, now: time(767)).labels(amount).filter { if case .mark = $0.kind { true } else { false } }
        #expect(labels.map(\.text) == ["5", "5", "5", "5", "5", "5"])
        #expect(labels.allSatisfy { abs($0.x - $0.wish) < 20 })
    }

    @Test("what comes in is not mixed with what goes out") func directions() {
        let sums = [(612, DayLine.Sum.Kind.personal, 45), (614, .personal, 32), (618, .meal, 128), (619, .topUp, 1500)].map {
            DayLine.Sum(at: time($0.0), kind: $0.1, amount: Money(roubles: $0.2))
        }
        let labels = DayLine(doors: [.init(at: time(481), entered: true)], sums: sums).labels(amount)
        let texts = labels.compactMap { label in if case .sum = label.kind { label.text } else { nil } }
        #expect(texts.contains("+1500"))
        #expect(texts.compactMap { $0.hasPrefix("+") ? nil : Int($0) }.reduce(0, +) == 205)
    }

    @Test("every movement of money has its stem, also where sums are joined") func stems() {
        let sums = (0..<9).map { DayLine.Sum(at: time(600 + $0), kind: .personal, amount: Money(roubles: 10)) }
        let svg = DayLine(sums: sums).svg(id: "k", title: "t", words: "w", amount: amount)
        #expect(svg.matches(of: /dl-stem/).count == 9)
    }

    @Test("a missed lesson is an outline of alarm; a late one is filled from the minute of entering") func lessons() {
        let line = DayLine(
            lessons: [.init(from: time(510), to: time(555), presence: .missed), .init(from: time(565), to: time(610), presence: .late(16))], isOver: true)
        let svg = line.svg(id: "k", title: "t", words: "w", amount: amount)
        #expect(svg.matches(of: /class="dl-miss"/).count == 2 && svg.contains(#"class="dl-past" x="22.36%" y="36" width="4.03%""#))
    }

    @Test("the drawing says itself in words, escapes names and carries no style or script") func words() {
        let svg = day(7).svg(id: "k1", title: "День <Маши>", words: "Вошла в 8:09 & дальше", amount: amount)
        #expect(svg.contains("<title id=\"k1t\">День &lt;Маши&gt;</title>") && svg.contains("8:09 &amp; дальше"))
        #expect(!svg.contains("style=") && !svg.contains("<script"))
    }

    @Test("in a letter the cells of a day make up its whole width") func table() throws {
        for seed in 0..<200 {
            let widths = day(seed).table(ink: "#0f5e5a").components(separatedBy: "</table>")[0].matches(of: /td width="([0-9.]+)%"/)
                .compactMap { Double($0.output.1) }
            #expect(abs(widths.reduce(0, +) - 100) < 1.5, "seed \(seed)")
        }
    }
}

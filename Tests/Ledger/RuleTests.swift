import Events
import Foundation
import Kernel
import Support
import Testing

@testable import Ledger

@Suite("Rules") struct RuleTests {
    @Test("AC-07: what is left of the limit is never below zero, and without a limit nothing is forbidden")
    func limit() {
        #expect(DailyLimit(limit: .roubles(150), spent: .roubles(45)).left == .roubles(105))
        #expect(DailyLimit(limit: .roubles(20), spent: .roubles(45)).left == .zero)
        #expect(DailyLimit(limit: nil, spent: .roubles(45)).left == nil)
        #expect(!DailyLimit(limit: nil, spent: .zero).forbids(.roubles(1_000), .personal))
        #expect(DailyLimit(limit: .roubles(150), spent: .roubles(45)).forbids(.roubles(106), .personal))
        #expect(!DailyLimit(limit: .roubles(150), spent: .roubles(45)).forbids(.roubles(105), .personal))
    }

    @Test("histories of neighbouring seeds have nothing in common, and one seed always tells the same")
    func seeds() {
        var all: Set<UInt64> = []
        for seed in UInt64(0)..<300 {
            var (dice, again) = (SeededGenerator(seed: seed), SeededGenerator(seed: seed))
            for _ in 1...100 {
                let number = dice.next()
                all.insert(number)
                #expect(again.next() == number)
            }
        }
        #expect(all.count == 30_000)
    }

    @Test("D-01: a collective purchase is never forbidden by the limit")
    func collectiveNeverForbidden() {
        #expect(!DailyLimit(limit: .zero, spent: .zero).forbids(.roubles(128), .collective))
    }

    @Test("AC-07: the bar is full at the limit and over it", arguments: [(0, 0), (45, 30), (150, 100), (900, 100)])
    func bar(_ spent: Int64, _ percent: Int) {
        #expect(DailyLimit(limit: .roubles(150), spent: .roubles(spent)).percent == percent)
    }

    @Test("AC-05: months follow each other over the years' ends, each with its length")
    func months() throws {
        let december = try #require(Month("2026-12"))
        #expect(december.next.iso == "2027-01")
        #expect(december.previous.iso == "2026-11")
        #expect(december.length == 31)
        #expect(Month("2028-02")?.length == 29)
        #expect(Month("2026-13") == nil)
        #expect(Month("2026-1") == nil)
    }

    @Test("D-05: an account number is read in groups")
    func number() {
        #expect("0270391482".spacedNumber == "0270\u{a0}391\u{a0}482")
        #expect(Money(kopecks: 15_050).typed == "150,50")
        #expect(Money(kopecks: 15_005).typed == "150,05")
        #expect(Money(kopecks: 15_000).typed == "150")
    }
}

@Suite("Picture of a month") struct MonthPictureTests {
    private let words = MonthPicture.Words(
        sum: { String($0.kopecks / 100) }, title: "November", description: "<what it shows>", until: { "until \($0.day)" })

    private func day(_ number: Int) -> Day { Day("2026-11-01")?.adding(days: number - 1) ?? Day(daysSince1970: 0) }

    private func line(_ number: Int, _ happening: StatementLine.Happening, _ roubles: Int64, after: Int64) -> StatementLine {
        StatementLine(
            id: .v7(), happening: happening, at: SchoolZone.moscow.start(of: day(number)).addingTimeInterval(43_200), day: day(number),
            what: "Обед", receipt: nil, by: nil, device: nil, saleID: nil, isOffline: false, isReversed: false,
            amount: .roubles(roubles), balance: .roubles(after))
    }

    private func picture(today: Int, lunch: Int64? = 100) throws -> MonthPicture {
        let lines = [
            line(20, .reversal(.collective), 100, after: 400), line(20, .charge(.collective), -100, after: 300),
            line(9, .charge(.personal), -50, after: 400), line(3, .charge(.collective), -100, after: 450),
            line(2, .topUp(.cashDesk), 500, after: 550),
        ]
        return MonthPicture(
            month: try #require(Month("2026-11")), statement: AccountStatement(opening: .roubles(50), lines: lines),
            zone: .moscow, today: day(today), lunch: lunch.map(Money.roubles))
    }

    @Test("AC-05: each day has the balance of its end and what went and came, and a reversal takes its charge away")
    func sums() throws {
        let picture = try picture(today: 20)
        #expect(picture.days.count == 30)
        #expect(picture.days[0].balance == .roubles(50))
        #expect(picture.days[1].topUps == .roubles(500))
        #expect(picture.days[7].balance == .roubles(450))
        #expect(picture.days[8].personal == .roubles(50))
        #expect(picture.days[19].collective == .zero)
        #expect(picture.days[19].balance == .roubles(400))
        #expect(picture.days[20].balance == nil)
    }

    @Test("The money lasts for weekdays only, and a month that ends first says nothing")
    func forecast() throws {
        // Friday the 20th: Monday to Thursday can be paid.
        #expect(try picture(today: 20).lastsUntil == day(26))
        #expect(try picture(today: 20, lunch: nil).lastsUntil == nil)
        #expect(try picture(today: 20, lunch: 401).lastsUntil == nil)
        #expect(try picture(today: 27).lastsUntil == nil)
    }

    @Test("The drawing is well-formed, without styles of its own, and every word in it is escaped")
    func drawing() throws {
        let svg = try picture(today: 20).svg(words)
        #expect(svg.contains("&lt;what it shows&gt;"))
        #expect(!svg.contains("style="))
        #expect(svg.contains(#"<text class="dl-nowt" x="0" y="243.5">20</text>"#))
        #expect(svg.contains("until 26"))
        let parser = XMLCheck(svg)
        #expect(parser.isWellFormed)
    }
}

/// Whether tags open and close in order: enough for a drawing that is put into a page as it is.
private struct XMLCheck {
    let isWellFormed: Bool

    init(_ text: String) {
        var open: [Substring] = []
        var isFine = true
        for match in text.matches(of: /<(\/?)([a-z]+)[^>]*?(\/?)>/) {
            if !match.3.isEmpty { continue }
            if match.1.isEmpty {
                open.append(match.2)
            } else if open.popLast() != match.2 {
                isFine = false
            }
        }
        isWellFormed = isFine && open.isEmpty
    }
}

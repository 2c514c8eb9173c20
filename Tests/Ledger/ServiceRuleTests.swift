import Events
import Foundation
import Kernel
import Support
import Testing

@testable import Ledger

@Suite("Periods of a paid service") struct ServiceRuleTests {
    private func day(_ iso: String) -> Day { Day(iso) ?? Day(daysSince1970: 0) }

    private func terms(_ rhythm: ServiceRhythm, _ from: String = "2026-09-01", _ until: String? = nil) -> ServiceTerms {
        ServiceTerms(rhythm: rhythm, from: day(from), until: until.map(day))
    }

    private func period(_ terms: ServiceTerms, _ on: String, from: String, _ roubles: Int64 = 3_000) -> ServicePeriod? {
        terms.period(holding: day(on), startsOn: day(from)) { _ in .roubles(roubles) }
    }

    @Test("ID-35: a month that has begun costs its share by days, and so does the last one; a whole month costs its price")
    func months() {
        let club = terms(.month, "2026-09-01", "2027-05-20")
        #expect(
            period(club, "2026-11-21", from: "2026-11-21")
                == ServicePeriod(key: "2026-11", first: day("2026-11-21"), last: day("2026-11-30"), amount: .roubles(1_000)))
        #expect(period(club, "2026-12-31", from: "2026-11-21")?.amount == .roubles(3_000))
        #expect(period(club, "2026-12-31", from: "2026-11-21")?.first == day("2026-12-01"))
        #expect(period(club, "2027-05-01", from: "2026-11-21")?.amount == Money(kopecks: 193_548))
        #expect(period(club, "2027-05-21", from: "2026-11-21") == nil)
        #expect(period(club, "2026-11-20", from: "2026-11-21") == nil)
        #expect(period(terms(.month), "2026-11-30", from: "2026-11-30", 1)?.amount == Money(kopecks: 3))
    }

    @Test("ID-35: what is paid once is one period until its end; a visit is its day, and can be noted for two weeks")
    func onceAndVisits() {
        #expect(period(terms(.once, "2026-11-01", "2026-12-10"), "2026-11-21", from: "2026-11-21")?.last == day("2026-12-10"))
        #expect(period(terms(.once), "2026-11-21", from: "2026-11-21")?.last == day("2026-12-21"))
        #expect(period(terms(.once), "2026-12-22", from: "2026-11-21") == nil)
        let visit = period(terms(.visit), "2026-11-20", from: "2026-11-02")
        #expect(visit?.key == "2026-11-20" && visit?.last == day("2026-12-04") && visit?.amount == .roubles(3_000))
    }

    @Test("ID-35: the months of a subscription follow each other without a gap, each in its month, never for more than its price", arguments: UInt64(1)...60)
    func follow(_ seed: UInt64) throws {
        var dice = SeededGenerator(seed: seed)
        let start = day("2026-09-01") + Int.random(in: 0...200, using: &dice)
        let until = start + Int.random(in: 0...300, using: &dice)
        let service = ServiceTerms(rhythm: .month, from: day("2026-09-01") + Int.random(in: 0...100, using: &dice), until: until)
        let price = Money(kopecks: Int64.random(in: 100...500_000, using: &dice))
        var day = max(start, service.from)
        var last: ServicePeriod?
        while day <= until {
            let period = try #require(service.period(holding: day, startsOn: start) { _ in price })
            #expect((period.first...period.last).contains(day) && period.amount > .zero && period.amount <= price)
            if let last, last.key != period.key {
                #expect(period.first == last.last + 1)
                #expect(service.next(after: last.last, startsOn: start) { _ in price } == period)
            }
            if let last, last.key == period.key { #expect(last == period) }
            last = period
            day = day + 1
        }
        #expect(last?.last == until || until < service.from)
    }

    @Test("ID-35: what is owed on leaving: nothing for what is not paid; what is paid stays until its end")
    func leaving() {
        let today = day("2026-11-21")
        #expect(Leaving(.month, paidUntil: day("2026-11-30"), today: today) == .afterPaid(day("2026-11-30")))
        #expect(Leaving(.month, paidUntil: nil, today: today) == .atOnce)
        #expect(Leaving(.visit, paidUntil: day("2026-12-04"), today: today) == .atOnce)
        #expect(Leaving(.once, paidUntil: day("2026-12-04"), today: today) == .paidForGood)
        #expect(Leaving(.once, paidUntil: nil, today: today) == .atOnce)
    }

    @Test("ID-35: grades and classes as a person writes them")
    func audience() throws {
        let text = try #require(AudienceText("7Б, 1–3,4, 9, 1"))
        #expect(text.grades == [1, 2, 3, 4, 9] && text.classes == [ClassName(grade: 7, letter: "Б")])
        #expect(text.text == "1–4, 9, 7\u{a0}«Б»")
        #expect(AudienceText("")?.text == "")
        for wrong in ["7–5", "все", "1-20", "-3", "14"] { #expect(AudienceText(wrong) == nil, "\(wrong)") }
        let seventh = UUID.v7()
        let offer = ServiceAudience(grades: [1], classes: [seventh])
        #expect(offer.includes(grade: 1, classID: nil) && offer.includes(grade: 7, classID: seventh))
        #expect(!offer.includes(grade: 7, classID: .v7()) && !offer.includes(grade: nil, classID: nil))
        #expect(ServiceAudience(grades: [], classes: []).includes(grade: nil, classID: nil))
    }
}

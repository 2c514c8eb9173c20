import Events
import Foundation
import HTTPTypes
import Kernel
import Postgres
import Service
import Support
import Testing

@testable import Ledger

@Suite("Nominal of a certificate") struct NominalTests {
    private func day(_ iso: String) -> Day { Day(iso) ?? Day(daysSince1970: 0) }

    @Test(
        "D-06: the share of the months left, this one included, rounded down to kopecks",
        arguments: [("2026-01-01", 1_200_00), ("2026-01-31", 1_200_00), ("2026-02-01", 1_100_00), ("2026-11-20", 200_00), ("2026-12-31", 100_00)])
    func shrinks(_ iso: String, _ kopecks: Int64) {
        #expect(Nominal(year: 2026, yearly: Money(kopecks: 1_200_00), chosenOn: nil).shown(on: day(iso)) == Money(kopecks: kopecks))
    }

    @Test("D-06, SE-03: it never grows, never exceeds the year's, and after a choice it stays", arguments: UInt64(1)...100)
    func neverGrows(_ seed: UInt64) throws {
        var dice = SeededGenerator(seed: seed)
        let yearly = Money(kopecks: Int64.random(in: 0...5_000_000, using: &dice))
        let chosen = Bool.random(using: &dice) ? day("2026-01-01") + Int.random(in: 0...364, using: &dice) : nil
        let nominal = Nominal(year: 2026, yearly: yearly, chosenOn: chosen)
        var last = yearly
        for number in 0..<365 {
            let today = day("2026-01-01") + number
            let shown = try #require(nominal.shown(on: today))
            #expect(shown <= last && shown >= .zero)
            #expect(shown.kopecks * 12 <= yearly.kopecks * 12)
            if let chosen, today > chosen { #expect(shown == nominal.shown(on: chosen)) }
            last = shown
        }
        #expect(nominal.shown(on: day("2027-01-01")) == nil && nominal.shown(on: day("2025-12-31")) == nil)
        #expect(nominal.months(from: day("2026-11-20")).map(\.month.iso) == ["2026-11", "2026-12"])
    }

    @Test("D-06: rounding is down: a third of a kopeck is nobody's")
    func rounding() {
        #expect(Nominal(year: 2026, yearly: Money(kopecks: 100), chosenOn: nil).shown(on: day("2026-12-01")) == Money(kopecks: 8))
    }
}

@Suite("Certificates", .database(LedgerService.migrations)) struct CertificateTests {
    let school = SchoolOfTests()

    @Test("SE-02 to SE-05: staff enters, the family sees the nominal shrink; when the limit is reached a message stands instead of figures")
    func pages() async throws {
        try await Cabinet.story(school) { cabinet in
            let school = cabinet.school
            let accountant = try await cabinet.accountant()
            let mother = try await cabinet.mother()
            let path = "/ledger/children/\(school.masha.text)/certificate"
            #expect(try await mother.get(path).body.contains("На этот год сертификат не внесён."))
            let wrong = try await accountant.post("/ledger/certificates", ["account": "1", "year": "мало", "nominal": "-1", "chosen_on": "2025-01-01"])
            #expect(wrong.status == .unprocessableContent)
            for text in ["Сверьте цифры с договором.", "Напишите год.", "Напишите сумму от 0 до", "Заполните это поле.", "Укажите день того же года"] {
                #expect(wrong.body.contains(text), "\(text)")
            }
            let form = ["account": "0270000001", "year": "2026", "number": "0512345678", "nominal": "12000", "programmes": "2"]
            #expect(try await accountant.post("/ledger/certificates", form).status == .seeOther)
            let list = try await accountant.get("/ledger/certificates")
            #expect(list.status == .ok && list.body.contains("0512345678") && list.body.contains("2000,00") && !list.body.contains("Маша"))
            let page = try await mother.get(path)
            #expect(page.status == .ok && !page.body.contains("[[") && !page.body.contains("{{"))
            for text in ["№ 0512345678", "2000\u{a0}₽", "12\u{a0}000\u{a0}₽", "Декабрь", "1000,00", "2 программы за счёт бюджета"] {
                #expect(page.body.contains(text), "\(text)")
            }
            try await school.database.transaction { try NoteCap(school: school.school, year: 2026, isReached: true, by: school.accountant).run(in: $0, at: school.now) }
            let capped = try await mother.get(path)
            #expect(capped.body.contains("Муниципалитет уже распределил все деньги этого года") && !capped.body.contains("2000\u{a0}₽") && !capped.body.contains("12\u{a0}000"))
            #expect(try await mother.get(path + ".json").body.contains("capMessage"))
            try await school.database.transaction { try NoteCap(school: school.school, year: 2026, isReached: false, by: school.accountant).run(in: $0, at: school.now) }
            #expect(try await accountant.post("/ledger/certificates", form.merging(["chosen_on": "2026-06-15"]) { $1 }).status == .seeOther)
            let chosen = try await mother.get(path)
            #expect(chosen.body.contains("7000\u{a0}₽") && chosen.body.contains("больше не уменьшается"))
            #expect(try await mother.get("/ledger/certificates").status == .notFound)
            #expect(try await mother.post("/ledger/schools/\(school.school.text)/certificate-cap", ["reached": "true"]).status == .notFound)
        }
    }
}

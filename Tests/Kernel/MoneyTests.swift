import Foundation
import Kernel
import Testing

@Suite struct MoneyTests {
    @Test("Money is read as people and files write it", arguments: [
        ("45", 4500), ("45,5", 4550), ("45,50", 4550), ("45.05", 4505), ("-12", -1200), ("\u{2212}0,01", -1), ("+3", 300),
        ("1 234,50", 123_450), ("1\u{A0}234\u{202F}567.08", 123_456_708), ("0", 0), ("007", 700),
        ("92233720368547758.07", Int64.max), ("-92233720368547758.08", Int64.min),
    ])
    func reads(text: String, kopecks: Int64) {
        #expect(Money(text)?.kopecks == kopecks)
    }

    @Test("What is no amount is not read", arguments: [
        "", " ", "-", "45,", ",50", "45,505", "4,5,0", "45 руб", "--1", "1-", "1e3", "92233720368547758.08", "٤٥",
        "99999999999999999999",
    ])
    func refuses(text: String) {
        #expect(Money(text) == nil)
    }

    @Test func everyAmountReadsBackWhatItWrites() throws {
        var amounts: [Int64] = [0, 1, -1, 99, -99, 100, .max, .min]
        for _ in 0..<5000 { amounts.append(Int64.random(in: -1_000_000_000...1_000_000_000)) }
        for _ in 0..<1000 { amounts.append(Int64.random(in: .min ... .max)) }
        for kopecks in amounts {
            let money = Money(kopecks: kopecks)
            #expect(Money(money.description) == money)
            #expect(Money(money.description.replacing(".", with: ",")) == money)
        }
    }

    @Test func jsonIsOneIntegerOfKopecks() throws {
        let text = try JSONEncoder().encode([Money(kopecks: -4550)])
        #expect(String(decoding: text, as: UTF8.self) == "[-4550]")
        #expect(try JSONDecoder().decode([Money].self, from: text) == [Money(kopecks: -4550)])
        #expect(throws: DecodingError.self) { try JSONDecoder().decode([Money].self, from: Data("[45.5]".utf8)) }
    }

    @Test func sumsAndSigns() {
        #expect([Money(kopecks: 1), Money(kopecks: 299)].total == Money(roubles: 3))
        #expect(-Money(roubles: 2) < .zero && (-Money(roubles: 2)).absolute == Money(roubles: 2))
        #expect(Money(kopecks: 4550) * 3 == Money(kopecks: 13_650))
    }
}

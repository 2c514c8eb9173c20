import Foundation
import Kernel
import Testing

@testable import Ledger

@Suite("Terminals: rules") struct TerminalRuleTests {
    @Test(
        "AC-03: an address is within a network or not",
        arguments: [
            ("79.142.16.0/20", "79.142.31.255", true), ("79.142.16.0/20", "79.142.32.0", false), ("10.0.0.7", "10.0.0.7", true),
            ("10.0.0.7", "10.0.0.8", false), ("0.0.0.0/0", "200.1.1.1", true), ("2a02:5180:0:1509::/64", "2a02:5180:0:1509::7", true),
            ("2a02:5180:0:1509::/64", "2a02:5180:0:150a::7", false), ("10.0.0.0/8", "", false), ("10.0.0.0/8", "::1", false),
            ("10.0.0.0/8", "10.1.1.1, 5.5.5.5", false), ("10.0.0.0/8", "::ffff:10.1.1.1", true),
        ])
    func addresses(_ network: String, _ address: String, _ isWithin: Bool) throws {
        #expect(try #require(AddressRange(network)).contains(address) == isWithin)
    }

    @Test("AC-03: what is no network is refused", arguments: ["", "10.0.0.0/33", "10.0.0/8", "host", "10.0.0.0/-1", "::/129", "1.1.1.1/", "1.1.1.1/8/8"])
    func noNetworks(_ text: String) { #expect(AddressRange(text) == nil) }

    @Test("AC-03: an answer is one document, whatever stands in it")
    func markup() {
        let answer = Markup("response", [Markup("osmp_txn_id", "<&>\"'\u{0}\u{b}\u{fffe}"), Markup("f", "я\n", attributes: [("name", "a\"b")])])
        #expect(
            answer.document
                == "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<response><osmp_txn_id>&lt;&amp;&gt;&quot;'</osmp_txn_id><f name=\"a&quot;b\">я&#10;</f></response>\n")
    }

    @Test(
        "AC-03: sums as partners write them, and nothing else",
        arguments: [
            ("10.45", 1045), ("200", 20_000), ("0.5", 50), ("10,40", 1040), ("-1", nil), ("1e3", nil), ("1 200", nil), ("10.455", nil), ("", nil), (".5", nil),
            ("5.", nil), ("99999999999", nil), ("١٠", nil),
        ] as [(String, Int64?)])
    func sums(_ text: String, _ kopecks: Int64?) { #expect(PartnerWords.amount(text) == kopecks.map(Money.init(kopecks:))) }

    @Test("AC-03: dates as partners write them")
    func dates() {
        #expect(PartnerWords.date("20261120124700", .plain) == Day("2026-11-20"))
        #expect(PartnerWords.date("20.11.2026_12:47:00", .dotted) == Day("2026-11-20"))
        for wrong in ["20261320124700", "2026112012470", "20261120244700", "20261120126000", "2026112012470x", "", "２０２６１１２０１２４７００"] {
            #expect(PartnerWords.date(wrong, .plain) == nil, "\(wrong)")
        }
        #expect(PartnerWords.date("20.11.2026", .dotted) == nil)
    }

    @Test("AC-03: only a temporary error is asked again, and no dialect says otherwise")
    func codes() {
        for refusal in PartnerRefusal.allCases {
            #expect((TerminalSpeech.code(refusal) == 1) == (refusal == .temporary))
            #expect((BankSpeech.code(refusal) == 1) == (refusal == .temporary))
            #expect(![0, 90].contains(TerminalSpeech.code(refusal)))
            // 0 and 5 mean to the bank that the money is on the account.
            #expect(![0, 5].contains(BankSpeech.code(refusal)))
        }
        #expect(TerminalSpeech.code(.differs) == 300)
    }

    @Test("AC-03: incomplete and foreign requests are refused, each by its reason")
    func questions() {
        func refusal(_ speech: any PartnerSpeech, _ fields: [String: String]) -> PartnerRefusal? {
            do {
                _ = try speech.question(fields, zone: .moscow)
                return nil
            } catch { return error }
        }
        let osmp = TerminalSpeech(hasOwnDate: false)
        let pay = ["command": "pay", "txn_id": "1", "account": "0270000001", "sum": "1.00", "txn_date": "20261120124700"]
        #expect(refusal(osmp, pay) == nil)
        for name in pay.keys { #expect(refusal(osmp, pay.filter { $0.key != name }) == .incomplete, "\(name)") }
        #expect(refusal(osmp, pay.merging(["command": "refund"]) { $1 }) == .unknownCommand)
        #expect(refusal(osmp, pay.merging(["command": "cancel"]) { $1 }) == .incomplete)
        for number in ["", "x", "-1", "123456789012345678901", "1.0"] {
            #expect(refusal(osmp, pay.merging(["txn_id": number]) { $1 }) == .badNumber, "\(number)")
        }
        #expect(refusal(osmp, pay.merging(["txn_date": "вчера"]) { $1 }) == .badDate)
        let bank = ["action": "payment", "pay_id": "1", "account": "0270000001", "amount": "1.00", "pay_date": "20.11.2026_12:47:00"]
        #expect(refusal(BankSpeech(), bank) == nil)
        for name in bank.keys { #expect(refusal(BankSpeech(), bank.filter { $0.key != name }) == .incomplete, "\(name)") }
    }
}

import Foundation
import Kernel
import Support
import Testing
import Web

@testable import Access

@Suite struct AccessRulesTests {
    @Test("every notation of one real card matches every other") func notations() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../deploy/demo/data/access-events/em4100-vectors.csv")
        let table = CSVTable(try String(contentsOf: root, encoding: .utf8))
        let forms: [(String, CardNumber.Notation)] = [
            ("id40_hex", .hex), ("dez8", .dez8), ("dez10", .dez10), ("d5_5", .fiveFive), ("d3_5a", .threeFiveA), ("d3_5b", .threeFiveB),
            ("d3_5c", .threeFiveC), ("dez14", .dez14), ("w26_bits", .wiegand26), ("w26_hex_left", .wiegand26Bytes), ("w34_bits", .wiegand34),
            ("w34_hex_left", .wiegand34Bytes),
        ]
        let cards = try table.rows.map { row in try forms.map { try CardNumber(row[$0.0], as: $0.1) } }
        #expect(cards.count == 6)
        for (index, card) in cards.enumerated() {
            for one in card {
                #expect(one.matches(card[0]))
                #expect(try CardNumber(one.text, as: .hex) == one)
                for (other, stranger) in cards.enumerated() where other != index { #expect(!one.matches(stranger[0])) }
            }
        }
    }

    @Test("real reader frames give their card, and a frame with a wrong parity bit is refused") func frames() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../deploy/demo/data/access-events/wiegand-vectors.csv")
        for row in CSVTable(try String(contentsOf: root, encoding: .utf8)).rows {
            let number = try CardNumber(row["raw_hex_left_aligned"], as: .wiegand26Bytes)
            #expect(number == (try CardNumber("\(row["facility"]),\(row["card"])")))
        }
        #expect(throws: CardNumberRefused.self) { try CardNumber("80803381", as: .wiegand26Bytes).text == "" ? () : { throw CardNumberRefused.parity("") }() }
        #expect(throws: CardNumberRefused.tooLarge("256")) { try CardNumber("256,00001", as: .threeFiveC) }
        for bad in ["", "  ", "abc", "99999999999", "0000000000", "12,34,56"] {
            #expect(throws: CardNumberRefused.self) { try CardNumber(bad) }
        }
        #expect(try CardNumber("188,24910").matches(CardNumber("0012345678")))
        // Ten digits that no 32 bits hold are hexadecimal without letters; those that they hold are DEZ 10.
        #expect(try CardNumber("5758687703") == CardNumber("57:58:68:77:03"))
        #expect(try CardNumber("4294967295") == CardNumber("4294967295", as: .dez10))
        #expect(try CardNumber("4294967296") == CardNumber("4294967296", as: .hex))
    }

    @Test("AX-01: whoever holds the card twice goes through once, and the direction follows from who is inside") func directions() throws {
        let (gate, hall) = (UUID(), UUID())
        let day = try #require(Day("2026-11-20"))
        let start = Date(timeIntervalSince1970: 1_795_000_000)
        var last: LastSeen?
        func pass(_ seconds: Double, _ device: UUID, _ sent: Direction? = nil) -> WayThrough.Outcome {
            WayThrough.outcome(at: start + seconds, day: day, device: device, sent: sent, fixed: nil, last: &last)
        }
        #expect(pass(0, gate) == .passage(.entered, isRepaired: true))
        #expect(pass(4, gate) == .doubleTouch)
        #expect(pass(50, gate) == .doubleTouch)
        #expect(pass(3600, gate) == .passage(.left, isRepaired: true))
        #expect(pass(3610, hall, .entered) == .passage(.entered, isRepaired: false))
        // A late batch tells of the past: it is recorded and does not move anybody.
        #expect(pass(1800, hall, .left) == .passage(.left, isRepaired: false))
        #expect(last?.isInside == true)
    }

    @Test("clocks that lost their power, run ahead or lag do not move a passage to another year") func clocks() {
        let now = Date(timeIntervalSince1970: 1_795_000_000)
        func verdict(_ offset: Double?, sent: Double? = nil, stored: Bool = false) -> DeviceClock.Verdict {
            DeviceClock.verdict(deviceTime: offset.map { now + $0 }, sentAt: sent.map { now + $0 }, receivedAt: now, isStored: stored)
        }
        #expect(verdict(-30) == .init(occurredAt: now - 30, isRepaired: false, aheadSeconds: nil))
        #expect(verdict(-500_000_000).occurredAt == now)
        #expect(verdict(7200).occurredAt == now && verdict(7200).aheadSeconds == 7200)
        #expect(verdict(nil).isRepaired)
        #expect(verdict(-86_400, stored: true).occurredAt == now - 86_400)
        #expect(verdict(-3600 + 7200, sent: 7200, stored: true).occurredAt == now - 3600)
        for _ in 0..<2000 {
            let any = verdict(.random(in: -2e9...2e9), sent: Bool.random() ? .random(in: -2e9...2e9) : nil, stored: .random())
            #expect(any.occurredAt <= now && any.occurredAt > now - DeviceClock.oldestStored - 1)
        }
    }

    @Test("a body that claims another device is tampering; a stored batch keeps its numbers") func messages() throws {
        #expect(throws: ReadingMessage.Refused.tampered(claims: "gate-2")) {
            try ReadingMessage(Data(#"{"device":"gate-2","card":"1"}"#.utf8), from: "gate-1")
        }
        #expect(throws: ReadingMessage.Refused.notJSON) { try ReadingMessage(Data("hello".utf8), from: "gate-1") }
        let batch = try ReadingMessage(
            Data(#"{"boot":3,"sentAt":"2026-11-20T09:00:00+03:00","readings":[{"seq":1,"at":"2026-11-20T08:09:12+03:00","card":"188,24910","direction":"in"},{"seq":2,"card":"0012345678"}]}"#.utf8),
            from: "gate-1")
        #expect(batch.isStored && batch.readings.map(\.key) == ["3/1", "3/2"] && batch.readings[0].direction == .entered)
        #expect(batch.readings[1].card?.matches(try #require(batch.readings[0].card)) == true)
    }

    @Test("a real terminal's log: its one unreadable line is reported, every other is read") func terminalLog() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../deploy/demo/data/access-events/zkteco-attlog.dat")
        let log = TerminalLog(try String(contentsOf: root, encoding: .isoLatin1))
        #expect(log.marks.count + log.bad.count == 8616)
        #expect(Set(log.marks.map(\.user)).count == 9)
    }

    @Test("every text of the pages has its Russian") func catalogue() throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../Services/Access").standardized.path
        #expect(try CatalogueCheck.missing(in: folder) == [])
    }
}

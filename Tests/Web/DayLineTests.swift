import Foundation
import Kernel
import Testing

@testable import Web

@Suite struct DayLineTests {
    @Test("however the day crowds, no two labels cover each other and none leaves a phone's frame") func spreads() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<5000 {
            let count = Int.random(in: 0...9, using: &random)
            let wanted = (0..<count).map { _ in (x: Double.random(in: 0...100, using: &random), pixels: Double.random(in: 22...36, using: &random)) }
                .sorted { $0.x < $1.x }
            guard wanted.reduce(0, { $0 + $1.pixels }) <= DayLine.width else { continue }
            let places = DayLine.spread(wanted)
            for index in places.indices {
                let half = wanted[index].pixels / 2 / DayLine.width * 100
                #expect(places[index] - half > -0.001 && places[index] + half < 100.001)
                guard index > 0 else { continue }
                let before = wanted[index - 1].pixels / 2 / DayLine.width * 100
                #expect(places[index] - places[index - 1] > half + before - 0.001)
            }
        }
    }

    @Test("a label with room around it stays over its moment") func stays() {
        #expect(DayLine.spread([(20, 24), (50, 24), (80, 24)]) == [20, 50, 80])
    }

    @Test("texts are escaped, every time of a day can be drawn, nothing inline is styled") func draws() throws {
        for minutes in stride(from: 0, to: 1440, by: 7) {
            let time = try #require(TimeOfDay(minutes: minutes))
            let svg = DayLine(
                id: "k1", title: "<b>", description: "a & b", entered: time, left: time, lessons: [.init(starts: time, ends: time, state: .now)],
                marks: [.init(at: time, value: "2", hasComment: true)], payments: [.init(at: time, kind: .topUp, amount: Money(kopecks: 10_050))], now: time
            ).svg
            #expect(!svg.contains("<b>") && svg.contains("&lt;b&gt;") && svg.contains("+100,50") && !svg.contains("style=") && !svg.contains("NaN") && !svg.contains("-0."))
        }
    }
}

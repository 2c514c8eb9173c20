import Events
import Foundation
import Kernel
import Postgres
import Service
import Support
import Testing

@testable import Canteen

/// One sale as a child would explain it: it is asked for, and the first word that counts ends it.
private struct NaiveSale {
    enum State: String { case asked, withdrawing, accepted, declined, withdrawn }
    var state = State.asked

    mutating func accepted() { if state == .asked { state = .accepted } }
    mutating func declined() { if state == .asked || state == .withdrawing { state = .declined } }
    mutating func withdrawn() { if state == .withdrawing { state = .withdrawn } }
    mutating func givenUp() { if state == .asked { state = .withdrawing } }

    var sale: Sale.State {
        switch state {
        case .asked, .withdrawing: .pending
        case .accepted: .completed
        case .declined, .withdrawn: .refused
        }
    }
}

@Suite("Histories", .database(CanteenService.migrations)) struct HistoryTests {
    let canteen = CanteenOfTests()

    private enum Step: CaseIterable { case repeated, accepted, declined, withdrawn, givenUp }

    @Test("BY-01: whatever is doubled, late or out of order, each attempt ends once and the sale as the first end says", arguments: [1, 2, 3, 4])
    func histories(seed: UInt64) async throws {
        try await canteen.open()
        var dice = SeededGenerator(seed: seed)
        for _ in 1...30 {
            let id = UUID.v7()
            try await canteen.sell(id)
            var naive = NaiveSale()
            var story: [Step] = []
            for _ in 0..<Int.random(in: 1...8, using: &dice) {
                guard let step = Step.allCases.randomElement(using: &dice) else { continue }
                story.append(step)
                switch step {
                case .repeated: try await canteen.sell(id)
                case .accepted:
                    naive.accepted()
                    try await canteen.accept(id)
                case .declined:
                    naive.declined()
                    try await canteen.decline(id)
                case .withdrawn:
                    naive.withdrawn()
                    try await canteen.withdraw(id)
                case .givenUp:
                    naive.givenUp()
                    try await canteen.giveUp(id)
                }
                #expect(try await canteen.sale(id)?.state == naive.sale, "\(story)")
                #expect(try await canteen.attempt(id) == naive.state.rawValue, "\(story)")
            }
            let said = try await canteen.said(id)
            #expect(said.filter { $0 == "ledger.charge.v1" }.count == 1, "\(story)")
            #expect(said.filter { $0 == "canteen.sale.completed.v1" }.count == (naive.sale == .completed ? 1 : 0), "\(story)")
            #expect(said.filter { $0 == "canteen.sale.refused.v1" }.count == (naive.sale == .refused ? 1 : 0), "\(story)")
            #expect(said.filter { $0 == "ledger.charge.withdraw.v1" }.count <= 1, "\(story)")
        }
    }
}

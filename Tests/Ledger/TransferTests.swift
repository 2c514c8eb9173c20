import Directory
import Events
import Foundation
import Kernel
import Messaging
import Postgres
import Service
import Support
import Testing

@testable import Ledger

@Suite("A pupil moves to another school", .database(LedgerService.migrations)) struct TransferTests {
    let school = SchoolOfTests()
    let other = UUID.v7()

    private func move(_ child: UUID, number: Int, to target: UUID, version: Int64) async throws {
        let pupil = PupilChanged(
            personID: child, version: version, schoolID: target, accountNumber: "027000000\(number)", pupilCode: "I44F2EUE\(number)")
        try await school.database.transaction { [school] tx in
            try Directory.apply([Told(pupil)], in: tx)
            try WhenPupilAppears(pupil: pupil, version: pupil.version).react(in: tx, school.outbox, at: school.now)
        }
    }

    private func hear(_ state: TransferState, of child: UUID, id: UUID, version: Int64, to target: UUID) async throws {
        let heard = Received(
            TransferChanged(
                transferID: id, version: version, personID: child, fromSchoolID: school.school, toSchoolID: target, toClassID: .v7(), state: state,
                movedOn: state == .confirmed ? school.today : nil))
        try await school.database.transaction { [school] in try WhenPupilIsTransferred.react(to: heard, in: $0, school.outbox, at: school.now) }
    }

    private func answers() async throws -> [TransferPart] {
        struct Envelope: Decodable { let data: AccountTransferred }
        return try await school.database.rows(
            "select body from outbox where routing_key = \(AccountTransferred.name) order by seq", as: Data.self
        ).map { try EventCoding.decoder.decode(Envelope.self, from: $0).data.part }
    }

    @Test("SC-01: Ledger says what is on the account, and that it has gone with the pupil once it has")
    func answered() async throws {
        try await school.open()
        try await move(school.masha, number: 1, to: school.school, version: 2)
        try await school.topUp(school.masha, 286)
        let id = UUID.v7()
        try await hear(.asked, of: school.masha, id: id, version: 1, to: other)
        await #expect(throws: NotYet.self) { try await hear(.confirmed, of: school.masha, id: id, version: 2, to: other) }
        try await move(school.masha, number: 1, to: other, version: 3)
        try await hear(.confirmed, of: school.masha, id: id, version: 2, to: other)
        for state in [TransferState.done, .refused, .withdrawn] { try await hear(state, of: school.masha, id: id, version: 3, to: other) }
        let answers = try await answers()
        #expect(answers.map(\.state) == [.ready, .done])
        #expect(answers.map(\.balance) == [.roubles(286), .roubles(286)])
        #expect(answers[0].transferVersion < answers[1].transferVersion)
        let account = try await school.account(school.masha)
        #expect(account?.schoolID == other)
        #expect(account?.balance == .roubles(286))
        #expect(account?.number == "0270000001")
    }

    /// A supplier's balance with what has not been rolled up yet.
    private func paid(_ target: UUID) async throws -> Int64 {
        let id = OrganisationAccount.supplier.id(of: target)
        return try await school.database.read {
            try $0.first("select coalesce(sum(amount), 0)::bigint from leg where account_id = \(id)", as: Int64.self) ?? 0
        }
    }

    @Test("SC-01, BY-02: whatever moves between schools meanwhile, no money is made or lost, and what is given back comes from whom it was paid to", arguments: UInt64(1)...8)
    func moneyStays(_ seed: UInt64) async throws {
        var dice = SeededGenerator(seed: seed)
        try await school.open()
        try await school.database.transaction { [school, other] in try $0.openBooks(of: other, version: 1, zone: .moscow, at: school.now) }
        var places = Dictionary(uniqueKeysWithValues: school.children.map { ($0, school.school) })
        var versions = Dictionary(uniqueKeysWithValues: school.children.map { ($0, Int64(1)) })
        var balances = Dictionary(uniqueKeysWithValues: school.children.map { ($0, Int64(0)) })
        var earned: [UUID: Int64] = [school.school: 0, other: 0]
        var posted: [(charge: Charge, at: UUID)] = []
        for step in 1...50 {
            let child = school.children.randomElement(using: &dice) ?? school.masha
            let number = (school.children.firstIndex(of: child) ?? 0) + 1
            switch Int.random(in: 0...4, using: &dice) {
            case 0:
                let sum = Int64.random(in: 1...400, using: &dice)
                try await school.topUp(child, sum, receipt: "\(seed)-\(step)")
                balances[child, default: 0] += sum
            case 1:
                let target = places[child] == other ? school.school : other
                versions[child, default: 1] += 1
                try await move(child, number: number, to: target, version: versions[child] ?? 2)
                places[child] = target
            case 2 where !posted.isEmpty:
                let (charge, at) = posted.remove(at: Int.random(in: posted.indices, using: &dice))
                try await school.withdraw([charge])
                let sum = charge.amount.kopecks / 100
                balances[charge.personID, default: 0] += sum
                earned[at, default: 0] -= sum
            default:
                let sum = Int64.random(in: 1...200, using: &dice)
                let charge = school.charge(child, sum, .collective)
                let outcome = try await school.decide([charge]).first??.state
                #expect((outcome == .posted) == (balances[child, default: 0] >= sum), "seed \(seed), step \(step)")
                guard outcome == .posted else { continue }
                let at = places[child] ?? other
                balances[child, default: 0] -= sum
                earned[at, default: 0] += sum
                posted.append((charge, at))
            }
        }
        for child in school.children {
            #expect(try await school.account(child)?.balance == .roubles(balances[child] ?? 0), "seed \(seed)")
            #expect(try await school.account(child)?.schoolID == places[child])
        }
        for target in [school.school, other] { #expect(try await paid(target) == (earned[target] ?? 0) * 100, "seed \(seed)") }
        #expect(try await school.firstDifference() == nil)
        let sum = try await school.database.read { try $0.first("select coalesce(sum(amount), 0)::bigint from leg", as: Int64.self) }
        #expect(sum == 0)
    }
}

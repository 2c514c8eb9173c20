import Events
import Foundation
import HTTPTypes
import Kernel
import Postgres
import Service
import Support
import Testing

@testable import Ledger

@Suite("Settlement", .database(LedgerService.migrations)) struct SettlementTests {
    let school = SchoolOfTests()

    private func month(_ iso: String) async throws -> Settlement {
        let month = try #require(Month(iso))
        return try await school.database.read { [school] in
            try $0.settlement(
                of: school.school, from: SchoolZone.moscow.start(of: month.first), until: SchoolZone.moscow.start(of: month.next.first))
        }
    }

    @Test("SC-08, AC-14: what came, what the supplier is due, what went back, and what is owed to the payers fit together")
    func fits() async throws {
        try await school.open()
        let october = school.now - 30 * 86_400
        try await school.topUp(school.masha, 200, at: october)
        try await school.decide([school.charge(school.masha, 50)], at: october)
        try await school.topUp(school.masha, 300)
        let (bun, lunch) = (school.charge(school.masha, 45), school.charge(school.masha, 128, .collective))
        try await school.decide([bun, lunch])
        try await school.withdraw([bun])
        try await school.move(school.masha, school.egor, 100)
        let grant = GrantSubsidy(
            id: .v7(), child: school.egor, title: "Питание", certificate: "1", issuer: "УСЗН", validFrom: school.today,
            validUntil: school.today, purpose: .collective, amount: .roubles(70), rhythm: .once, by: school.accountant)
        try await school.database.transaction { [now = school.now] in try grant.run(in: $0, at: now) }
        let november = try await month("2026-11")
        #expect(november.opening == .roubles(150))
        #expect(november.came == .roubles(370))
        #expect(november.dueToSupplier == .roubles(128))
        #expect(november.went == .zero && november.moved == .zero)
        #expect(november.closing == .roubles(392))
        #expect(november.lines.first { $0.kind == "charge" && $0.purchase == "personal" }?.amount == .roubles(-45))
        let before = try await month("2026-10")
        #expect(before.opening == .zero && before.came == .roubles(200) && before.dueToSupplier == .roubles(50) && before.closing == .roubles(150))
    }

    @Test("SC-08: the accountant reads it for his school, takes it as a file; another school's he does not find, a mother none")
    func page() async throws {
        try await Cabinet.story(school) { cabinet in
            let school = cabinet.school
            try await school.topUp(school.masha, 300)
            try await school.decide([school.charge(school.masha, 128, .collective)])
            let accountant = try await cabinet.accountant()
            let page = try await accountant.get("/ledger/settlement")
            #expect(page.status == .ok)
            for text in ["128\u{a0}₽", "172\u{a0}₽", "Наличные в кассе", "Питание по заявке класса", "+300,00"] {
                #expect(page.body.contains(text), "\(text)")
            }
            #expect(!page.body.contains("{{") && !page.body.contains("[["))
            #expect(try await accountant.get("/ledger/settlement.json").body.contains(#""dueToSupplier":12800"#))
            #expect(try await accountant.get("/ledger/settlement.xlsx").status == .ok)
            #expect(try await accountant.get("/ledger/settlement?school=\(UUID.v7().text)").status == .notFound)
            #expect(try await cabinet.mother().get("/ledger/settlement").status == .notFound)
        }
    }
}

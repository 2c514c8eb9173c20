import Directory
import Events
import Foundation
import HTTPTypes
import Kernel
import Postgres
import Service
import Support
import Testing
import Web

@testable import Ledger

/// A form's id is the key of what it does. Two children with one id in the same instant: one gets it, the other a form with an error.
@Suite("One id, two children, one moment", .database(LedgerService.migrations)) struct SameFormTests {
    let school = SchoolOfTests()

    private enum Asked: CaseIterable {
        case desk, transfer, cashOut, subscription

        /// Where it is written when it has come through.
        var table: String {
            switch self {
            case .desk, .transfer: "transfer"
            case .cashOut: "cash_out"
            case .subscription: "subscription"
            }
        }
    }

    private struct Form: Sendable {
        let asked: Asked
        let child: UUID
        let path: String
        let fields: [String: String]
        let reader: Reader
    }

    /// Two services of one price, so that the forms of two children wait for no common row.
    private func offer() async throws -> [UUID] {
        let services = [UUID.v7(), UUID.v7()]
        let (school, now, by) = (school.school, school.now, school.accountant)
        try await self.school.database.transaction { [today = self.school.today] tx in
            for (place, id) in services.enumerated() {
                try OfferService(
                    id: id, school: school, provider: "Школа № 7", title: "Кружок \(place)", about: "",
                    terms: ServiceTerms(rhythm: .visit, from: today - 10, until: nil), price: .roubles(10), places: nil,
                    audience: ServiceAudience(grades: [], classes: []), by: by
                ).run(in: tx, at: now)
            }
        }
        return services
    }

    @Test("BY-01, AC-02 to AC-09: whoever comes second hears it beside the form; nobody meets a fault, and one movement is posted",
        arguments: UInt64(1)...8)
    func atOnce(_ seed: UInt64) async throws {
        try await Cabinet.story(school) { cabinet in
            let school = cabinet.school
            for child in school.children { try await school.topUp(child, 5_000) }
            let services = try await offer()
            let (mother, accountant) = (try await cabinet.mother(), try await cabinet.accountant())
            let other = try await cabinet.reader(cabinet.otherMother, kids: [.init(id: school.timur, name: "Тимур", accent: "clay")])
            var dice = SeededGenerator(seed: seed)
            for round in 1...12 {
                let id = UUID.v7()
                let forms = (1...4).map { place -> Form in
                    let asked = Asked.allCases.randomElement(using: &dice) ?? .desk
                    let child = school.children[dice.below(asked == .transfer ? 2 : 3)]
                    let reader = asked == .desk ? accountant : child == school.timur ? other : mother
                    let home = "/ledger/children/\(child.text)"
                    let amount = "\(1 + dice.below(2))"
                    let (path, fields): (String, [String: String]) =
                        switch asked {
                        case .desk: ("\(home)/top-ups", ["amount": amount, "receipt": "\(seed)-\(round)-\(place)"])
                        case .transfer: ("\(home)/transfers", ["amount": amount, "to": (child == school.masha ? school.egor : school.masha).text])
                        case .cashOut: ("\(home)/cash-outs", ["amount": amount, "way": "cashDesk"])
                        case .subscription: ("\(home)/services/\(services[child == school.timur ? 1 : 0].text)/subscription", [:])
                        }
                    return Form(asked: asked, child: child, path: path, fields: fields.merging(["id": id.text]) { $1 }, reader: reader)
                }
                // Each of them twice: a page sent twice is what happens.
                let answers = try await withThrowingTaskGroup(of: (Form, Reader.Seen).self) { group in
                    for form in forms + forms { group.addTask { (form, try await form.reader.post(form.path, form.fields)) } }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                for (form, seen) in answers {
                    #expect(
                        seen.status == .seeOther || seen.status == .unprocessableContent,
                        "seed \(seed), round \(round): \(form.path) \(form.fields) answered \(seen.status.code)")
                }
                for table in Set(forms.map(\.asked.table)) {
                    let kept = try await school.database.rows("select count(*) from \(unescaped: table) where id = \(id)", as: Int.self)
                    // An account has one request at a time, and a child one subscription: these may have come to nothing.
                    #expect(kept[0] <= 1 && (kept[0] == 1 || table != "transfer"), "seed \(seed), round \(round): \(kept) in \(table)")
                }
            }
            #expect(try await school.firstDifference() == nil, "seed \(seed)")
        }
    }

    @Test("a receipt of the desk taken by another form in the same moment stands beside its field, not in a fault", arguments: 1...4)
    func sameReceipt(_ round: Int) async throws {
        try await Cabinet.story(school) { cabinet in
            let accountant = try await cabinet.accountant()
            let statuses = try await withThrowingTaskGroup(of: HTTPResponse.Status.self) { group in
                for child in cabinet.school.children {
                    group.addTask {
                        try await accountant.post(
                            "/ledger/children/\(child.text)/top-ups", ["id": UUID.v7().text, "amount": "10", "receipt": "ПКО-\(round)"]
                        ).status
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.filter { $0 == .seeOther }.count == 1)
            #expect(statuses.filter { $0 == .unprocessableContent }.count == 2)
        }
    }
}

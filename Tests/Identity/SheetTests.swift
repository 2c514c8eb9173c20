import Events
import Foundation
import HTTPTypes
import Kernel
import Postgres
import Support
import Testing

@testable import Identity

@Suite("Invitation sheets", .database(School.migrations)) struct SheetTests {
    let school = School(database: TestDatabase.current.database)

    @Test("ID-06: the sheets say in the top right corner for whom the code is, and carry the address, the code and its picture")
    func sheets() async throws {
        try await school.story { browser, story in
            try await story.school.give("S2", login: "g.orlov")
            _ = try await story.signIn(browser, "g.orlov")
            let seventh = try await story.school.classID("7Б")
            let list = try await browser.get("/identity/classes/\(seventh.text)/invitations")
            #expect(list.body.contains("Зарегистрировались 0 из 5"))
            let anna = try await story.school.id("P1")
            let sheets = try await browser.post("/identity/classes/\(seventh.text)/invitations", ["only": anna.text])
            #expect(sheets.status == .ok)
            let tops = sheets.body.matches(of: /<span(?: class="sheet-school")?>([^<]+)<\/span><span class="sheet-role">([^<]+)<\/span>/)
            #expect(tops.map { String($0.output.2) } == ["ученик", "родитель", "родитель"])
            #expect(tops.allSatisfy { $0.output.1 == "Школа «Набережная»" })
            #expect(sheets.body.contains("localhost/identity/registration"))
            #expect(sheets.body.matches(of: /class="sheet-qr-ink" d="M4 4h7v1h-7z/).count == 3)
            let codes = sheets.body.matches(of: /class="sheet-number">([^<]+)</).map { String($0.output.1) }
            #expect(codes.count == 3 && codes.allSatisfy { InvitationCode($0) != nil })
            #expect(!sheets.body.contains("style="))
            // Shown once: the next look knows that there are codes, and not which.
            let again = try await browser.get("/identity/classes/\(seventh.text)/invitations")
            for code in codes { #expect(!again.body.contains(code)) }
            #expect(again.body.contains("код выдан: Орлов Глеб Ильич") && !again.body.contains("Использованные коды"))
            // Who issued a code and who came by it.
            let olga = try await story.school.id("G1")
            _ = try await story.school.database.execute("update invitation set used_at = now(), used_by = \(olga) where person_id = \(olga)")
            let used = try await browser.get("/identity/classes/\(seventh.text)/invitations").body
            let trail = try #require(used.range(of: "Использованные коды"))
            #expect(used[trail.upperBound...].contains("Ветрова Ольга Игоревна · Ветрова Анна") && used[trail.upperBound...].contains("Орлов Глеб Ильич"))
            // A class teacher has his class and no other.
            let third = try await story.school.classID("3А")
            #expect(try await browser.get("/identity/classes/\(third.text)/invitations").status == .notFound)
            #expect(try await browser.post("/identity/classes/\(third.text)/invitations").status == .notFound)
        }
    }

    @Test("AC-04: a guardian's sheet has a payment code by ГОСТ Р 56042 with the child's account once the bank is known; a pupil's has none")
    func paymentCodes() async throws {
        try await school.story { browser, story in
            let school = story.school
            let seventh = try await school.classID("7Б")
            func codes() async throws -> [IssuedInvitation] { try await school.codes("7Б") }
            #expect(try await codes().allSatisfy { $0.payment == nil })
            let schoolID = try #require(try await school.database.rows("select id from school", as: UUID.self).first)
            @Sendable func told(_ version: Int64, _ payee: String, ended: Bool = false) -> WhenBankDetailsChange {
                WhenBankDetailsChange(
                    details: BankDetailsChanged(
                        schoolID: schoolID, version: version, payee: payee, account: "40702810500000000001", bank: "ПАО Сбербанк",
                        bic: "044525225", correspondent: "30101810400000000225", inn: "7707083893", ended: ended), version: version)
            }
            // The older state comes later and changes nothing.
            for change in [told(2, "ООО «Питание»"), told(1, "ООО «Прежнее»")] {
                try await school.database.transaction { try change.react(in: $0) }
            }
            let issued = try await codes()
            #expect(issued.filter { $0.kind == .pupil }.allSatisfy { $0.payment == nil })
            let anna = try #require(issued.first { $0.kind == .guardian && $0.childNumber == "P1" }?.payment)
            let number = try #require(
                try await school.database.rows(
                    "select u.account_number from pupil u join person p on p.id = u.person_id where p.roster_number = 'P1'", as: String.self
                ).first)
            #expect(
                anna.text
                    == "ST00012|Name=ООО «Питание»|PersonalAcc=40702810500000000001|BankName=ПАО Сбербанк|BIC=044525225|CorrespAcc=30101810400000000225|Purpose=Питание, лицевой счёт \(number)|PayeeINN=7707083893|PersAcc=\(number)")
            #expect(!anna.text.contains("Ветров"))
            try await school.give("S2", login: "g.orlov")
            _ = try await story.signIn(browser, "g.orlov")
            let sheets = try await browser.post(
                "/identity/classes/\(seventh.text)/invitations", ["only": try await school.id("P1").text])
            #expect(sheets.status == .ok && sheets.body.contains("На питание, лицевой счёт") && sheets.body.contains("ООО «Питание»."))
            // One code to register for each of three, one to pay for each of two parents.
            #expect(sheets.body.matches(of: /class="sheet-qr-ink" d="M4 4h7v1h-7z/).count == 5)
            try await school.database.transaction { try told(3, "ООО «Питание»", ended: true).react(in: $0) }
            #expect(try await codes().allSatisfy { $0.payment == nil })
        }
    }
}

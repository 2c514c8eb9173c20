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

@Suite("Balances of a class", .database(LedgerService.migrations)) struct ClassBalancesTests {
    let school = SchoolOfTests()
    let ofClass = UUID.v7()
    let ofSchool = UUID.v7()
    let sevenB = UUID.v7()
    let eightA = UUID.v7()

    @Test("AC-15, D-05: a tutor watches his class, those first whose money is short, and no name; another's class is not there")
    func tutor() async throws {
        try await Cabinet.story(school) { cabinet in
            let school = cabinet.school
            @Sendable func role(_ person: UUID, _ schoolClass: UUID?) -> Told<RightsChanged> {
                Told(
                    RightsChanged(
                        personID: person, version: 1, roles: [RoleHeld(schoolID: school.school, role: .tutor, classID: schoolClass)],
                        children: [], ended: false))
            }
            @Sendable func place(_ child: UUID, _ number: Int, _ schoolClass: UUID) -> Told<PupilChanged> {
                Told(
                    PupilChanged(
                        personID: child, version: 2, schoolID: school.school, classID: schoolClass, accountNumber: "027000000\(number)",
                        pupilCode: "I44F2EUE\(number)", rosterNumber: "\(number)", ended: false))
            }
            try await school.database.transaction { tx in
                let itself = SchoolChanged(
                    schoolID: school.school, version: 1, name: "Школа № 7", timeZone: "Europe/Moscow", modules: [], contacts: [], ended: false)
                try Directory.apply([Told(itself)], in: tx)
                try Directory.apply(
                    [(sevenB, 7, "Б"), (eightA, 8, "А")].map {
                        Told(ClassChanged(classID: $0.0, schoolID: school.school, version: 1, grade: $0.1, letter: $0.2, ended: false))
                    }, in: tx)
                try Directory.apply([place(school.masha, 1, sevenB), place(school.egor, 2, sevenB), place(school.timur, 3, eightA)], in: tx)
                try Directory.apply([role(ofClass, sevenB), role(ofSchool, nil)], in: tx)
            }
            for child in [school.masha, school.egor] { try await school.topUp(child, 200) }
            try await school.decide([school.charge(school.masha, 50, .collective), school.charge(school.egor, 110, .collective)])

            let tutor = try await cabinet.reader(ofClass, sections: ["refunds"])
            #expect(try await tutor.get("/ledger/refunds").body.contains("/ledger/class-balances"))
            let page = try await tutor.get("/ledger/class-balances")
            #expect(page.status == .ok && !page.body.contains("[[") && !page.body.contains("{{"))
            #expect(page.body.contains("7\u{a0}«Б»") && page.body.contains("Денег мало у 1 ребёнка.") && page.body.contains("№ 1"))
            #expect(page.body.contains("меньше чем на обед") && page.body.contains("на 3 обеда") && page.body.contains("150,00"))
            let (short, enough) = (try #require(page.body.range(of: "0270\u{a0}000\u{a0}002")), try #require(page.body.range(of: "0270\u{a0}000\u{a0}001")))
            #expect(short.lowerBound < enough.lowerBound)
            for words in ["Маша", "Егор", "0270\u{a0}000\u{a0}003", "8\u{a0}«А»", eightA.text] { #expect(!page.body.contains(words), "\(words)") }
            #expect(try await tutor.get("/ledger/class-balances?class=\(eightA.text)").status == .notFound)

            let other = try await cabinet.reader(ofSchool, sections: ["refunds"])
            let second = try await other.get("/ledger/class-balances?class=\(eightA.text)")
            #expect(second.body.contains("8\u{a0}«А»") && second.body.contains("0270\u{a0}000\u{a0}003") && second.body.contains("нет средств"))
            let json = try await other.get("/ledger/class-balances.json?class=\(sevenB.text)")
            #expect(json.body.contains(#""balance":15000"#) && json.body.contains(#""isShort":true"#))

            for reader in [try await cabinet.mother(), try await cabinet.accountant(), try await cabinet.reader(cabinet.classTeacher)] {
                #expect(try await reader.get("/ledger/class-balances").status == .notFound)
            }
            #expect(try await !cabinet.accountant().get("/ledger/refunds").body.contains("/ledger/class-balances"))
        }
    }
}

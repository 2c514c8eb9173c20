import Events
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Kernel
import Logging
import Postgres
import Service
import Support
import Testing
import Web

@testable import Identity

@Suite("Pages of transfers", .database(School.migrations)) struct TransferPagesTests {
    let two = TwoSchools(school: School(database: TestDatabase.current.database))

    private func story(_ tell: @escaping @Sendable (any TestClientProtocol, TwoSchools) async throws -> Void) async throws {
        try await two.open()
        for (number, login) in [("G1", "olga"), ("G2", "misha"), ("G3", "irina"), ("S1", "savina"), ("X1", "gornaya"), ("X2", "lugov"), ("P1", "anna")] {
            try await two.school.give(number, login: login)
        }
        let two = two
        try await two.school.withPages { client in try await tell(client, two) }
    }

    private func browser(_ client: any TestClientProtocol, _ login: String) async throws -> Browser {
        let browser = Browser(client)
        _ = try await browser.post("/identity/sign-in", ["login": login, "password": "gz7mtk4q"])
        return browser
    }

    @Test("SC-01, SC-02: a parent asks, the receiving school takes the pupil in, everybody reads it where he looks for it")
    func journey() async throws {
        try await story { client, two in
            let child = try await two.school.id("P1")
            let target = try await two.classOfOther(7)
            let mother = try await browser(client, "olga")
            let profile = try await mother.get("/identity/profile")
            let path = "/identity/children/\(child.text)/transfer"
            #expect(profile.body.lowercased().contains(path))
            let page = try await mother.get(path)
            #expect(page.status == .ok)
            for text in ["Перевод", "Гимназия на горе", "Показать классы", "Ветрова Анна"] { #expect(page.body.contains(text), "\(text)") }
            #expect(!page.body.contains("7\u{a0}«А»"))
            let other = try #require(page.body.firstMatch(of: /<option value="([^"]+)">Гимназия на горе/)).output.1
            let classes = try await mother.get("\(path)?school=\(other)")
            #expect(classes.body.contains("7\u{a0}«А»") && classes.body.contains("8\u{a0}«А»"))
            // Bad input is answered beside the field.
            let empty = try await mother.post(path, ["school": String(other), "class": ""])
            #expect(empty.status == .unprocessableContent && empty.body.contains("Выберите класс.") && empty.body.contains("class-wrong"))
            let asked = try await mother.post(path, ["school": String(other), "class": target.text])
            #expect(asked.location == path + "?done=asked")
            let waiting = try await mother.get(asked.location ?? "")
            for text in ["Просьба передана", "ждёт принимающую школу", "Ещё ждём:", "Счёт, Карты, Диета и питание, Дневник и оценки", "Отозвать"] {
                #expect(waiting.body.contains(text), "\(text)")
            }
            let twice = try await mother.post(path, ["class": target.text])
            #expect(twice.status == .unprocessableContent && twice.body.contains("Перевод уже ждёт решения."))
            let id = try #require(try await two.said().last?.transferID)
            try await two.answer(id, .access, .ready, count: 2)
            // The sending school reads that he wants to leave, and has no say.
            let sender = try await browser(client, "savina")
            let list = try await sender.get("/identity/transfers")
            #expect(list.body.contains("Уходят из вашей школы") && list.body.contains("Ветрова Анна"))
            #expect(!list.body.contains("/identity/transfers/\(id.text)"))
            for path in ["", "/confirmation", "/refusal"] {
                let seen = path.isEmpty
                    ? try await sender.get("/identity/transfers/\(id.text)") : try await sender.post("/identity/transfers/\(id.text)\(path)", ["reason": "не пустим"])
                #expect(seen.status == .notFound, "\(path)")
            }
            let receiver = try await browser(client, "gornaya")
            let inbox = try await receiver.get("/identity/transfers")
            #expect(inbox.body.contains("Ждут вашего решения") && inbox.body.contains("/identity/transfers/\(id.text)"))
            #expect(inbox.body.contains("aria-current=\"page\">Переводы"))
            let one = try await receiver.get("/identity/transfers/\(id.text)")
            for text in ["2 карты", "готово", "ещё нет ответа", "Принять", "Причина отказа"] { #expect(one.body.contains(text), "\(text)") }
            let mute = try await receiver.post("/identity/transfers/\(id.text)/refusal", ["reason": ""])
            #expect(mute.status == .unprocessableContent && mute.body.contains("Напишите причину"))
            let taken = try await receiver.post("/identity/transfers/\(id.text)/confirmation")
            #expect(taken.location == "/identity/transfers/\(id.text)?done=confirmed")
            let late = try await receiver.post("/identity/transfers/\(id.text)/confirmation")
            #expect(late.status == .conflict && late.body.contains("уже решили"))
            #expect(try await receiver.get("/identity/people/\(child.text)").status == .ok)
            #expect(try await sender.get("/identity/people/\(child.text)").status == .notFound)
            // Canteen does not answer: it is named with the time since when, and can be asked again, though not at once.
            for partner in TransferPartner.allCases where partner != .canteen { try await two.answer(id, partner, .done, version: 2, count: 1) }
            let waits = try await receiver.get("/identity/transfers/\(id.text)")
            #expect(waits.body.contains("Ещё ждём: Диета и питание, с ") && !waits.body.contains("Спросить ещё раз"))
            #expect(try await receiver.post("/identity/transfers/\(id.text)/reminder").status == .conflict)
            try await two.school.database.execute("update transfer set asked_at = asked_at - interval '2 hours', decided_at = decided_at - interval '2 hours'")
            #expect(try await receiver.get("/identity/transfers/\(id.text)").body.contains("Спросить ещё раз"))
            #expect(try await sender.post("/identity/transfers/\(id.text)/reminder").status == .notFound)
            let reminded = try await receiver.post("/identity/transfers/\(id.text)/reminder")
            #expect(reminded.location == "/identity/transfers/\(id.text)?done=reminded")
            #expect(try await receiver.get(reminded.location ?? "").body.contains("спросили ещё раз"))
            #expect(try await two.said().map(\.version) == [1, 2, 3])
            // The family may go on meanwhile: its child's place is settled.
            #expect(try await mother.get(path).body.contains("В другой класс или школу"))
            try await two.answer(id, .canteen, .done, version: 3, count: 1)
            let done = try await mother.get(path)
            for text in ["7\u{a0}«А», Гимназия на горе", "завершён", "перешло", "Раньше"] { #expect(done.body.contains(text), "\(text)") }
            let json = try await mother.get(path + ".json", accept: "application/json")
            #expect(json.body.contains("\"state\":\"done\""))
        }
    }

    @Test("SC-01: another family, the pupil and staff without the right find nothing; the other parent finds what the first one does")
    func strangers() async throws {
        try await story { client, two in
            let child = try await two.school.id("P1")
            let id = try await two.ask("P1", to: try await two.classOfOther(7), by: "G1")
            let path = "/identity/children/\(child.text)/transfer"
            for login in ["irina", "anna", "savina", "gornaya"] {
                let stranger = try await browser(client, login)
                #expect(try await stranger.get(path).status == .notFound, "\(login)")
                #expect(try await stranger.post(path, ["class": UUID.v7().text]).status == .notFound, "\(login)")
                #expect(try await stranger.post(path + "/withdrawal").status == .notFound, "\(login)")
            }
            for login in ["olga", "misha", "anna", "lugov"] {
                let stranger = try await browser(client, login)
                #expect(try await stranger.get("/identity/transfers").status == .notFound, "\(login)")
                for path in ["confirmation", "refusal"] {
                    #expect(try await stranger.post("/identity/transfers/\(id.text)/\(path)", ["reason": "нет-нет"]).status == .notFound, "\(login)")
                }
            }
            #expect(try await two.record(id)?.state == .asked)
            let father = try await browser(client, "misha")
            #expect(try await father.get(path).body.contains("Отозвать просьбу"))
            let mother = try await browser(client, "olga")
            #expect(try await mother.post(path + "/withdrawal").location == path + "?done=withdrawn")
            #expect(try await mother.post(path + "/withdrawal").status == .conflict)
            let refused = try await two.ask("P1", to: try await two.classOfOther(8), by: "G1")
            let receiver = try await browser(client, "gornaya")
            _ = try await receiver.post("/identity/transfers/\(refused.text)/refusal", ["reason": "В классе <нет> мест"])
            let page = try await mother.get(path)
            #expect(page.body.contains("В классе &lt;нет&gt; мест"))
        }
    }
}

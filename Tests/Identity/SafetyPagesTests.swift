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

/// The second step, roles, the log, consents, export and deletion, as somebody meets them on pages.
@Suite("Pages of safety and administration", .database(School.migrations)) struct SafetyPagesTests {
    let school = School(database: TestDatabase.current.database)

    private func story(_ tell: @escaping @Sendable (Browser, School) async throws -> Void) async throws {
        try await school.open()
        let school = school
        try await school.withPages { client in try await tell(Browser(client), school) }
    }

    private func signIn(_ browser: Browser, _ login: String, _ password: String = "gz7mtk4q") async throws -> Browser.Seen {
        try await browser.post("/identity/sign-in", ["login": login, "password": password])
    }

    /// What an application would do with the page.
    private func code(_ body: String, later: TimeInterval = 0) throws -> String {
        let secret = try #require(body.firstMatch(of: /secret=([A-Z2-7]{32})/)).output.1
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
        var (bytes, buffer, bits) = ([UInt8](), UInt32(0), 0)
        for sign in secret {
            buffer = buffer << 5 | UInt32(try #require(alphabet.firstIndex(of: sign)))
            bits += 5
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(buffer >> UInt32(bits) & 255))
            }
        }
        return TimeCode(secret: bytes).code(step: TimeCode.step(at: Date().addingTimeInterval(later)))
    }

    private func codes(_ body: String) -> [String] {
        body.matches(of: /class="code-shown">([2-9A-Z]{5}-[2-9A-Z]{5})</).map { String($0.output.1) }
    }

    @Test("The second step is set up in the profile by picture and code, and asked for at the next sign-in")
    func secondStep() async throws {
        try await story { browser, school in
            try await school.give("G1", login: "olga")
            _ = try await signIn(browser, "olga")
            #expect(try await browser.get("/identity/profile").body.contains("Второй шаг входа"))
            let wrong = try await browser.post("/identity/profile/second-factor", ["password": "wrongpass"])
            #expect(wrong.status == .unprocessableContent && wrong.body.contains("begin-password-wrong"))
            let begun = try await browser.post("/identity/profile/second-factor", ["password": "gz7mtk4q"])
            let page = try await browser.get(begun.location ?? "")
            #expect(page.body.contains("otpauth://totp/Zvonok%20localhost:olga") && page.body.contains("sheet-qr-ink"))
            #expect(!page.body.contains("[[") && !page.body.contains("style="))
            let refused = try await browser.post("/identity/profile/second-factor/confirmation", ["code": "000000"])
            #expect(refused.status == .unprocessableContent && refused.body.contains("code-wrong"))
            let done = try await browser.post("/identity/profile/second-factor/confirmation", ["code": try code(page.body)])
            let sheet = codes(done.body)
            #expect(done.status == .ok && sheet.count == 10)
            let after = try await browser.get("/identity/profile/second-factor")
            #expect(after.body.contains("Осталось 10 запасных кодов.") && !after.body.contains("otpauth"))
            for code in sheet { #expect(!after.body.contains(code)) }

            let other = Browser(await browser.sameClient)
            let step = try await signIn(other, "olga")
            #expect(step.status == .ok && step.body.contains("Код из приложения"))
            #expect(await other.cookies.isEmpty)
            let ticket = String(try #require(step.body.firstMatch(of: /name="ticket" value="([^"]+)"/)).output.1)
            let bad = try await other.post("/identity/sign-in/second-step", ["ticket": ticket, "code": "11111"])
            #expect(bad.status == .unprocessableContent && bad.body.contains("Код не подошёл"))
            let good = try await other.post("/identity/sign-in/second-step", ["ticket": ticket, "code": sheet[0].lowercased(), "to": "/identity/profile"])
            #expect(good.location == "/identity/profile")
            #expect(try await other.get("/identity/profile/second-factor").body.contains("Осталось 9 запасных кодов."))
            let late = try await other.post("/identity/sign-in/second-step", ["ticket": ticket, "code": sheet[1]])
            #expect(late.location == "/identity/sign-in?why=step")
            let off = try await browser.post("/identity/profile/second-factor/end", ["password": "gz7mtk4q"])
            #expect(off.location == "/identity/profile/second-factor?done=off")
            #expect(try await signIn(Browser(await browser.sameClient), "olga").status == .seeOther)
        }
    }

    @Test("SC-06: a cashier whose school wants it is led to the second step first, comes in with it, and the curator can reset it")
    func required() async throws {
        try await story { browser, school in
            for (number, login) in [("S1", "curator"), ("S3", "cashier"), ("S4", "operator")] { try await school.give(number, login: login) }
            let administrator = Browser(await browser.sameClient)
            _ = try await signIn(administrator, "curator")
            let id = try #require(try await school.database.read { try $0.first("select id from school", as: UUID.self) })
            let rules = try await administrator.get("/identity/schools/\(id.text)/rules")
            #expect(rules.status == .ok && rules.body.contains("Настроить придётся 3 людям."))
            let saved = try await administrator.post("/identity/schools/\(id.text)/rules", ["second_factor": "yes", "password_signs": "no"])
            #expect(saved.status == .seeOther)
            let led = try await signIn(browser, "cashier")
            #expect(led.body.contains("Школа требует его от всех"))
            #expect(await browser.cookies.isEmpty)
            #expect(try await browser.get("/identity/profile", accept: "application/json").status == .unauthorized)
            let ticket = String(try #require(led.body.firstMatch(of: /name="ticket" value="([^"]+)"/)).output.1)
            let bad = try await browser.post("/identity/sign-in/set-up", ["ticket": ticket, "code": "000000"])
            // The same secret once more: the application has it already.
            #expect(bad.status == .unprocessableContent)
            #expect(try code(bad.body) == code(led.body))
            let done = try await browser.post("/identity/sign-in/set-up", ["ticket": ticket, "code": try code(led.body)])
            #expect(codes(done.body).count == 10 && done.body.contains("href=\"/canteen/till\""))
            #expect(try await browser.get("/identity/profile").status == .ok)
            // The curator himself is led there at his next renewal.
            #expect(try await administrator.post("/identity/session/renewal").status == .unauthorized)
        }
    }

    @Test("SC-06: roles are given and taken on a page, with errors beside their fields; the log shows it; strangers find neither")
    func roles() async throws {
        try await story { browser, school in
            for (number, login) in [("S1", "curator"), ("S3", "cashier"), ("G1", "olga")] { try await school.give(number, login: login) }
            _ = try await signIn(browser, "curator")
            let vera = try await school.id("S3")
            let id = try #require(try await school.database.read { try $0.first("select id from school", as: UUID.self) })
            let staff = try await browser.get("/identity/staff")
            for text in ["Зуева Вера Львовна", "кассир", "Журнал изменений", "физика", "Дать роль по номеру"] {
                #expect(staff.body.lowercased().contains(text.lowercased()), "\(text)")
            }
            let page = try await browser.get("/identity/people/\(vera.text)/roles")
            #expect(page.status == .ok && page.body.contains("из списков школы") && !page.body.contains("value=\"operator\""))
            let wrong = try await browser.post("/identity/people/\(vera.text)/roles", ["school": id.text, "role": "classTeacher", "class": ""])
            #expect(wrong.status == .unprocessableContent && wrong.body.contains("class-wrong"))
            let above = try await browser.post("/identity/people/\(vera.text)/roles", ["school": id.text, "role": "operator"])
            #expect(above.status == .unprocessableContent && above.body.contains("выше вашей"))
            let given = try await browser.post("/identity/people/\(vera.text)/roles", ["school": id.text, "role": "kitchen"])
            #expect(given.status == .seeOther)
            let after = try await browser.get("/identity/people/\(vera.text)/roles")
            #expect(after.body.contains("дана на этой странице"))
            let unknown = try await browser.post("/identity/schools/\(id.text)/appointment", ["number": "нет", "role": "nurse"])
            #expect(unknown.status == .unprocessableContent && unknown.body.contains("Такого номера ни у кого нет"))
            let parent = try await browser.post("/identity/schools/\(id.text)/appointment", ["number": "g1", "role": "nurse"])
            #expect(parent.status == .seeOther)
            let log = try await browser.get("/identity/audit?person=\(vera.text)")
            #expect(log.body.contains("Дана роль") && log.body.contains("роль: кухня") && log.body.contains("Савина Инна Петровна"))
            let json = try await browser.get("/identity/audit?q=%D0%B7%D1%83%D0%B5%D0%B2%D0%B0", accept: "application/json")
            #expect(json.body.contains("\"action\":\"role-given\""))
            #expect(try await browser.get("/identity/audit?from=gestern").body.contains("Такой даты нет."))
            #expect(try await browser.get("/identity/audit?from=2026-02-02&to=2026-02-01").body.contains("Конец раньше начала."))
            #expect(try await browser.get("/identity/guesses").body.contains("Никто не подбирает пароли"))
            let held = try #require(after.body.firstMatch(of: /identity\/roles\/([0-9a-f-]{36})\/end/)).output.1
            #expect(try await browser.post("/identity/roles/\(held)/end").status == .seeOther)
            let stranger = Browser(await browser.sameClient)
            _ = try await signIn(stranger, "cashier")
            for path in ["/identity/staff", "/identity/audit", "/identity/guesses", "/identity/people/\(vera.text)/roles", "/identity/schools/\(id.text)/rules", "/identity/consent-texts"] {
                #expect(try await stranger.get(path).status == .notFound, "\(path)")
            }
            #expect(try await stranger.post("/identity/roles/\(held)/end").status == .notFound)
        }
    }

    @Test("ID-38: «получено» and «изменить»: consents of oneself and of the child, worded by the school, seen by the class teacher")
    func consents() async throws {
        try await story { browser, school in
            for (number, login) in [("G1", "olga"), ("G2", "misha"), ("G3", "irina"), ("P1", "anna"), ("S1", "curator"), ("S2", "teacher")] {
                try await school.give(number, login: login)
            }
            let anna = try await school.id("P1")
            _ = try await signIn(browser, "olga")
            let own = try await browser.get("/identity/profile/consents")
            let action = String(try #require(own.body.firstMatch(of: /action="(\/identity\/profile\/consents\/[0-9a-f-]{36})"/)).output.1)
            #expect(try await browser.post(action, [:]).status == .unprocessableContent)
            #expect(try await browser.post(action, ["given": "yes"]).status == .seeOther)
            let profile = try await browser.get("/identity/profile")
            #expect(profile.body.contains("получено") && profile.body.contains("Изменить"))
            let child = try await browser.get("/identity/children/\(anna.text)/consents")
            #expect(child.body.contains("Фото и видео") && child.body.contains("Ветрова Анна Михайловна"))
            for match in child.body.matches(of: /action="(\/identity\/children\/[0-9a-f-]{36}\/consents\/[0-9a-f-]{36})"/) {
                #expect(try await browser.post(String(match.output.1), ["given": "yes"]).status == .seeOther)
            }
            #expect(try await browser.post("/identity/children/\(anna.text)/consents/\(UUID().text)", ["given": "yes"]).status == .conflict)
            #expect(try await browser.get("/identity/consent-texts/00000000-0000-7000-8000-000000000c02").body.contains("фото- и видеосъёмку"))
            // The other parent decides as well, and whose the decision was is read; neither the child does, nor a stranger.
            let father = Browser(await browser.sameClient)
            _ = try await signIn(father, "misha")
            let photos = "/identity/children/\(anna.text)/consents/00000000-0000-7000-8000-000000000c02"
            #expect(try await father.post(photos, ["given": "no"]).status == .seeOther)
            let withdrawn = try await browser.get("/identity/children/\(anna.text)/consents")
            #expect(withdrawn.body.contains("отозвано") && withdrawn.body.contains("решение: М.\u{a0}Ветров"))
            #expect(try await father.post(photos, ["given": "yes"]).status == .seeOther)
            for login in ["irina", "anna"] {
                let other = Browser(await browser.sameClient)
                _ = try await signIn(other, login)
                #expect(try await other.get("/identity/children/\(anna.text)/consents").status == .notFound, "\(login)")
            }
            let pupil = Browser(await browser.sameClient)
            _ = try await signIn(pupil, "anna")
            let reads = try await pupil.get("/identity/profile/consents")
            #expect(reads.body.contains("решает ваш родитель") && !reads.body.contains("name=\"given\""))
            #expect(try await pupil.post("/identity/profile/consents/00000000-0000-7000-8000-000000000c02", ["given": "yes"]).status == .notFound)
            let teacher = Browser(await browser.sameClient)
            _ = try await signIn(teacher, "teacher")
            let seventh = try await school.classID("7Б")
            let list = try await teacher.get("/identity/classes/\(seventh.text)/consents")
            #expect(list.body.contains("Ветрова Анна") && list.body.contains("получено") && list.body.contains("не дано"))
            // His own class alone, in the navigation of whoever may read it; the curator finds all of the school's there.
            let third = try await school.classID("3А")
            let mine = try await teacher.get("/identity/consents")
            #expect(mine.body.contains("/identity/classes/\(seventh.text)/consents") && mine.body.contains("1 из 2") && !mine.body.contains(third.text))
            #expect(list.body.contains("href=\"/identity/consents\""))
            let curator = Browser(await browser.sameClient)
            _ = try await signIn(curator, "curator")
            let all = try await curator.get("/identity/consents")
            #expect(all.body.contains("/identity/classes/\(seventh.text)/consents") && all.body.contains("/identity/classes/\(third.text)/consents") && all.body.contains("0 из 1"))
            #expect(try await browser.get("/identity/consents").status == .notFound)
            let id = try #require(try await school.database.read { try $0.first("select id from school", as: UUID.self) })
            let empty = try await curator.post("/identity/consent-texts", ["school": id.text, "purpose": "photos", "title": "", "text": ""])
            #expect(empty.status == .unprocessableContent && empty.body.contains("title-wrong") && empty.body.contains("text-wrong"))
            // The whole installation is the operator's.
            #expect(try await curator.post("/identity/consent-texts", ["school": "all", "purpose": "photos", "title": "А", "text": "Б"]).status == .unprocessableContent)
            #expect(try await curator.post("/identity/consent-texts", ["school": id.text, "purpose": "photos", "title": "Съёмка", "text": "Наши слова"]).status == .seeOther)
            #expect(try await browser.get("/identity/children/\(anna.text)/consents").body.contains("не дано"))
            let card = try await curator.get("/identity/people/\(anna.text)")
            #expect(card.body.contains("Сведения о здоровье") && card.body.contains("получено"))
        }
    }

    @Test("What is kept is read and taken along; deletion is asked for with the password and cancelled; a pupil's waits till he has left")
    func keptAndDeleted() async throws {
        try await story { browser, school in
            for (number, login) in [("G1", "olga"), ("G2", "misha"), ("P1", "anna"), ("S3", "cashier")] { try await school.give(number, login: login) }
            let anna = try await school.id("P1")
            _ = try await signIn(browser, "olga")
            let page = try await browser.get("/identity/profile/export")
            for text in ["Ветрова", "olga", "Firefox Linux", "Сеансы", "Что хранят другие разделы"] { #expect(page.body.contains(text), "\(text)") }
            #expect(!page.body.contains("[["))
            let json = try await browser.get("/identity/profile/export.json")
            #expect(json.body.contains("\"table\":\"person\"") && !json.body.contains("argon2"))
            let child = try await browser.get("/identity/children/\(anna.text)/export")
            #expect(child.body.contains("Ветров Михаил") && !child.body.contains("misha@example.org"))
            let other = Browser(await browser.sameClient)
            _ = try await signIn(other, "misha")
            #expect(try await other.get("/identity/children/\(anna.text)/export").body.contains("Ветрова Ольга"))
            let stranger = Browser(await browser.sameClient)
            try await school.give("G3", login: "irina")
            _ = try await signIn(stranger, "irina")
            #expect(try await stranger.get("/identity/children/\(anna.text)/export").status == .notFound)
            let wrong = try await browser.post("/identity/profile/deletion", ["password": "wrongpass"])
            #expect(wrong.status == .unprocessableContent && wrong.body.contains("password-wrong"))
            #expect(try await browser.post("/identity/profile/deletion", ["password": "gz7mtk4q"]).location == "/identity/profile/deletion")
            let asked = try await browser.get("/identity/profile/deletion")
            #expect(asked.body.contains("Отменить удаление") && asked.body.contains("Пётр"))
            #expect(try await browser.post("/identity/profile/deletion/end").status == .seeOther)
            #expect(try await browser.get("/identity/profile/deletion").body.contains("Запросить удаление"))
            let learning = try await browser.post("/identity/children/\(anna.text)/deletion", ["password": "gz7mtk4q"])
            #expect(learning.status == .conflict && learning.body.contains("Пока ученик учится здесь"))
            let worker = Browser(await browser.sameClient)
            _ = try await signIn(worker, "cashier")
            #expect(try await worker.get("/identity/profile/deletion").body.contains("Пока вы работаете в школе"))
        }
    }

    @Test("«Выйти везде» ends every session by the event and forgets every browser")
    func everywhere() async throws {
        try await story { browser, school in
            try await school.give("G1", login: "olga")
            _ = try await signIn(browser, "olga")
            let phone = Browser(await browser.sameClient)
            _ = try await signIn(phone, "olga")
            let profile = try await browser.get("/identity/profile")
            #expect(profile.body.contains("Выйти везде") && profile.body.contains("Firefox, Linux") && profile.body.contains("вход сегодня"))
            try await school.forget()
            let out = try await browser.post("/identity/profile/sessions/end-all")
            #expect(out.location == "/identity/sign-in?why=out")
            for each in [browser, phone] { #expect(try await each.get("/identity/profile", accept: "application/json").status == .unauthorized) }
            #expect(try await school.said("identity.session.ended.v1") == 2)
            let devices = try await school.database.read { try $0.rows("select person_id from device", as: UUID.self) }
            #expect(devices.isEmpty)
        }
    }

    @Test("A session that is ended from the profile takes its browser with it: it is asked anew like a stranger's")
    func oneSession() async throws {
        try await story { browser, school in
            try await school.give("G1", login: "olga")
            _ = try await signIn(browser, "olga")
            let phone = Browser(await browser.sameClient)
            _ = try await signIn(phone, "olga")
            let body = try await browser.get("/identity/profile").body
            let end = String(try #require(body.firstMatch(of: /action="(\/identity\/profile\/sessions\/[0-9A-Fa-f-]{36}\/end)"/)).output.1)
            #expect(try await browser.post(end).status == .seeOther)
            #expect(try await phone.get("/identity/profile", accept: "application/json").status == .unauthorized)
            #expect(try await browser.get("/identity/profile").status == .ok)
            let devices = try await school.database.read { try $0.rows("select person_id from device", as: UUID.self) }
            #expect(devices.count == 1)
        }
    }
}

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

/// The pages of paid services, over the real routes.
@Suite("Pages of paid services", .database(LedgerService.migrations)) struct ServicePagesTests {
    let school = SchoolOfTests()
    let deputy = UUID.v7()
    let teacher = UUID.v7()
    let friend = UUID.v7()
    let sevenB = UUID.v7()

    private static func isWhole(_ seen: Reader.Seen) {
        #expect(seen.status == .ok)
        #expect(!seen.body.contains("[["))
        #expect(!seen.body.contains("{{"))
        #expect(!seen.body.contains(" style="))
    }

    private func story(_ tell: @escaping @Sendable (Cabinet) async throws -> Void) async throws {
        try await Cabinet.story(school) { [deputy, teacher, friend, sevenB] cabinet in
            let school = cabinet.school
            func role(_ person: UUID, _ role: Role) -> Told<RightsChanged> {
                Told(
                    RightsChanged(
                        personID: person, version: 1, roles: [RoleHeld(schoolID: school.school, role: role, classID: nil)], children: [],
                        ended: false))
            }
            let rights = [
                role(deputy, .deputyHead), role(teacher, .subjectTeacher),
                Told(
                    RightsChanged(
                        personID: friend, version: 1, roles: [],
                        children: [Guardianship(childID: school.masha, topics: [.money], isPrimary: false, until: nil)], ended: false)),
            ]
            let itself = SchoolChanged(
                schoolID: school.school, version: 1, name: "Школа № 7", timeZone: "Europe/Moscow", modules: [], contacts: [], ended: false)
            let pupils = [school.masha, school.egor].enumerated().map { place, child in
                Told(
                    PupilChanged(
                        personID: child, version: 2, schoolID: school.school, classID: sevenB, accountNumber: "027000000\(place + 1)",
                        pupilCode: "I44F2EUE\(place + 1)", rosterNumber: "\(place + 1)", ended: false))
            }
            try await school.database.transaction { tx in
                try Directory.apply([Told(itself)], in: tx)
                try Directory.apply([Told(ClassChanged(classID: sevenB, schoolID: school.school, version: 1, grade: 7, letter: "Б", ended: false))], in: tx)
                try Directory.apply(pupils, in: tx)
                try Directory.apply(rights, in: tx)
            }
            try await tell(cabinet)
        }
    }

    /// Enters a service through the form; returns its address in the catalogue and its id.
    private static func enter(_ staff: Reader, _ school: UUID, _ fields: [String: String]) async throws -> (path: String, id: String) {
        let form = ["title": "Робототехника", "provider": "Школа № 7", "rhythm": "month", "price": "3000", "from": "2026-09-01"].merging(fields) { $1 }
        let seen = try await staff.post("/ledger/schools/\(school.text)/services", form)
        #expect(seen.status == .seeOther, "\(seen.body)")
        let path = try #require(seen.location)
        return (path, String(path.split(separator: "/").last ?? ""))
    }

    @Test("ID-35: the deputy keeps the catalogue; what is wrong stands beside its field; a new price is announced to the families")
    func catalogue() async throws {
        try await story { [deputy] cabinet in
            let school = cabinet.school
            let staff = try await cabinet.reader(deputy, sections: ["catalogue"])
            Self.isWhole(try await staff.get("/ledger/catalogue"))
            let path = "/ledger/schools/\(school.school.text)/services"
            let wrong = try await staff.post(path, ["title": "", "price": "много", "from": "2026-13-01", "audience": "99", "places": "ноль", "until": "завтра", "rhythm": "never"])
            #expect(wrong.status == .unprocessableContent)
            for words in ["Заполните", "Напишите сумму больше нуля", "Укажите день", "Напишите параллели", "Напишите число больше нуля", "Выберите, как оплачивается"] {
                #expect(wrong.body.contains(words), "\(words)")
            }
            #expect(wrong.body.contains("value=\"много\""))
            let (page, id) = try await Self.enter(staff, school.school, ["audience": "5–8", "places": "15", "provider": "ИП Кузнецов", "id": UUID.v7().text])
            let entered = try await staff.get(page)
            Self.isWhole(entered)
            #expect(entered.body.contains("ИП Кузнецов") && entered.body.contains("5–8") && entered.body.contains("занято мест: 0 из 15"))
            #expect(try await staff.post("\(page)/price", ["price": "3300"]).status == .seeOther)
            #expect(try await staff.get("/ledger/catalogue").body.contains("С 1\u{a0}декабря"))
            #expect(try await staff.post("\(page)/terms", ["about": "Собираем роботов", "audience": "7Б", "places": "10"]).status == .seeOther)
            #expect(try await staff.get(page).body.contains("7\u{a0}«Б»"))
            let mother = try await cabinet.mother()
            let offered = try await mother.get("/ledger/children/\(school.masha.text)/services/\(id)")
            Self.isWhole(offered)
            #expect(offered.body.contains("3300") && offered.body.contains("осталось 10 мест") && offered.body.contains("Собираем роботов"))
            #expect(try await staff.post("\(page)/end", [:]).status == .seeOther)
            #expect(try await mother.get("/ledger/services").body.contains("Робототехника") == false)
            let json = try await staff.get("/ledger/catalogue", accept: "application/json")
            #expect(json.body.contains("\"price\":300000") && json.body.contains("\"isClosed\":true"))
            // The accountant keeps it too; a teacher does not.
            #expect(try await cabinet.accountant().get("/ledger/catalogue").status == .ok)
        }
    }

    @Test("ID-35: a guardian reads what is charged before subscribing, subscribes, sees it in the statement, and reads what is owed before leaving")
    func family() async throws {
        try await story { [deputy] cabinet in
            let school = cabinet.school
            try await school.topUp(school.masha, 2_000)
            let staff = try await cabinet.reader(deputy)
            let (_, id) = try await Self.enter(staff, school.school, ["audience": "7"])
            let mother = try await cabinet.mother()
            let all = try await mother.get("/ledger/services")
            Self.isWhole(all)
            #expect(all.body.contains("Маша") && all.body.contains("Егор") && all.body.contains("3000 ₽ в месяц".replacing(" ₽", with: "\u{a0}₽")))
            let path = "/ledger/children/\(school.masha.text)/services/\(id)"
            let page = try await mother.get(path)
            Self.isWhole(page)
            #expect(page.body.contains("Сейчас спишется 1100") && page.body.contains("по 30\u{a0}ноября") && page.body.contains("и так каждый месяц"))
            #expect(try await mother.post("\(path)/subscription", ["agreed": "1"]).body.contains("а не столько, сколько было сказано"))
            let subscription = UUID.v7()
            for _ in 1...2 {
                #expect(try await mother.post("\(path)/subscription", ["id": subscription.text, "agreed": "1100"]).status == .seeOther)
            }
            let after = try await mother.get(path)
            Self.isWhole(after)
            #expect(after.body.contains("оплачено по 30\u{a0}ноября") && after.body.contains("остаётся по 30\u{a0}ноября") && after.body.contains("Отключить услугу"))
            #expect(after.body.contains("3000\u{a0}₽ спишется 1\u{a0}декабря"))
            let statement = try await mother.get("/ledger/children/\(school.masha.text)/statement?kind=services")
            Self.isWhole(statement)
            #expect(statement.body.contains("Робототехника, ноябрь 2026") && statement.body.contains("платная услуга; вы") && statement.body.contains("m-service"))
            let child = try await mother.get("/ledger/children/\(school.masha.text)/services")
            Self.isWhole(child)
            #expect(child.body.contains("Робототехника, ноябрь 2026") && child.body.contains("/refund"))
            // Not enough for the brother: nothing happens to him.
            let poor = "/ledger/children/\(school.egor.text)/services/\(id)"
            #expect(try await mother.get(poor).body.contains("Сначала пополните счёт"))
            let refused = try await mother.post("\(poor)/subscription", [:])
            #expect(refused.status == .unprocessableContent && refused.body.contains("Ничего не списано"))
            #expect(try await mother.post("\(path)/subscriptions/\(subscription.text)/end", [:]).status == .seeOther)
            #expect(try await mother.get(path).body.contains("больше ничего не спишется"))
            let json = try await mother.get("/ledger/children/\(school.masha.text)/services", accept: "application/json")
            #expect(json.body.contains("\"amount\":110000"))
            #expect(try await school.account(school.masha)?.balance == .roubles(900))
            #expect(try await school.firstDifference() == nil)
        }
    }

    @Test("ID-35, ID-30, BY-10: a pupil has no services, a second adult sees and does not subscribe, a stranger finds nothing")
    func who() async throws {
        try await story { [deputy, friend] cabinet in
            let school = cabinet.school
            try await school.topUp(school.masha, 2_000)
            let (page, id) = try await Self.enter(try await cabinet.reader(deputy), school.school, [:])
            let path = "/ledger/children/\(school.masha.text)/services/\(id)"
            let pupil = try await cabinet.reader(school.masha, isPupil: true)
            for one in ["/ledger/services", path, "/ledger/children/\(school.masha.text)/services"] {
                #expect(try await pupil.get(one).status == .notFound, "\(one)")
            }
            let second = try await cabinet.reader(friend, kids: [.init(id: school.masha, name: "Маша", accent: "sea")])
            let seen = try await second.get(path)
            Self.isWhole(seen)
            #expect(seen.body.contains("только тот родитель") && !seen.body.contains("Подключить услугу"))
            #expect(try await second.post("\(path)/subscription", [:]).status == .notFound)
            #expect(try await second.get("/ledger/children/\(school.masha.text)/limit").status == .notFound)
            let stranger = try await cabinet.reader(cabinet.otherMother, kids: [.init(id: school.timur, name: "Тимур", accent: "moss")])
            #expect(try await stranger.get(path).status == .notFound)
            #expect(try await stranger.post("\(path)/subscription", [:]).status == .notFound)
            #expect(try await stranger.get(page).status == .notFound)
            let elsewhere = try await cabinet.reader(cabinet.otherAccountant)
            #expect(try await elsewhere.get(page).status == .notFound)
            #expect(try await elsewhere.post("\(page)/price", ["price": "1"]).status == .notFound)
            // What is offered to others is not there for him.
            let (_, first) = try await Self.enter(try await cabinet.reader(deputy), school.school, ["audience": "1"])
            #expect(try await cabinet.mother().get("/ledger/children/\(school.masha.text)/services/\(first)").status == .notFound)
            #expect(try await school.account(school.masha)?.balance == .roubles(2_000))
        }
    }

    @Test("AC-13, SC-07, D-02: a teacher ticks who was there; each is charged by himself, by account number; who had no money is shown")
    func lesson() async throws {
        try await story { [deputy, teacher, sevenB] cabinet in
            let school = cabinet.school
            try await school.topUp(school.masha, 1_000)
            let (page, id) = try await Self.enter(
                try await cabinet.reader(deputy), school.school, ["title": "Английский", "rhythm": "visit", "price": "300"])
            let mother = try await cabinet.mother()
            for child in [school.masha, school.egor] {
                let path = "/ledger/children/\(child.text)/services/\(id)"
                #expect(try await mother.get(path).body.contains("Сейчас ничего не спишется"))
                #expect(try await mother.post("\(path)/subscription", [:]).status == .seeOther)
            }
            let staff = try await cabinet.reader(teacher, sections: ["class-services"])
            let lessons = try await staff.get("/ledger/class-services")
            Self.isWhole(lessons)
            #expect(lessons.body.contains("7\u{a0}«Б» · 2"))
            let path = "/ledger/classes/\(sevenB.text)/services/\(id)"
            let list = try await staff.get(path)
            Self.isWhole(list)
            #expect(list.body.contains("I44F2EUE1") && !list.body.contains("Маша"))
            #expect(try await staff.post(path, ["day": "2026-11-20"]).body.contains("Отметьте детей, которые были."))
            #expect(try await staff.post(path, ["day": "2026-11-21", "child": school.masha.text]).body.contains("Занятие отмечают в его день"))
            // A child of another class, whatever the form says.
            #expect(try await staff.post(path, ["day": "2026-11-20", "child": school.timur.text]).status == .unprocessableContent)
            for child in [school.masha, school.egor, school.masha] {
                #expect(try await staff.post(path, ["day": "2026-11-20", "child": child.text]).status == .seeOther)
            }
            let done = try await staff.get("\(path)?day=2026-11-20")
            Self.isWhole(done)
            #expect(done.body.contains("списано: 1, нет средств: 1, не отмечено: 0"))
            #expect(try await school.account(school.masha)?.balance == .roubles(700))
            let poor = try await mother.get("/ledger/children/\(school.egor.text)/statement?kind=refused")
            #expect(poor.body.contains("Английский, 20\u{a0}ноября") && poor.body.contains("не хватило денег"))
            #expect(try await mother.get("/ledger/children/\(school.egor.text)/services").body.contains("отказ: не хватает денег"))
            Self.isWhole(try await cabinet.accountant().get("/ledger/settlement"))
            #expect(try await cabinet.accountant().get("/ledger/settlement").body.contains("Платные услуги: Школа № 7"))
            #expect(try await cabinet.reader(deputy).get(page).body.contains("нет средств"))
            let classTeacher = try await cabinet.reader(cabinet.classTeacher)
            #expect(try await classTeacher.get(path).status == .notFound)
            #expect(try await school.firstDifference() == nil)
        }
    }
}

import Events
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Kernel
import Messaging
import Postgres
import Service
import Support
import Testing

@testable import Notifier
@testable import Web

@Suite("Notices and home", .database(NotifierService.migrations)) struct NoticeTests {
    let school = SchoolOfTests()

    @Test("the newest version of a mark stands, in whatever order and however often it comes", arguments: 0..<6)
    func newerWins(seed: Int) async throws {
        try await school.open()
        let id = UUID.v7()
        let orders: [[Int64]] = [[1, 2, 3], [3, 2, 1], [2, 3, 1], [3, 3, 3], [1, 3, 3, 2], [2, 1, 3, 1]]
        for version in orders[seed] { try await school.tell(school.mark("\(version + 2)", version: version, id: id)) }
        let notices = try await school.notices()
        #expect(notices.count == 1 && notices[0].facts.value == "5")
    }

    @Test("what is said again fills the table and is news to nobody") func republished() async throws {
        try await school.open()
        let child = school.masha
        try await school.tell(school.mark("5"), isRepublished: true)
        let changed = try await school.database.read { try Notice.changes(of: [child], after: Date(timeIntervalSinceNow: -60), upTo: .distantFuture, in: $0) }
        #expect(try await school.notices().count == 1 && changed.isEmpty)
    }

    @Test("BY-05, AC-06: what the parents have banned is told to them when it was refused, by name, and never to the pupil") func banned() async throws {
        try await school.open()
        let refused = SaleRefused(
            saleID: .v7(), personID: school.masha, schoolID: school.school, amount: Money(kopecks: 6_400), reason: .banned,
            items: [SoldItem(name: "Шоколад", quantity: 1, price: Money(kopecks: 6_400), parts: [])], tillName: "Касса 1", at: school.at(10),
            day: school.day, banned: [BannedGood(item: .v7(), name: "Шоколад", group: "сладости"), BannedGood(item: .v7(), name: "Кола")])
        try await school.database.transaction { tx in
            try NotifierHearings.tell([Received(refused)], in: tx) { WhenSomethingHappens.notice(of: $0.event, version: $0.version) }
        }
        let school = school
        try await school.withClient { client in
            let (_, parents) = try await school.get(client, "/notifier/home", school.mother)
            #expect(parents.contains("Касса отказала: родители запретили Шоколад, Кола"))
            let (_, own) = try await school.get(client, "/notifier/home", school.masha)
            #expect(!own.contains("Шоколад"))
        }
    }

    @Test("the home page shows both children, the account and the day; its JSON says the same") func home() async throws {
        try await school.open()
        try await school.enter()
        try await school.tell(school.mark("5"))
        try await school.remark("Разговаривает на уроке")
        let school = school
        try await school.withClient { client in
            let (status, page) = try await school.get(client, "/notifier/home", school.mother)
            #expect(status == .ok)
            for text in ["Пятница, 20", "Вторая четверть, 3-я неделя", "Маша", "Егор", "412", "Вошла, главный вход", "Разговаривает", "dl-now", "в школе с 8:09", "data-live"] {
                #expect(page.contains(text), "\(text)")
            }
            #expect(!page.contains("[[") && !page.contains("style="))
            let (_, json) = try await school.get(client, "/notifier/home", school.mother, accept: "application/json")
            #expect(json.contains("\"childName\"") && json.contains("Разговаривает"))
            if let folder = ProcessInfo.processInfo.environment["ZVONOK_TEST_PAGES"] {
                try page.write(toFile: folder + "/home.html", atomically: true, encoding: .utf8)
                try await school.get(client, "/notifier/parts", school.mother).1.write(toFile: folder + "/parts.html", atomically: true, encoding: .utf8)
                try await school.get(client, "/notifier/letters", school.mother).1.write(toFile: folder + "/letters.html", atomically: true, encoding: .utf8)
            }
            #expect(try await school.get(client, "/notifier/parts", school.mother).0 == .ok)
            #expect(try await school.get(client, "/notifier/letters", school.mother).0 == .ok)
        }
    }

    @Test("JR-15, AC-06: no remark and no money ever in anything that a pupil gets", arguments: 0..<12) func pupil(seed: Int) async throws {
        try await school.open()
        try await school.enter()
        let secret = "Тайна\(seed)x\(seed * 7919 % 1000)"
        for number in 0...(seed % 4) { try await school.remark("\(secret) \(number)") }
        if seed % 2 == 0 { try await school.tell(school.mark("4")) }
        let school = school
        let pages = try await school.parts.pages
        try await school.withClient { client in
            for path in ["/notifier/home", "/notifier/children/\(school.masha.text)/day"] {
                for accept in ["text/html", "application/json"] {
                    let (status, text) = try await school.get(client, path, school.masha, accept: accept)
                    #expect(status == .ok && text.contains("8:09") && !text.contains(secret) && !text.contains(">412<") && !text.contains("\"412\""))
                    #expect(try await school.get(client, path, school.mother, accept: accept).1.contains(secret))
                }
            }
            #expect(try await school.get(client, "/notifier/children/\(school.egor.text)/day", school.masha).0 == .notFound)
            let (_, aunt) = try await school.get(client, "/notifier/home", school.aunt)
            #expect(aunt.contains("8:09") && !aunt.contains(secret) && !aunt.contains(">412<") && !aunt.contains("контрольная"))
        }
        let sharing = { () -> Sharing in var all = Sharing(guardianWith: Set(Topic.allCases)); all.isPupil = true; return all }()
        #expect(try await school.notices().filter { sharing.shows($0) }.allSatisfy { $0.kind != .remark })
        #expect(pages.catalogue.hasText("Home"))
    }

    @Test("every text has its Russian") func catalogue() throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Services/Notifier").path
        #expect(try CatalogueCheck.missing(in: folder) == [])
    }
}

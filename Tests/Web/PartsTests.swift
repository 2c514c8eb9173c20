@testable import Directory
import Events
import Foundation
import HTTPTypes
import Kernel
import Testing

@testable import Web

/// A visit as a page gets it, without a server.
func visit(_ language: Language = .russian, sections: [String] = [], schools: [SchoolRecord] = [], viewer: Viewer? = nil) throws -> Visit {
    Visit(
        viewer: viewer ?? Viewer(personID: .v7(), sessionID: .v7(), rightsNumber: 1, name: "Ольга Сергеевна"), isSignedIn: viewer != nil,
        sections: sections, schools: schools, language: language, now: Date(iso8601: "2026-11-20T09:47:00.000Z") ?? Date(), zone: .moscow,
        method: .get, path: "/test/parts", head: [:], subject: .oneself, wantsJSON: false, address: "", device: nil, parameters: [:],
        queryItems: Form(values: [:]), body: Data(), catalogue: try Pages(nil, prefix: "/test").catalogue)
}

@Suite("Parts of the interface") struct PartsTests {
    let pages: Pages
    let mother = Viewer(
        personID: .v7(), sessionID: .v7(), rightsNumber: 1, name: "Ольга Сергеевна",
        children: [ChildClaim(id: .v7(), name: "Маша", accent: .sea), ChildClaim(id: .v7(), name: "Егор", accent: .plum)])
    let school = SchoolRecord(
        id: .v7(), name: "Школа «Набережная»", zone: .moscow, modules: ["canteen", "entrance", "wallet"],
        contacts: [
            .init(question: "Качество питания", name: "Н. В. Лаптева", phone: "+7 000 555-01-12"),
            .init(question: "Лицевые счета", name: "бухгалтерия центра", phone: "+7 000 555-01-40"),
            .init(question: "Вход и карты", name: "пост охраны", phone: ""),
        ])

    init() throws { pages = try Pages(nil, prefix: "/test") }

    private func html(_ language: Language = .russian) throws -> String {
        let visit = try visit(language, schools: [school], viewer: mother)
        let page = PartsPage(for: visit)
        return pages.render(page, frame: Frame(for: visit, title: page.title, section: "home"))
    }

    @Test("the page of all parts shows each part in both languages, with no style or script of its own") func parts() throws {
        for (language, words) in [(Language.russian, ["Образцы", "Доступ обновляется", "есть комментарий", "Кто"]), (.english, ["Specimens", "Access is being updated", "there is a comment"])] {
            let html = try html(language)
            for word in words where word != "Кто" { #expect(html.contains(word), "\(word)") }
            #expect(html.contains("lang=\"\(language.rawValue)\""))
            for trap in ["style=", "onclick", "<script>", "[[", "]]", "{{", "}}", "missing-asset", "Optional("] {
                #expect(!html.contains(trap), "\(trap)")
            }
        }
        // To look at it: ZVONOK_TEST_PAGES names a folder for the page and what it needs.
        if let folder = ProcessInfo.processInfo.environment["ZVONOK_TEST_PAGES"] {
            for language in Language.allCases {
                try html(language).write(toFile: "\(folder)/parts-\(language.rawValue).html", atomically: true, encoding: .utf8)
            }
            try FileManager.default.createDirectory(atPath: folder + "/test/assets", withIntermediateDirectories: true)
            for (name, asset) in pages.assets.files { try asset.data.write(to: URL(fileURLWithPath: "\(folder)/test/assets/\(name)")) }
        }
    }

    @Test("everything that templates of ours name is there") func names() throws {
        let visit = try visit(viewer: mother)
        #expect(try TemplateCheck.problems(with: PartsPage(for: visit), in: nil, mayBeEmpty: [".previous", ".className", ".state", ".accent", ".note", ".wrong", ".hint", ".address", ".link", ".most", ".placeholder", ".inputMode", ".autocomplete", ".describedBy", "choices"]) == [])
        #expect(try TemplateCheck.problems(with: StatePage.problem(visit, Problem(.badRequest, "x", detail: "y")), in: nil) == [])
    }

    private struct Misspelt: Page {
        static let template = "state-page"
        let title = "x"
        let section = ""
        let heading = "x"
        // `sentence` is misspelt, `icon` is computed, `detail` is empty.
        let sentense = "x"
        var icon: String { "icons/empty" }
        let detail: String? = nil
        let link: String? = "/"
        let linkTitle: String? = "x"
    }

    @Test("a misspelt key, a computed property, an empty optional and a missing template are found") func misspelt() throws {
        let found = try TemplateCheck.problems(with: Misspelt(), in: nil)
        #expect(found.contains("state-page: «sentence» is no stored property"))
        #expect(found.contains("state-page: «icon» is no stored property"))
        #expect(found.contains { $0.contains("nothing in «detail»") })
        #expect(try TemplateCheck.problems(with: 1, template: "no-such", in: nil) == ["no-such: there is no template «no-such»"])
    }

    @Test("what people wrote is escaped wherever a part shows it; nothing outside a part leaks into it") func escaping() throws {
        struct Holder: Sendable {
            // Were the partial to climb, it would find these.
            let wrong = "outer"
            let hint = "outer"
            let field = Field.text("a", "<b>", value: "\"><script>alert(1)</script>")
            let tag = Tag.child("<i>", .sea)
        }
        var pages = try Pages(nil, prefix: "/test")
        try pages.add("holder", "{{#field}}{{> field}}{{/field}}{{#tag}}{{> tag}}{{/tag}}")
        let html = try #require(pages.render(Holder(), template: "holder", language: .russian))
        #expect(!html.contains("<script>") && !html.contains("<b>") && !html.contains("<i>") && !html.contains("outer"))
        #expect(html.contains("value=\"&quot;&gt;&lt;script&gt;") || html.contains("value=\"&#34;"))
    }

    @Test("a field is tied to its label, hint and error for those who hear the page") func fields() throws {
        var pages = try Pages(nil, prefix: "/test")
        struct Holder: Sendable { let field: Field }
        try pages.add("holder", "{{#field}}{{> field}}{{/field}}")
        let html = try #require(
            pages.render(Holder(field: .money("sum", "Сумма", value: "5", hint: "h", wrong: "w", isRequired: true)), template: "holder", language: .russian))
        for part in [
            "<label for=\"sum\">Сумма</label>", "id=\"sum\"", "aria-describedby=\"sum-hint sum-wrong\"", "aria-invalid=\"true\"", "inputmode=\"decimal\"",
            "id=\"sum-hint\">h<", "id=\"sum-wrong\">w<", "field--wrong", " required", "money-input",
        ] { #expect(html.contains(part), "\(part)") }
        let password = try #require(pages.render(Holder(field: .password("p", "Пароль")), template: "holder", language: .russian))
        #expect(password.contains("type=\"password\"") && password.contains("value=\"\""))
    }

    @Test("preparing a value changes nothing of what a template shows, but that an identifier stands as in our addresses") func prepared() throws {
        struct Inner: Sendable { let id: UUID; let text: String?; let money: Money; let flag: Bool; let list: [String]; let none: [Int]; let deep: [Deep] }
        struct Deep: Sendable { let day: Day?; let pair: (Int, String); let kind: Kind }
        enum Kind: Sendable { case one, two(Int) }
        let text = "{{#x}}{{id}}|{{text}}|{{money}}|{{#flag}}y{{/flag}}|{{#list}}{{.}},{{/list}}|{{^none}}none{{/none}}|{{#deep}}{{day}} {{kind}} {{pair.0}};{{/deep}}|{{#text}}[{{.}}]{{/text}}|{{missing}}{{/x}}"
        struct Whole: Sendable { let x: Inner }
        let days = [Deep(day: Day("2026-11-20"), pair: (1, "a"), kind: .two(3)), Deep(day: nil, pair: (2, "b"), kind: .one)]
        for value in [
            Whole(x: Inner(id: .v7(), text: "a&b", money: Money(kopecks: 5), flag: true, list: ["p", "q"], none: [], deep: days)),
            Whole(x: Inner(id: .v7(), text: nil, money: .zero, flag: false, list: [], none: [1], deep: [])),
        ] {
            var pages = try Pages(nil, prefix: "/test")
            try pages.add("whole", text)
            let plain = pages.renderPlainly(value, template: "whole")?.replacing(value.x.id.uuidString, with: value.x.id.text)
            #expect(pages.render(value, template: "whole", language: .russian) == plain)
        }
    }
}

@Suite("The frame of a page") struct FrameTests {
    private let mother = Viewer(
        personID: .v7(), sessionID: .v7(), rightsNumber: 1, name: "Ольга", children: [ChildClaim(id: .v7(), name: "Маша", accent: .sea)])

    @Test("a family sees its sections, a pupil no money, staff theirs, a stranger none") func sections() throws {
        func addresses(_ visit: Visit) -> [String] { Navigation.entries(for: visit).map(\.section) }
        #expect(try addresses(visit(viewer: mother)) == ["home", "diary", "attendance", "meals", "money", "services", "letters", "family", "profile"])
        let pupil = Viewer(personID: .v7(), sessionID: .v7(), rightsNumber: 1, name: "Маша", isPupil: true)
        #expect(try addresses(visit(viewer: pupil)) == ["home", "diary", "attendance", "meals", "profile"])
        let teacher = Viewer(personID: .v7(), sessionID: .v7(), rightsNumber: 1, name: "Анна")
        #expect(try addresses(visit(sections: ["gradebook", "people"], viewer: teacher)) == ["gradebook", "people", "profile"])
        // One who works here and has a child here finds the same page once.
        #expect(try addresses(visit(sections: ["meals"], viewer: mother)).count { $0 == "meals" } == 1)
        #expect(try addresses(visit()) == [])
    }

    @Test("SC-03: what a school has not connected is no section") func modules() throws {
        let school = SchoolRecord(id: .v7(), name: "Школа", zone: .moscow, modules: ["wallet"], contacts: [])
        #expect(try Navigation.entries(for: visit(schools: [school], viewer: mother)).map(\.section) == ["home", "diary", "money", "services", "letters", "family", "profile"])
    }

    @Test("every section has a title in Russian, a sign and a place on a phone") func entries() throws {
        let catalogue = try Pages(nil, prefix: "/test").catalogue
        let sources = try Pages.sources(nil)
        for entry in Navigation.family + Navigation.staff + [Navigation.letters, Navigation.relatives, Navigation.profile] {
            #expect(catalogue.hasText(entry.title), "\(entry.title)")
            #expect(sources["icons/\(entry.icon)"] != nil, "\(entry.icon)")
            #expect(Navigation.favourites(hasHome: true).contains(entry.address), "\(entry.address)")
        }
    }

    @Test("what does not fit stands under «more»: nothing is lost on a wide screen or a phone") func more() throws {
        let sections = Navigation.staff.map(\.section)
        let frame = Frame(for: try visit(sections: sections, viewer: mother), title: "x", section: "people")
        #expect((frame.links + frame.rest).count == Navigation.family.count + sections.count + 2 && frame.links.count == 8 && frame.isRestCurrent)
        #expect(frame.tabs.count == 4 && frame.hasMore && frame.isMoreCurrent)
        // A teacher's bar begins with his work, not with what is served.
        let teacher = Viewer(personID: .v7(), sessionID: .v7(), rightsNumber: 1, name: "x")
        let work = ["gradebook", "class-services", "invitations", "arrivals", "meals", "consents"]
        #expect(Frame(for: try visit(sections: work, viewer: teacher), title: "x", section: "").tabs.map(\.address).first == "/journal/gradebook")
        let few = Frame(for: try visit(sections: ["till"], viewer: Viewer(personID: .v7(), sessionID: .v7(), rightsNumber: 1, name: "x")), title: "x", section: "till")
        #expect(few.tabs.count == 2 && !few.hasMore && !few.hasRest)
    }

    @Test("the school's telephones can be dialled from below every page") func contacts() throws {
        let school = SchoolRecord(
            id: .v7(), name: "Школа <1>", zone: .moscow, modules: [], contacts: [.init(question: "Питание", name: "Н. В. Лаптева", phone: "+7 (000) 555-01-12")])
        let visit = try visit(schools: [school], viewer: mother)
        let page = StatePage.notFound(visit)
        let html = try Pages(nil, prefix: "/test").render(page, frame: Frame(for: visit, title: page.title, section: ""))
        #expect(html.contains("href=\"tel:+70005550112\"") && html.contains("Школа &lt;1&gt;") && html.contains("Н. В. Лаптева"))
    }
}

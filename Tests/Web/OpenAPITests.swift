import Directory
import Events
import Foundation
import HTTPTypes
import Kernel
import Testing

@testable import Web

private struct Meal: Encodable, Sendable {
    let name: String
    let price: Money
    let accent: Accent
    let after: [Meal]?
}

private struct MealPage: Page {
    static let template = "parts-page"
    let title: String
    let section = "meals"
    let id: UUID
    let day: Day
    let wrong: String?
    let meals: [Meal]
    let counts: [String: Int]
}

@Suite("The document of an interface") struct OpenAPITests {
    private func document(_ book: RouteBook) throws -> [String: Any] {
        let document = OpenAPIDocument(book, pages: try Pages(nil, prefix: "/test"), publicAddress: "https://school.test")
        return try #require(try JSONSerialization.jsonObject(with: document.json) as? [String: Any])
    }

    private func at(_ value: Any?, _ path: String...) -> Any? {
        path.reduce(value) { ($0 as? [String: Any])?[$1] }
    }

    @Test("Every route is in it, with its parameters, its door and who may")
    func routes() throws {
        var book = RouteBook(service: "test")
        book.page("/test/children/{child}/meals/{day}", .seeMeals, about: .child(parameter: "child")) { _ -> MealPage in throw Problem.notFound }
        book.post("/test/children/{child}/limit", .setLimit, about: .child(parameter: "child")) { _ in .noContent }
        book.open(.get, "/test/sign-in") { _ in .noContent }
        book.device(.post, "/test/sales", { _, _ in nil }) { _ in .noContent }
        book.live("/test/live", .seeHome, about: .oneself) { _ in AsyncStream { $0.finish() } }
        let document = try document(book)
        #expect(at(document, "openapi") as? String == "3.1.0")
        let paths = try #require(at(document, "paths") as? [String: Any])
        #expect(paths.count == book.routes.count)
        let meals = paths["/test/children/{child}/meals/{day}"]
        let parameters = try #require(at(meals, "parameters") as? [[String: Any]])
        #expect(parameters.map { "\($0["name"] ?? "") \(at($0, "schema", "format") ?? "")" } == ["child uuid", "day date"])
        #expect(at(meals, "get", "x-permission") as? String == "seeMeals")
        #expect((at(meals, "get", "summary") as? String)?.contains("guardians") == true)
        let session = try #require(at(meals, "get", "security") as? [[String: [String]]])
        #expect(session == [["session": []]])
        let answers = try #require(at(meals, "get", "responses") as? [String: Any])
        #expect(Set(answers.keys).isSuperset(of: ["200", "303", "401", "403", "404"]))
        let limit = at(paths["/test/children/{child}/limit"], "post", "responses") as? [String: Any]
        #expect(Set((limit ?? [:]).keys).isSuperset(of: ["303", "401", "403", "404", "409", "422"]))
        #expect((at(paths["/test/sign-in"], "get", "security") as? [Any])?.isEmpty == true)
        #expect((at(paths["/test/sales"], "post", "security") as? [[String: [String]]]) == [["device": []]])
        #expect(at(paths["/test/live"], "get", "responses", "200", "content", "text/event-stream") != nil)
    }

    @Test("A page's JSON is described from its type: values of ours, what may be missing, what holds itself")
    func shapes() throws {
        var book = RouteBook(service: "test")
        book.page("/test/meals", .seeHome, about: .oneself) { _ -> MealPage in throw Problem.notFound }
        let document = try document(book)
        let schemas = at(document, "components", "schemas")
        let page = at(schemas, "MealPage")
        #expect(Set(try #require(at(page, "required") as? [String])) == ["title", "section", "id", "day", "meals", "counts"])
        #expect(at(page, "properties", "id", "format") as? String == "uuid")
        #expect(at(page, "properties", "day", "format") as? String == "date")
        #expect(at(page, "properties", "meals", "items", "$ref") as? String == "#/components/schemas/Meal")
        #expect(at(page, "properties", "counts", "additionalProperties", "type") as? String == "integer")
        #expect(at(schemas, "Meal", "properties", "price", "type") as? String == "integer")
        #expect(Set(try #require(at(schemas, "Meal", "properties", "accent", "enum") as? [String])) == Set(Accent.allCases.map(\.rawValue)))
        #expect(at(schemas, "Meal", "properties", "after", "items", "$ref") as? String == "#/components/schemas/Meal")
    }

    @Test("A form's fields are read from the page it stands on")
    func forms() {
        let forms = FormFields([
            "people/show": """
                <form method="post" action="/test/people/{{id}}/card"><input name="number" maxlength="20" required{{#wrong}} aria-invalid="true"{{/wrong}}>
                <select name="kind"><option value="a"></select>{{#amount}}{{> field}}{{/amount}}{{#dayField}}{{> field}}
                {{/dayField}}<label><input type="radio" name="way" value="in"></label><label><input type="radio" name="way" value="out"></label>
                <input type="checkbox" name="child" value="1"><input type="checkbox" name="child" value="2"><input name="cell-{{id}}"></form>
                <form action="/test/people"><input type="search" name="q"></form>
                """,
            "own/show": #"<form method="post" action="{{address}}"><textarea name="text" required></textarea></form>"#,
        ])
        let card = forms.fields(method: "post", path: "/test/people/{person}/card", template: nil)
        #expect(card.map(\.name) == ["amount", "child", "day", "kind", "number", "way"])
        #expect(card.first { $0.name == "number" } == .init(name: "number", isRequired: true, most: 20))
        #expect(card.first { $0.name == "way" }?.choices == ["in", "out"])
        #expect(card.first { $0.name == "child" }?.isMany == true)
        #expect(forms.fields(method: "get", path: "/test/people", template: nil).map(\.name) == ["q"])
        #expect(forms.fields(method: "post", path: "/test/remarks", template: "own/show").map(\.name) == ["text"])
        #expect(forms.fields(method: "post", path: "/test/remarks", template: nil).isEmpty)
    }
}

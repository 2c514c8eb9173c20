import Foundation

/// What the forms of a service's pages send, read from the templates: the page and the document cannot differ.
struct FormFields: Sendable {
    struct Field: Sendable, Equatable {
        let name: String
        /// As the page's input has it: `text`, `date`, `password` …
        var type = "text"
        var isRequired = false
        var most: Int?
        var choices: [String] = []
        /// Sent several times, as ticked boxes are.
        var isMany = false
    }

    private struct Form {
        let template: String
        let method: String
        /// `/identity/people/{{id}}/snils`; in part or as a whole from the page's values.
        let action: String
        let fields: [Field]
    }

    private let forms: [Form]

    /// - Parameter templates: the texts of all templates by name.
    init(_ templates: [String: String]) {
        forms = templates.sorted { $0.key < $1.key }.flatMap { name, text in
            text.matches(of: /(?s)<form\b([^>]*)>(.*?)<\/form>/).compactMap { match -> Form? in
                let tag = Self.attributes(match.output.1)
                guard let action = tag["action"] else { return nil }
                return Form(template: name, method: tag["method"] ?? "get", action: action, fields: Self.fields(String(match.output.2)))
            }
        }
    }

    /// The fields of the forms that lead to a route, none when no page's does.
    ///
    /// - Parameters:
    ///   - path: as the route book has it, `/identity/people/{person}/snils`.
    ///   - template: of the page that the form stands on, where that is known; its forms count whose address only the page knows.
    func fields(method: String, path: String, template: String?) -> [Field] {
        var found = forms.filter { $0.method == method && Self.leads($0.action, to: path) }
        if found.isEmpty, let template {
            found = forms.filter { $0.method == method && $0.template == template && $0.action.wholeMatch(of: /\{\{[\w.]+\}\}/) != nil }
        }
        var fields: [String: Field] = [:]
        for field in found.flatMap(\.fields) {
            // What is required on one page and absent from another is not required.
            var field = field
            if found.count > 1 { field.isRequired = false }
            if let other = fields[field.name], other.type == "radio" { field.choices = other.choices + field.choices }
            fields[field.name] = field
        }
        return fields.values.sorted { $0.name < $1.name }
    }

    /// Whether an action's text, its values being anything, is the route's path.
    private static func leads(_ action: String, to path: String) -> Bool {
        let steps = action.split(separator: "?")[0].split(separator: "/", omittingEmptySubsequences: false)
        let wanted = path.split(separator: "/", omittingEmptySubsequences: false)
        guard steps.count == wanted.count else { return false }
        return zip(steps, wanted).allSatisfy { step, part in part.hasPrefix("{") ? step.hasPrefix("{{") : step == part }
    }

    private static func fields(_ text: String) -> [Field] {
        var fields: [Field] = []
        func add(_ field: Field) {
            if let index = fields.firstIndex(where: { $0.name == field.name }) {
                fields[index].choices += field.choices
                if field.type == "checkbox" { fields[index].isMany = true }
            } else {
                fields.append(field)
            }
        }
        for match in text.matches(of: /(?s)<(input|select|textarea|button)\b((?:[^>{]|\{\{[^}]*\}\}|\{)*)>/) {
            let tag = attributes(match.output.2)
            guard let name = tag["name"], !name.contains("{{") else { continue }
            let type = match.output.1 == "input" ? tag["type"] ?? "text" : String(match.output.1)
            var field = Field(name: name, type: type, most: tag["maxlength"].flatMap { Int($0) })
            // A button's name is sent when it is the one that was pressed.
            field.isRequired = tag["required"] != nil && type != "radio" && type != "checkbox"
            if type == "radio" || type == "button", let value = tag["value"], !value.contains("{{") { field.choices = [value] }
            add(field)
        }
        // `{{#amount}}{{> field}}{{/amount}}`: named as the page's property.
        for match in text.matches(of: /\{\{#([a-z]\w*)\}\}\s*\{\{> (field|file)\}\}/) where match.output.1 != "fields" {
            let property = String(match.output.1)
            add(
                Field(
                    name: property.hasSuffix("Field") ? String(property.dropLast("Field".count)) : property,
                    type: match.output.2 == "file" ? "file" : "text"))
        }
        return fields
    }

    private static func attributes(_ text: Substring) -> [String: String] {
        var attributes: [String: String] = [:]
        for match in text.matches(of: /([a-z][a-z-]*)(?:="([^"]*)")?/) {
            attributes[String(match.output.1)] = attributes[String(match.output.1)] ?? match.output.2.map(String.init) ?? ""
        }
        return attributes
    }
}

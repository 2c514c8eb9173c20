import Directory
import Events
public import Foundation
import HTTPTypes

/// What a service offers to programs, as OpenAPI 3.1: made from its route book, its pages' types and its pages' forms, so
/// that it says what is so.
///
/// Not described: what an open route or a device's answers with (any JSON or page), the JSON that a device sends, and
/// the meaning of texts.
public struct OpenAPIDocument: Sendable {
    /// The document's text, the same for the same service.
    public let json: Data

    /// - Parameter publicAddress: scheme and host, as browsers see them; changes must come from it.
    public init(_ book: RouteBook, pages: Pages, publicAddress: String) {
        var writer = Writer(forms: pages.forms, publicAddress: publicAddress)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        let document = writer.document(book)
        // Texts, numbers and lists of them cannot fail to be encoded.
        json = (try? encoder.encode(document)) ?? Data()
    }
}

private struct Writer {
    let forms: FormFields
    let publicAddress: String
    private var shapes = ViewShape()

    init(forms: FormFields, publicAddress: String) {
        self.forms = forms
        self.publicAddress = publicAddress
    }

    mutating func document(_ book: RouteBook) -> JSONText {
        var paths: [String: JSONText] = [:]
        for route in book.routes {
            let item = ["parameters": .list(Self.pathParameters(route.path)), route.method.rawValue.lowercased(): operation(route)]
            paths[route.path] = (paths[route.path] ?? [:]).adding(item)
        }
        let schemas = shapes.schemas.merging(["Problem": Self.problem]) { own, _ in own }
        let name = book.prefix.dropFirst()
        return [
            "openapi": "3.1.0",
            "info": [
                "title": .text("Zvonok: \(name)"), "version": "1",
                "description": .text(
                    """
                    Every resource is a page and JSON under one address: a program asks with Accept: application/json, or puts \
                    .json behind the path. A change takes a form or a flat JSON object of the same fields, must carry the \
                    header Origin of this installation, and answers 303 with the place to look at.
                    """),
            ],
            "servers": [["url": .text(publicAddress)]],
            "tags": [["name": .text(String(name))]],
            "paths": .object(paths),
            "components": [
                "schemas": .object(schemas),
                "securitySchemes": [
                    "session": [
                        "type": "apiKey", "in": "cookie", "name": .text(SessionToken.cookie),
                        "description": "The token that signing in sets; good for five minutes, renewed at /identity/session/renewal.",
                    ],
                    "device": ["type": "http", "scheme": "bearer", "description": "The key of a till or terminal."],
                    "kiosk": [
                        "type": "apiKey", "in": "cookie", "name": .text(KioskToken.cookie),
                        "description": "The token of a pupil at a registered terminal; good for a minute and a half.",
                    ],
                ],
            ],
        ]
    }

    private mutating func operation(_ route: RouteBook.Route) -> JSONText {
        let words = route.path.split(separator: "/").map { $0.filter { $0.isLetter || $0.isNumber || $0 == "-" } }
        var operation: [String: JSONText] = [
            "operationId": .text(([route.method.rawValue.lowercased()] + words).joined(separator: "_").replacing("-", with: "_")),
            "tags": .list(words.prefix(1).map { .text($0) }),
            "responses": .object(responses(route)),
        ]
        var parameters: [JSONText] = []
        if route.method == .get {
            for field in forms.fields(method: "get", path: route.path, template: route.shape?.template) {
                parameters.append(["name": .text(field.name), "in": "query", "schema": Self.schema(of: field)])
            }
        } else {
            if case .device = route.door {
            } else {
                parameters.append([
                    "name": "Origin", "in": "header", "required": true, "schema": ["type": "string", "const": .text(publicAddress)],
                ])
            }
            operation["requestBody"] = requestBody(route)
        }
        if !parameters.isEmpty { operation["parameters"] = .list(parameters) }
        switch route.door {
        case .permitted(let permission, _):
            operation["security"] = [["session": []]]
            operation["summary"] = .text(Self.holders(of: permission))
            operation["x-permission"] = .text(permission.name)
        case .device: operation["security"] = [["device": []]]
        case .kiosk: operation["security"] = [["kiosk": []]]
        case .open: operation["security"] = []
        }
        return .object(operation)
    }

    private func requestBody(_ route: RouteBook.Route) -> JSONText {
        if case .device = route.door { return ["content": ["application/json": ["schema": ["type": "object"]]], "required": true] }
        let fields = forms.fields(method: "post", path: route.path, template: route.shape?.template)
        let required = fields.filter(\.isRequired).map { JSONText.text($0.name) }
        var schema: [String: JSONText] = ["type": "object"]
        if !fields.isEmpty {
            schema["properties"] = .object(Dictionary(fields.map { ($0.name, Self.schema(of: $0)) }, uniquingKeysWith: { $1 }))
        }
        if !required.isEmpty { schema["required"] = .list(required) }
        let media: JSONText = ["schema": .object(schema)]
        // A file comes in parts; whoever sends none may send the form in any way.
        let ways = ["application/x-www-form-urlencoded", "application/json"] + (fields.contains { $0.type == "file" } ? ["multipart/form-data"] : [])
        return ["content": .object(Dictionary(ways.map { ($0, media) }, uniquingKeysWith: { $1 })), "required": .flag(!required.isEmpty)]
    }

    private mutating func responses(_ route: RouteBook.Route) -> [String: JSONText] {
        var responses: [String: JSONText] = [:]
        func problem(_ status: Int, _ why: JSONText, page: Bool = true) {
            var content: [String: JSONText] = ["application/problem+json": ["schema": ["$ref": "#/components/schemas/Problem"]]]
            // Some say it by the page that was asked for, with what is wrong in it.
            if page { content.merge(["text/html": [:], "application/json": [:]]) { own, _ in own } }
            responses["\(status)"] = ["description": why, "content": .object(content)]
        }
        let seen = route.shape.map { shapes.schema(of: $0) }
        if case .live = route.act {
            responses["200"] = ["description": "Events, until the reader's token is over.", "content": ["text/event-stream": [:]]]
        } else if route.method == .get {
            responses["200"] = [
                "description": "The page, or its JSON.",
                "content": ["application/json": seen.map { ["schema": $0] } ?? [:], "text/html": [:]],
            ]
        } else {
            responses["200"] = ["description": "What came of it.", "content": ["application/json": [:], "text/html": [:]]]
            responses["303"] = Self.elsewhere("Done: look there.")
            problem(422, "Fields are wrong; `errors` says which. A browser sees the form again.")
            problem(413, "Larger than a request may be.")
            problem(409, "What it was about has changed meanwhile.")
        }
        problem(400, "The request cannot be understood.")
        problem(404, "There is no such thing, or none that concerns the reader.")
        problem(429, "Too often; Retry-After says when again.")
        problem(503, "Something this stands on is away; worth trying again.")
        switch route.door {
        case .permitted:
            problem(401, "Not signed in, or the token is over.", page: false)
            problem(403, "Not open to the reader, or sent from another site.")
            if responses["303"] == nil { responses["303"] = Self.elsewhere("A browser that is not signed in goes to sign in.") }
            if route.method != .get { responses["307"] = Self.elsewhere("A browser's form whose token is over comes again by way of the renewal.") }
        case .device:
            problem(401, "The key is unknown.", page: false)
            responses["303"] = nil
        case .kiosk:
            problem(401, "Nobody is signed in at the terminal, or his minute and a half are over.", page: false)
            responses["303"] = Self.elsewhere("A browser goes to the terminal's sign-in.")
        case .open:
            problem(401, "Not signed in, or the token is over.", page: false)
            problem(403, "Sent from another site.")
            if responses["303"] == nil { responses["303"] = Self.elsewhere("Look there.") }
            responses["204"] = ["description": "Done."]
            responses["307"] = Self.elsewhere("The same once more, there.")
        }
        return responses
    }

    private static func elsewhere(_ why: JSONText) -> JSONText {
        ["description": why, "headers": ["Location": ["schema": ["type": "string"]]]]
    }

    private static func pathParameters(_ path: String) -> [JSONText] {
        path.matches(of: /\{(\w+)\}/).map { match in
            let name = String(match.output.1)
            let schema: JSONText =
                if name == "day" || name.hasSuffix("Day") { ["type": "string", "format": "date"] }
                else if name == "number" { ["type": "integer", "minimum": 0] }
                else if name == "token" { ["type": "string", "minLength": 1] }
                else { ["type": "string", "format": "uuid"] }
            return ["name": .text(name), "in": "path", "required": true, "schema": schema]
        }
    }

    private static func schema(of field: FormFields.Field) -> JSONText {
        var schema: [String: JSONText] = ["type": "string"]
        switch field.type {
        // What is left empty is an empty text, so a format holds for what is filled in: a description, not a rule.
        case "date", "time", "email", "tel", "number": schema["description"] = .text("as a field of the type \(field.type)")
        case "password": schema["format"] = "password"
        case "radio" where field.choices.count > 1: schema["enum"] = .list(field.choices.map { .text($0) })
        default: break
        }
        if let most = field.most { schema["maxLength"] = .number(most) }
        return field.isMany ? ["type": "array", "items": .object(schema)] : .object(schema)
    }

    /// Who may: «Permission seeMoney: guardians; accountant.»
    private static func holders(of permission: Permission) -> String {
        var holders: [String] = []
        if permission.everyone { holders.append("everyone about himself") }
        switch permission.guardians {
        case .none: break
        case .granted: holders.append("guardians")
        case .legalOnly: holders.append("guardians named by the school")
        }
        if permission.pupil { holders.append("the pupil himself") }
        holders += permission.roles.map { "\($0.key.rawValue)\($0.value == .ownClass ? " of the class" : "")" }.sorted()
        let topic = permission.topic.map { " (topic \($0.rawValue))" } ?? ""
        return "Permission \(permission.name)\(topic): \(holders.joined(separator: ", "))."
    }

    /// RFC 9457.
    private static let problem: JSONText = [
        "type": "object",
        "properties": [
            "type": ["type": "string"], "title": ["type": "string"], "status": ["type": "integer"], "detail": ["type": "string"],
            "errors": ["type": "object", "description": "what is wrong with which field", "additionalProperties": ["type": "string"]],
        ],
        "required": ["title", "status"],
    ]
}

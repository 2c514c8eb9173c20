public import Foundation
public import HTTPTypes

/// What a resource shows: one value that a template turns into a page and an encoder into JSON.
///
/// Mustache reads stored properties only, and a misspelt key renders as nothing: keep ready strings here, and let a test ask
/// ``TemplateCheck`` about every page.
public protocol Page: Encodable, Sendable {
    /// `statement/show` for `Views/statement/show.mustache`.
    static var template: String { get }
    /// The page's name in the browser's title.
    var title: String { get }
    /// Which entry of the navigation is the current one; empty for none.
    var section: String { get }
}

/// Something is wrong with a request, in words for a person; `problem+json` for a program (RFC 9457).
public struct Problem: Error, Sendable {
    public let status: HTTPResponse.Status
    /// What it is, in English; shown through the catalogue.
    public let title: String
    public let detail: String?

    public init(_ status: HTTPResponse.Status, _ title: String, detail: String? = nil) {
        self.status = status
        self.title = title
        self.detail = detail
    }

    /// There is no such thing, or none that concerns the reader: both look the same.
    public static let notFound = Problem(.notFound, "There is no such page")
    public static let badRequest = Problem(.badRequest, "The request cannot be understood")
    /// What we stand on is away for the moment.
    public static let unavailable = Problem(.serviceUnavailable, "This part is not available just now")
    static let failed = Problem(.internalServerError, "Something went wrong on our side")
}

/// What is wrong with which field of a form, in the reader's language.
///
/// Thrown by what a form does: the form is shown again with the words beside its fields (``RouteBook/form(_:_:about:again:_:)``),
/// and a program gets all of them in one `problem+json` of status 422.
public struct FieldErrors: Error, Sendable, Equatable {
    /// By the field's name.
    public private(set) var messages: [String: String]

    public init(_ messages: [String: String] = [:]) { self.messages = messages }

    /// What is wrong with a field; nil when nothing is.
    public subscript(field: String) -> String? {
        get { messages[field] }
        set { messages[field] = newValue }
    }

    /// Throws when anything is wrong: checks collect first, so that a person hears everything at once.
    public func throwIfAny() throws(FieldErrors) {
        if !messages.isEmpty { throw self }
    }
}

/// What comes back from a request.
public struct Answer: Sendable {
    enum Body: Sendable {
        case none
        case page(any Page)
        case json(any Encodable & Sendable)
        case bytes(Data, type: String)
    }

    var status: HTTPResponse.Status
    var body: Body
    var fields = HTTPFields()

    /// A page, or its JSON for programs.
    public static func page(_ page: some Page, _ status: HTTPResponse.Status = .ok) -> Answer {
        Answer(status: status, body: .page(page))
    }

    /// After a change: look there. A program gets the same.
    public static func seeOther(_ path: String) -> Answer {
        var answer = Answer(status: .seeOther, body: .none)
        answer.fields[.location] = path
        return answer
    }

    /// The same request once more, with its body, there.
    public static func repeated(at path: String) -> Answer {
        var answer = Answer(status: .temporaryRedirect, body: .none)
        answer.fields[.location] = path
        return answer
    }

    /// For programs only.
    public static func json(_ value: some Encodable & Sendable, _ status: HTTPResponse.Status = .ok) -> Answer {
        Answer(status: status, body: .json(value))
    }

    /// Anything else: a picture, a file.
    public static func bytes(_ data: Data, type: String, status: HTTPResponse.Status = .ok) -> Answer {
        Answer(status: status, body: .bytes(data, type: type))
    }

    public static let noContent = Answer(status: .noContent, body: .none)

    /// The same with a header field.
    public func with(_ name: HTTPField.Name, _ value: String) -> Answer {
        var answer = self
        answer.fields.append(HTTPField(name: name, value: value))
        return answer
    }

    /// The same with a cookie that only we read, over TLS only, from our own pages only.
    ///
    /// - Parameter seconds: how long it lives; nil until the browser is closed, 0 to delete it.
    public func settingCookie(_ name: String, _ value: String, seconds: Int? = nil) -> Answer {
        let life = seconds.map { "; Max-Age=\($0)" } ?? ""
        return with(.setCookie, "\(name)=\(value); Path=/; Secure; HttpOnly; SameSite=Lax\(life)")
    }
}

/// A file that came with a form.
public struct FormFile: Sendable, Equatable {
    /// What the sender calls it, without folders: for people to read, never a path.
    public let name: String
    public let content: Data

    public init(name: String, content: Data) {
        let last = name.split(whereSeparator: { $0 == "/" || $0 == "\\" }).last ?? ""
        self.name = String(String.UnicodeScalarView(last.unicodeScalars.filter { $0.properties.generalCategory != .control }.prefix(120)))
        self.content = content
    }
}

/// A form as it was sent: each name with its values, and with its files where it has some.
public struct Form: Sendable {
    public let values: [String: [String]]
    public let files: [String: [FormFile]]

    public init(values: [String: [String]], files: [String: [FormFile]] = [:]) {
        self.values = values
        self.files = files
    }

    /// Reads `a=1&b=%D1%8F`; what cannot be read as text is left out.
    public init(encoded text: String) {
        var values: [String: [String]] = [:]
        for pair in text.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = Self.decoded(parts[0]), let value = Self.decoded(parts.count == 2 ? parts[1] : "") else { continue }
            values[name, default: []].append(value)
        }
        self.init(values: values)
    }

    /// The first value of a name.
    public subscript(name: String) -> String? { values[name]?.first }

    /// The first file of a name; nil when none was chosen.
    public func file(_ name: String) -> FormFile? { files[name]?.first }

    /// All values of a name, for boxes that are ticked.
    public func all(_ name: String) -> [String] { values[name] ?? [] }

    private static func decoded(_ text: Substring) -> String? {
        // The character 0 is no text either: no database keeps it.
        text.replacing("+", with: " ").removingPercentEncoding.flatMap { $0.contains("\0") ? nil : $0 }
    }
}

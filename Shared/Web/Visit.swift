public import Directory
public import Foundation
public import HTTPTypes
public import Kernel

/// One request and who makes it: everything a page or form is built from.
public struct Visit: Sendable {
    /// Who asks; a nobody on pages that need no sign-in.
    public let viewer: Viewer
    public let isSignedIn: Bool
    /// The staff's pages that the token names.
    public let sections: [String]
    /// The schools of the reader's children, or his own: their names and telephones stand below the page.
    public let schools: [SchoolRecord]
    public let language: Language
    public let now: Date
    /// The zone of the school that the request is about.
    public let zone: SchoolZone
    public let method: HTTPRequest.Method
    /// Without the query.
    public let path: String
    public let head: HTTPFields
    /// Whom it is about, as the route's subject was found.
    public let subject: Subject
    /// Whether a program asked, which gets JSON.
    public let wantsJSON: Bool
    /// Where the request came from, as the proxy says.
    public let address: String
    /// The till or terminal that presented its key, on routes for devices.
    public let device: UUID?

    /// The pupil at a terminal, on routes of the door `kiosk`.
    public var guest: KioskGuest? = nil

    /// The request was larger than what is read of one: `body` is its beginning.
    var oversize: Oversize? = nil
    /// Where looks at a child are noted.
    var noted: (@Sendable (UUID) -> Void)? = nil
    let parameters: [String: String]
    let queryItems: Form
    let body: Data
    let catalogue: Catalogue

    /// How money, days and times are written for this reader.
    public var format: Format { Format(language, zone: zone) }
    /// The day it is at the school.
    public var today: Day { zone.day(of: now) }

    /// A text of the interface in the reader's language, its `%@` filled in.
    public func tr(_ english: String, _ values: any CustomStringConvertible...) -> String {
        catalogue.text(english, language).filled(values)
    }

    /// A text that depends on a number, its `%d` being the number.
    public func trn(_ count: Int, _ one: String, _ many: String) -> String { catalogue.text(count, one, many, language) }

    /// A part of the path that stood in braces.
    public func parameter(_ name: String) throws -> String {
        // No database keeps the character 0, so nothing is called by it.
        guard let value = parameters[name], !value.contains("\0") else { throw Problem.notFound }
        return value
    }

    /// A part of the path that must be an identifier; what is none is not found.
    public func uuid(_ name: String) throws -> UUID {
        guard let id = UUID(uuidString: try parameter(name)) else { throw Problem.notFound }
        return id
    }

    /// Notes that a member of staff looks at a child (BY-10), on a page that is about nobody in particular until he has found
    /// one. Pages about a child note it by themselves.
    public func looks(at child: UUID) { noted?(child) }

    /// A value behind the question mark.
    public func query(_ name: String) -> String? { queryItems[name] }

    /// Everything behind the question mark.
    public var queries: Form { queryItems }

    /// A day behind the question mark; nil when there is none or it is no day.
    public func day(_ name: String) -> Day? { query(name).flatMap { Day($0) } }

    /// The form that was sent: URL-encoded, with files (`multipart/form-data`), or a flat JSON object from a program.
    public func form() async throws -> Form {
        if let type = head[.contentType], type.lowercased().hasPrefix("multipart/") {
            if oversize != nil { return Form(beginning: body, contentType: type) }
            do { return try Form(multipart: body, contentType: type) } catch {
                throw Problem(.badRequest, "The request cannot be understood", detail: "the form with files is not whole")
            }
        }
        if head[.contentType]?.hasPrefix("application/json") == true {
            guard let object = try? JSONDecoder().decode([String: Scalar].self, from: body) else {
                throw Problem(.badRequest, "The request cannot be understood", detail: "a JSON object of plain values is expected")
            }
            let values = object.mapValues(\.texts)
            guard values.values.allSatisfy({ $0.allSatisfy { !$0.contains("\0") } }) else { throw Problem.badRequest }
            return Form(values: values)
        }
        return Form(encoded: String(decoding: body, as: UTF8.self))
    }

    /// The JSON that a program or device sent.
    public func json<Value: Decodable>(_ type: Value.Type) throws -> Value {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .custom { decoder in
            let container = try decoder.singleValueContainer()
            guard let date = Date(iso8601: try container.decode(String.self)) else {
                throw DecodingError.dataCorruptedError(in: container, debugDescription: "no moment in ISO 8601")
            }
            return date
        }
        // The character 0 can be written in JSON only so; nobody means it, and no database keeps it.
        guard body.range(of: Data(#"\u0000"#.utf8)) == nil else { throw Problem.badRequest }
        do {
            return try decoder.decode(type, from: body)
        } catch {
            throw Problem(.badRequest, "The request cannot be understood", detail: Self.explain(error))
        }
    }

    /// The value of a cookie.
    public func cookie(_ name: String) -> String? { Self.cookie(name, in: head) }

    static func cookie(_ name: String, in head: HTTPFields) -> String? {
        for line in head[values: .cookie] {
            for pair in line.split(separator: ";") {
                let parts = pair.split(separator: "=", maxSplits: 1)
                if parts.count == 2, parts[0].trimmingCharacters(in: .whitespaces) == name { return String(parts[1]) }
            }
        }
        return nil
    }

    private static func explain(_ error: any Error) -> String {
        switch error {
        case DecodingError.keyNotFound(let key, _): "«\(key.stringValue)» is missing"
        case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context),
            DecodingError.dataCorrupted(let context):
            "\(context.codingPath.map(\.stringValue).joined(separator: ".")): \(context.debugDescription)"
        default: "it is no JSON"
        }
    }

    private enum Scalar: Decodable {
        case one(String)
        case many([String])

        var texts: [String] {
            switch self {
            case .one(let text): [text]
            case .many(let texts): texts
            }
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if container.decodeNil() {
                self = .many([])
            } else if let text = try? container.decode(String.self) {
                self = .one(text)
            } else if let number = try? container.decode(Int64.self) {
                self = .one("\(number)")
            } else if let flag = try? container.decode(Bool.self) {
                self = .one(flag ? "true" : "false")
            } else {
                self = .many(try container.decode([String].self))
            }
        }
    }
}

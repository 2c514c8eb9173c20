import Foundation
import HTTPTypes
import Hummingbird
import Kernel
import Logging

extension WebHost {
    /// An answer on the wire: the page in its frame, or the same value as JSON.
    func respond(to visit: Visit, _ answer: Answer) throws -> Response {
        var headers = answer.fields
        let body: ResponseBody
        switch answer.body {
        case .none: body = .init()
        case .bytes(let data, let type):
            headers[.contentType] = type
            body = .init(byteBuffer: ByteBuffer(bytes: data))
        case .json(let value):
            headers[.contentType] = "application/json; charset=utf-8"
            body = .init(byteBuffer: ByteBuffer(bytes: try Self.encoder.encode(value)))
        case .page(let page):
            if visit.wantsJSON {
                headers[.contentType] = "application/json; charset=utf-8"
                body = .init(byteBuffer: ByteBuffer(bytes: try Self.encoder.encode(page)))
            } else {
                headers[.contentType] = "text/html; charset=utf-8"
                let frame = Frame(for: visit, title: page.title, section: page.section)
                body = .init(byteBuffer: ByteBuffer(string: pages.render(page, frame: frame)))
            }
        }
        if visit.guest != nil {
            // Nobody after him goes back to it, and without a touch it closes by itself, also where no script runs.
            headers[.cacheControl] = "no-store"
            if let refresh = HTTPField.Name("Refresh") { headers[refresh] = "\(Int(KioskToken.seconds) + 1); url=/identity/kiosk" }
        }
        Self.guardHeaders(&headers)
        return Response(status: answer.status, headers: headers, body: body)
    }

    /// The terminal's cabinet has closed: back to the number and the PIN.
    func kioskClosed(_ visit: Visit) -> Response {
        if visit.wantsJSON { return problemResponse(Problem(.unauthorized, "You are not signed in"), visit) }
        var headers: HTTPFields = [.location: "/identity/kiosk"]
        Self.guardHeaders(&headers)
        return Response(status: .seeOther, headers: headers)
    }

    /// The same answer for what does not exist and for what is none of the reader's business.
    func notFound(_ visit: Visit) -> Response {
        if !visit.wantsJSON, let page = try? respond(to: visit, .page(StatePage.notFound(visit), .notFound)) { return page }
        return problemResponse(.notFound, visit)
    }

    /// To sign in, or to have an expired token renewed and come back.
    func signIn(_ request: Request, _ visit: Visit, expired: Bool) -> Response {
        if visit.wantsJSON || visit.asksForEvents {
            return problemResponse(Problem(.unauthorized, "You are not signed in"), visit)
        }
        var headers = HTTPFields()
        Self.guardHeaders(&headers)
        let renewable = expired || visit.cookie(SessionToken.renewalCookie) != nil
        if renewable, visit.method == .post {
            // The browser sends the form again there, and from there once more here: what was typed is not lost.
            headers[.location] = "/identity/session/renewal?again=1&to=\(Self.encoded(request.uri.description))"
            return Response(status: .temporaryRedirect, headers: headers)
        }
        // Back to where he wanted to go; after a form, to the page it stood on.
        let wanted = visit.method == .get ? request.uri.description : Self.pathOnly(visit.head[.referer]) ?? "/"
        headers[.location] = (renewable ? "/identity/session/renewal?to=" : "/identity/sign-in?to=") + Self.encoded(wanted)
        return Response(status: .seeOther, headers: headers)
    }

    private static func encoded(_ path: String) -> String {
        path.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "%2F"
    }

    private static func pathOnly(_ address: String?) -> String? {
        guard let address, let parts = URLComponents(string: address), !parts.path.isEmpty else { return nil }
        return parts.path
    }

    /// The form once more with the errors beside its fields, or all of them for a program.
    func again(
        _ errors: FieldErrors, _ visit: Visit, _ route: RouteBook.Route, _ status: HTTPResponse.Status = .unprocessableContent
    ) async -> Response {
        if !visit.wantsJSON, let again = route.again {
            do {
                let page = try await again(visit, errors)
                return try respond(to: visit, Answer(status: status, body: .page(page)))
            } catch let problem as Problem {
                return problem.status == .notFound ? notFound(visit) : problemResponse(problem, visit)
            } catch {
                logger.error("a form could not be shown again", metadata: ["path": "\(visit.path)", "error": "\(error)"])
                return problemResponse(.failed, visit)
            }
        }
        let all = errors.messages.sorted { $0.key < $1.key }.map(\.value).joined(separator: " ")
        return problemResponse(
            Problem(status, "Some fields are not right", detail: all), visit, errors: errors.messages)
    }

    /// What went wrong: a page for a person, `problem+json` (RFC 9457) for a program.
    ///
    /// - Parameter errors: what is wrong with which field, for programs.
    func problemResponse(_ problem: Problem, _ visit: Visit, errors: [String: String]? = nil) -> Response {
        struct Details: Encodable {
            let type = "about:blank"
            let title: String
            let status: Int
            let detail: String?
            let errors: [String: String]?
        }
        if !visit.wantsJSON, visit.head[.authorization] == nil, !visit.asksForEvents,
            let page = try? respond(to: visit, .page(StatePage.problem(visit, problem), problem.status))
        {
            return page
        }
        let details = Details(title: problem.title, status: problem.status.code, detail: problem.detail, errors: errors)
        var headers: HTTPFields = [.contentType: "application/problem+json"]
        Self.guardHeaders(&headers)
        let body = (try? Self.encoder.encode(details)) ?? Data()
        return Response(status: problem.status, headers: headers, body: .init(byteBuffer: ByteBuffer(bytes: body)))
    }

    func stream(_ live: LiveStream) -> Response {
        var headers: HTTPFields = [.contentType: "text/event-stream", .cacheControl: "no-store"]
        headers[.xAccelBuffering] = "no"
        Self.guardHeaders(&headers)
        return Response(status: .ok, headers: headers, body: live.body)
    }

    /// What every answer says: nothing runs here but our own files, nobody frames us, nothing is kept on the way.
    private static func guardHeaders(_ headers: inout HTTPFields) {
        headers[.contentSecurityPolicy] =
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
            + "manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        headers[.xContentTypeOptions] = "nosniff"
        headers[.referrerPolicy] = "same-origin"
        if headers[.cacheControl] == nil { headers[.cacheControl] = "private, no-store" }
        headers[.vary] = "Accept, Cookie, Accept-Language"
    }

    private static var encoder: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .custom { date, encoder in
            var container = encoder.singleValueContainer()
            try container.encode(date.iso8601)
        }
        return encoder
    }
}

extension Visit {
    /// Whether a live page asks, which reads events and no pages.
    fileprivate var asksForEvents: Bool { head[.accept]?.contains("text/event-stream") == true }
}

extension HTTPField.Name {
    // Names of the standards that HTTPTypes does not list; each is a valid token, so the initialiser cannot fail.
    static let secFetchSite = HTTPField.Name("Sec-Fetch-Site")!
    static let xForwardedFor = HTTPField.Name("X-Forwarded-For")!
    static let xAccelBuffering = HTTPField.Name("X-Accel-Buffering")!
    static let referrerPolicy = HTTPField.Name("Referrer-Policy")!
    static let xContentTypeOptions = HTTPField.Name("X-Content-Type-Options")!
}

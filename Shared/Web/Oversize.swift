import Foundation
import HTTPTypes
import Hummingbird

/// A request was larger than what is read of one; who sent it is still told so in the form that he sent.
struct Oversize: Sendable, Equatable {
    /// As the request said beforehand; nil when it did not.
    let bytes: Int?

    /// The most that a form or a device's request may weigh.
    static let most = 1 << 20

    /// The answer of a form with a file: the same form, and beside its file what is wrong, with the size and the limit.
    func errors(for visit: Visit, files: [String]) -> FieldErrors? {
        guard !files.isEmpty else { return nil }
        let limit = visit.format.megabytes(Self.most)
        let words =
            bytes.map { visit.tr("The file is too large: the form is %@ with it, %@ at most can be sent.", visit.format.megabytes($0), limit) }
            ?? visit.tr("The file is too large: %@ at most can be sent.", limit)
        return FieldErrors(Dictionary(files.map { ($0, words) }, uniquingKeysWith: { first, _ in first }))
    }

    /// The answer where there is no form to show again.
    func problem(for visit: Visit) -> Problem {
        Problem(
            .contentTooLarge, "That is too much for one request",
            detail: visit.tr("%@ at most can be sent at once.", visit.format.megabytes(Self.most)))
    }
}

/// What was sent with a request, or its beginning.
struct Sent: Sendable {
    var data = Data()
    var oversize: Oversize?

    /// Reads what was sent.
    ///
    /// Of a larger request the beginning is kept and the rest not read: the server throws away what still comes while the
    /// answer is on its way, so that the sender can read it.
    static func with(_ request: Request) async throws -> Sent {
        var sent = Sent()
        guard request.method != .get, request.method != .head else { return sent }
        do {
            for try await buffer in request.body {
                let room = Oversize.most - sent.data.count
                sent.data.append(contentsOf: buffer.readableBytesView.prefix(room))
                if buffer.readableBytes > room {
                    sent.oversize = Oversize(bytes: request.headers[.contentLength].flatMap { Int($0) })
                    return sent
                }
            }
        } catch {
            // It broke off on its way.
            throw Problem.badRequest
        }
        return sent
    }
}

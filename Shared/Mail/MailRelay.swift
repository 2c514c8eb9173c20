import CCurl
import Foundation
import Logging
import Synchronization

/// The mail server that takes our letters.
public struct MailRelay: Sendable {
    /// `smtp://host:port` (STARTTLS when the server offers it) or `smtps://host:port`.
    public let url: String
    public let user: String?
    public let password: String?
    /// Whether a server without TLS is refused. Only a relay on the same machine may do without.
    public let requiresTLS: Bool
    /// A file of authorities to trust instead of the system's; nil for the system's.
    public let authorityFile: String?
    /// How many letters may be under way at once.
    public let connections: Int

    public init(
        url: String, user: String? = nil, password: String? = nil, requiresTLS: Bool = true, authorityFile: String? = nil,
        connections: Int = 4
    ) {
        self.url = url
        self.user = user
        self.password = password
        self.requiresTLS = requiresTLS
        self.authorityFile = authorityFile
        self.connections = max(1, connections)
    }

    /// The same server with another number of connections.
    public func with(connections: Int) -> MailRelay {
        MailRelay(
            url: url, user: user, password: password, requiresTLS: requiresTLS, authorityFile: authorityFile, connections: connections)
    }
}

/// Why a letter is not known to be delivered; the case says what to do.
public enum MailFailure: Error, Sendable, Equatable, CustomStringConvertible {
    /// The server will never take this letter (5xx): do not repeat, count it against the address.
    case refused(code: Int, text: String)
    /// Not now (4xx): repeat later.
    case later(code: Int, text: String)
    /// The server could not be reached or is not who it should be; nothing was sent.
    case unreachable(String)
    /// The connection broke after the letter had been handed over and before the answer: it may have arrived. Only a
    /// repeat under the same `Message-ID` is right.
    case unknown(String)

    public var description: String {
        switch self {
        case .refused(let code, let text): "the mail server refused the letter: \(code) \(text)"
        case .later(let code, let text): "the mail server wants it later: \(code) \(text)"
        case .unreachable(let text): "the mail server cannot be reached: \(text)"
        case .unknown(let text): "the mail server's answer did not arrive: \(text)"
        }
    }
}

/// Sends letters over kept connections, several at once.
///
/// A connection per letter costs three quarters of the speed, so each of a few connections is kept and used by one
/// letter at a time. libcurl blocks while it speaks; every connection therefore has a thread of its own.
public final class Mailer: Sendable {
    private let connections: [MailConnection]
    private let free: Mutex<Waiting>

    private struct Waiting {
        var free: [Int]
        var queue: [CheckedContinuation<Int, Never>] = []
    }

    public init(_ relay: MailRelay, logger: Logger) {
        connections = (0..<relay.connections).map { MailConnection(relay, number: $0) }
        free = Mutex(Waiting(free: Array(0..<relay.connections)))
        logger.info("mail goes out", metadata: ["relay": "\(relay.url)", "connections": "\(relay.connections)"])
    }

    /// Sends one letter and returns when the server has taken it.
    ///
    /// - Throws: ``MailFailure``.
    public func send(_ letter: Letter) async throws {
        let index = await take()
        defer { give(index) }
        try await connections[index].send(letter)
    }

    private func take() async -> Int {
        await withCheckedContinuation { continuation in
            let index = free.withLock { waiting -> Int? in
                if let index = waiting.free.popLast() { return index }
                waiting.queue.append(continuation)
                return nil
            }
            if let index { continuation.resume(returning: index) }
        }
    }

    private func give(_ index: Int) {
        let next = free.withLock { waiting -> CheckedContinuation<Int, Never>? in
            if waiting.queue.isEmpty {
                waiting.free.append(index)
                return nil
            }
            return waiting.queue.removeFirst()
        }
        next?.resume(returning: index)
    }
}

/// Runs an actor on a serial queue of its own, so that the actor may block.
private final class MailExecutor: SerialExecutor {
    private let queue: DispatchQueue

    init(label: String) { queue = DispatchQueue(label: label) }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }
}

/// One kept connection to the mail server: a libcurl handle on a queue of its own.
actor MailConnection {
    /// A server may recycle connections at will; beyond this many letters we do it ourselves, as its operators expect.
    private static let lettersPerConnection = 100

    private let relay: MailRelay
    private let executor: MailExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    // The handle is made, used and freed on this actor's queue only.
    private var handle: UnsafeMutableRawPointer?
    private var sent = 0
    /// libcurl writes the server's refusal here.
    private let answers = Answers()

    init(_ relay: MailRelay, number: Int) {
        self.relay = relay
        executor = MailExecutor(label: "mail.\(number)")
    }

    isolated deinit {
        if let handle { curl_easy_cleanup(handle) }
    }

    func send(_ letter: Letter) throws {
        guard let handle = try ready() else { throw MailFailure.unreachable("libcurl could not be started") }
        answers.last = ""
        answers.sawGoAhead = false
        var headers: UnsafeMutablePointer<curl_slist>?
        for line in letter.headerLines { headers = curl_slist_append(headers, line) }
        var recipients = curl_slist_append(nil, "<\(letter.to.address)>")
        let mime = curl_mime_init(handle)
        defer {
            curl_slist_free_all(headers)
            curl_slist_free_all(recipients)
            curl_mime_free(mime)
            recipients = nil
        }
        add(letter.text, "text/plain; charset=utf-8", to: mime)
        add(letter.html, "text/html; charset=utf-8", to: mime)
        curl_easy_set_text(handle, CURLOPT_MAIL_FROM, "<\(letter.returnPath ?? letter.from.address)>")
        curl_easy_set_pointer(handle, CURLOPT_MAIL_RCPT, recipients)
        curl_easy_set_pointer(handle, CURLOPT_HTTPHEADER, headers)
        curl_easy_set_pointer(handle, CURLOPT_MIMEPOST, mime.map(UnsafeMutableRawPointer.init))
        let outcome = curl_easy_perform(handle)
        sent += 1
        if outcome != CURLE_OK { try fail(outcome, handle) }
    }

    private func add(_ text: String, _ type: String, to mime: OpaquePointer?) {
        let part = curl_mime_addpart(mime)
        // Copies the text; Cyrillic is shorter in base64 than quoted-printable, which would triple it.
        curl_mime_data(part, text, text.utf8.count)
        curl_mime_type(part, type)
        curl_mime_encoder(part, "base64")
    }

    private func fail(_ outcome: CURLcode, _ handle: UnsafeMutableRawPointer) throws {
        var code = 0
        curl_easy_get_long(handle, CURLINFO_RESPONSE_CODE, &code)
        let why = String(cString: curl_easy_strerror(outcome))
        let text = answers.last
        // After an error libcurl may keep a connection whose dialogue stands in the middle; start afresh.
        close()
        switch outcome {
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_CONNECT, CURLE_SSL_CONNECT_ERROR,
            CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_USE_SSL_FAILED, CURLE_LOGIN_DENIED,
            CURLE_SSL_CERTPROBLEM:
            throw MailFailure.unreachable(why)
        default: break
        }
        // 354 is «go ahead»: from then on the server may have the whole letter.
        if code == 354 || (answers.sawGoAhead && !(400...599).contains(code)) { throw MailFailure.unknown(why) }
        if (500...599).contains(code) { throw MailFailure.refused(code: code, text: text) }
        if (400...499).contains(code) { throw MailFailure.later(code: code, text: text) }
        throw MailFailure.unreachable(why)
    }

    /// The handle with everything that stays the same from letter to letter.
    private func ready() throws -> UnsafeMutableRawPointer? {
        if sent >= Self.lettersPerConnection { close() }
        if let handle { return handle }
        _ = Self.started
        guard let fresh = curl_easy_init() else { return nil }
        curl_easy_set_text(fresh, CURLOPT_URL, relay.url)
        curl_easy_set_long(fresh, CURLOPT_NOSIGNAL, 1)
        curl_easy_set_long(fresh, CURLOPT_CONNECTTIMEOUT_MS, 10_000)
        curl_easy_set_long(fresh, CURLOPT_TIMEOUT_MS, 60_000)
        curl_easy_set_long(fresh, CURLOPT_TCP_KEEPALIVE, 1)
        curl_easy_set_long(
            fresh, CURLOPT_USE_SSL,
            relay.requiresTLS ? Int(CURLUSESSL_ALL.rawValue) : Int(CURLUSESSL_TRY.rawValue))
        if let authority = relay.authorityFile { curl_easy_set_text(fresh, CURLOPT_CAINFO, authority) }
        if let user = relay.user { curl_easy_set_text(fresh, CURLOPT_USERNAME, user) }
        if let password = relay.password { curl_easy_set_text(fresh, CURLOPT_PASSWORD, password) }
        let keep: @convention(c) (UnsafeMutablePointer<CChar>?, Int, Int, UnsafeMutableRawPointer?) -> Int = {
            bytes, size, count, context in
            if let bytes, let context {
                let line = UnsafeRawBufferPointer(start: bytes, count: size * count)
                Unmanaged<Answers>.fromOpaque(context).takeUnretainedValue().heard(String(decoding: line, as: UTF8.self))
            }
            return size * count
        }
        // curl takes its callbacks through the same setter as data: a C function's address, without a context.
        curl_easy_set_pointer(fresh, CURLOPT_HEADERFUNCTION, unsafeBitCast(keep, to: UnsafeMutableRawPointer.self))
        // `answers` lives as long as this actor, which frees the handle before it goes.
        curl_easy_set_pointer(fresh, CURLOPT_HEADERDATA, Unmanaged.passUnretained(answers).toOpaque())
        handle = fresh
        return fresh
    }

    private func close() {
        if let handle { curl_easy_cleanup(handle) }
        handle = nil
        sent = 0
    }

    /// libcurl's process-wide start, once and before any handle.
    private static let started: Bool = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    /// What the server last said; touched on the connection's queue only, from inside libcurl's call.
    private final class Answers {
        var last = ""
        var sawGoAhead = false

        func heard(_ line: String) {
            let answer = line.trimmingCharacters(in: .whitespacesAndNewlines)
            // After a refusal libcurl says goodbye, and the answer to that is not what anybody wants to read.
            if answer.hasPrefix("4") || answer.hasPrefix("5") { last = answer }
            if answer.hasPrefix("354") { sawGoAhead = true }
        }
    }
}

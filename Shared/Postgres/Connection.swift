import CLibPQ
import Foundation
import Logging
import Synchronization

/// One libpq connection with its prepared statements.
///
/// libpq's handle may be used by one thread at a time and blocks: everything here runs on the queue of the
/// ``PooledConnection`` that owns it, and nothing of it leaves.
final class Connection {
    /// When there are more statements than this, the one unused for longest is forgotten; a service has a few dozen.
    private static let mostStatements = 256
    /// Bytes of values that surely fit into the buffer of an idle socket (Linux gives it 16 KiB at least).
    private static let mostSentAtOnce = 8192

    private var handle: OpaquePointer
    private var statements: [String: Prepared] = [:]
    /// Counts statements that were made and uses of them.
    private var made = 0
    private var uses = 0
    /// `BEGIN …` that was asked for and not sent yet: it travels together with the first statement.
    private var pendingBegin: String?
    private(set) var isInTransaction = false
    /// Whether the server has answered anything since `begin`: until then the whole transaction may be run elsewhere.
    private(set) var wasAnswered = false
    /// Set when the server's idea of a statement no longer fits ours: the connection ends with its present work.
    private var isSpoiled = false
    /// Reused from statement to statement, so that a statement allocates nothing for its parameters.
    private var parameters = Parameters()
    /// What has come so far for a statement that nobody blocks for.
    private var answer: OpaquePointer?

    /// Connects, waiting no longer than the configuration allows.
    init(_ configuration: DatabaseConfiguration) throws(PostgresError) {
        let opened = PQconnectdb(configuration.connectionString)
        guard let opened else { throw PostgresError(sqlState: "08001", message: "no memory for a connection") }
        guard PQstatus(opened) == CONNECTION_OK else {
            let message = String(cString: PQerrorMessage(opened)).trimmingCharacters(in: .whitespacesAndNewlines)
            PQfinish(opened)
            let state =
                message.contains("password authentication failed") || message.contains("does not exist")
                ? (message.contains("database") && message.contains("does not exist") ? "3D000" : "28P01")
                : message.contains("too many") ? "53300" : message.contains("starting up") ? "57P03" : "08001"
            throw PostgresError(sqlState: state, message: message)
        }
        handle = opened
        // Notices («table exists, skipping») are for people at a terminal.
        PQsetNoticeReceiver(opened, { _, _ in }, nil)
    }

    deinit {
        PQclear(answer)
        PQfinish(handle)
    }

    /// What cancels a running statement from another thread; the caller frees it.
    func canceller() -> OpaquePointer? { PQgetCancel(handle) }

    var socket: Int32 { PQsocket(handle) }

    /// Whether the next one can be given this connection: nothing begun, nothing unread, nothing outdated.
    var isClean: Bool {
        !isSpoiled && PQtransactionStatus(handle) == PQTRANS_IDLE && PQpipelineStatus(handle) == PQ_PIPELINE_OFF
    }

    /// Whether the server hung up while the connection lay idle: one look at the socket, without waiting.
    func isAlive() -> Bool {
        guard PQstatus(handle) == CONNECTION_OK else { return false }
        var descriptor = pollfd(fd: PQsocket(handle), events: Int16(POLLIN), revents: 0)
        // Nobody asked anything, so whatever comes is a farewell or its like; the close itself may come later.
        return poll(&descriptor, 1, 0) == 0
    }

    // MARK: Transactions

    func begin(_ command: String) {
        pendingBegin = command
        wasAnswered = false
    }

    /// Commits; a transaction in which nothing was asked never reaches the server.
    func commit() throws {
        if pendingBegin != nil {
            pendingBegin = nil
            return
        }
        guard isInTransaction else { return }
        try Task.checkCancellation()
        isInTransaction = false
        let result = PQexec(handle, "COMMIT")
        defer { PQclear(result) }
        try check(result)
        // The server answers ROLLBACK when a statement failed and its error was swallowed.
        if let tag = PQcmdStatus(result), String(cString: tag) == "ROLLBACK" {
            throw PostgresError(sqlState: "25P02", message: "the transaction had failed and was rolled back")
        }
    }

    func rollBack() {
        pendingBegin = nil
        guard isInTransaction else { return }
        isInTransaction = false
        PQclear(PQexec(handle, "ROLLBACK"))
    }

    // MARK: Statements

    /// Runs a statement and hands its result to `read`.
    func run<T>(_ sql: SQL, _ read: (OpaquePointer?) throws -> T) throws -> T {
        // The request to cancel may have come between two statements, when there was nothing to stop.
        try Task.checkCancellation()
        let name = try prepared(sql)
        parameters.fill(sql.values)
        let result: OpaquePointer?
        if let begin = pendingBegin {
            pendingBegin = nil
            isInTransaction = true
            result = try together(with: begin, name)
        } else {
            result = parameters.withPointers { count, values, lengths, formats in
                PQexecPrepared(handle, name, count, values, lengths, formats, 1)
            }
        }
        defer { PQclear(result) }
        try check(result)
        return try read(result)
    }

    /// Sends a statement without waiting for anything. False, and nothing sent, when the server does not know it yet or its
    /// values might not fit into the socket's buffer: then it has to be run by whoever may block.
    func send(_ sql: SQL) throws -> Bool {
        guard pendingBegin == nil, let known = statements[sql.text], known.fits(sql.values) else { return false }
        parameters.fill(sql.values)
        guard parameters.size < Self.mostSentAtOnce else { return false }
        uses += 1
        known.lastUse = uses
        let sent = parameters.withPointers { count, values, lengths, formats in
            PQsendQueryPrepared(handle, known.name, count, values, lengths, formats, 1)
        }
        guard sent == 1 else { throw lost() }
        return true
    }

    /// Takes in what the socket has, without waiting; true when the answer to what was sent is whole.
    func takeIn() throws -> Bool {
        guard PQconsumeInput(handle) == 1 else { throw lost() }
        while PQisBusy(handle) == 0 {
            guard let result = PQgetResult(handle) else { return true }
            PQclear(answer)
            answer = result
        }
        return false
    }

    /// Hands the whole answer to `read`.
    func finish<T>(_ read: (OpaquePointer?) throws -> T) throws -> T {
        let result = answer
        answer = nil
        defer { PQclear(result) }
        try check(result)
        return try read(result)
    }

    /// Runs plain text of one or several statements without values: migrations, settings.
    func script(_ text: String) throws {
        if let begin = pendingBegin {
            pendingBegin = nil
            isInTransaction = true
            let result = PQexec(handle, begin)
            defer { PQclear(result) }
            try check(result)
        }
        let result = PQexec(handle, text)
        defer { PQclear(result) }
        try check(result)
    }

    /// Runs many statements in one round trip. The first that fails is the one reported; those after it did not run.
    func pipeline(_ all: [SQL]) throws {
        // Not all at once: neither side has to hold thousands of statements, and one in 64 round trips is left.
        var rest = all[...]
        while !rest.isEmpty {
            let some = rest.prefix(64)
            rest = rest.dropFirst(64)
            try exchange(Array(some))
        }
    }

    private func exchange(_ statements: [SQL]) throws {
        try Task.checkCancellation()
        let names = try statements.map { try prepared($0) }
        let begin = pendingBegin
        if begin != nil {
            pendingBegin = nil
            isInTransaction = true
        }
        guard PQenterPipelineMode(handle) == 1 else { throw lost() }
        var sent = true
        if let begin { sent = PQsendQueryParams(handle, begin, 0, nil, nil, nil, nil, 1) == 1 }
        for (name, sql) in zip(names, statements) where sent {
            parameters.fill(sql.values)
            sent = parameters.withPointers { count, values, lengths, formats in
                PQsendQueryPrepared(handle, name, count, values, lengths, formats, 1)
            } == 1
        }
        guard sent, PQpipelineSync(handle) == 1 else { throw lost() }
        var failure: PostgresError?
        for _ in 0..<statements.count + (begin == nil ? 0 : 1) {
            while let result = PQgetResult(handle) {
                if failure == nil { failure = self.failure(of: result) }
                PQclear(result)
            }
        }
        try endPipeline()
        if let failure { throw failure }
    }

    /// Sends `BEGIN` and the first statement of a transaction in one round trip.
    private func together(with begin: String, _ name: String) throws -> OpaquePointer? {
        guard PQenterPipelineMode(handle) == 1, PQsendQueryParams(handle, begin, 0, nil, nil, nil, nil, 1) == 1,
            parameters.withPointers({ count, values, lengths, formats in
                PQsendQueryPrepared(handle, name, count, values, lengths, formats, 1)
            }) == 1, PQpipelineSync(handle) == 1
        else { throw lost() }
        var failed: PostgresError?
        while let result = PQgetResult(handle) {
            failed = failed ?? failure(of: result)
            PQclear(result)
        }
        var answer: OpaquePointer?
        while let result = PQgetResult(handle) {
            if answer == nil { answer = result } else { PQclear(result) }
        }
        do {
            try endPipeline()
        } catch {
            PQclear(answer)
            throw error
        }
        if let failed {
            PQclear(answer)
            throw failed
        }
        return answer
    }

    private func endPipeline() throws {
        // The answer to the sync itself; nothing but it can come here.
        while let result = PQgetResult(handle) {
            let isSync = PQresultStatus(result) == PGRES_PIPELINE_SYNC
            PQclear(result)
            if isSync { break }
        }
        guard PQexitPipelineMode(handle) == 1 else { throw lost() }
    }

    /// A statement that the server knows by a name.
    private final class Prepared {
        let name: String
        let types: [UInt32]
        var lastUse: Int

        init(name: String, types: [UInt32], lastUse: Int) {
            self.name = name
            self.types = types
            self.lastUse = lastUse
        }

        /// Whether these values have the types that the server was told.
        func fits(_ values: [any Bindable]) -> Bool {
            guard types.count == values.count else { return false }
            for index in types.indices where type(of: values[index]).postgresType.oid != types[index] { return false }
            return true
        }
    }

    /// The name under which the server knows the statement, telling it first if it does not.
    private func prepared(_ sql: SQL) throws -> String {
        let text = sql.text
        uses += 1
        if let known = statements[text], known.fits(sql.values) {
            known.lastUse = uses
            return known.name
        }
        if let outdated = statements[text] {
            forget(text, outdated)
        } else if statements.count >= Self.mostStatements, let oldest = statements.min(by: { $0.value.lastUse < $1.value.lastUse }) {
            forget(oldest.key, oldest.value)
        }
        made += 1
        let name = "s\(made)"
        let types = sql.values.map { type(of: $0).postgresType.oid }
        if let begin = pendingBegin {
            // A statement that cannot be prepared must not leave the transaction half begun.
            pendingBegin = nil
            isInTransaction = true
            let result = PQexec(handle, begin)
            defer { PQclear(result) }
            try check(result)
        }
        let result = PQprepare(handle, name, text, Int32(types.count), types)
        defer { PQclear(result) }
        try check(result)
        statements[text] = Prepared(name: name, types: types, lastUse: uses)
        return name
    }

    private func forget(_ text: String, _ statement: Prepared) {
        statements[text] = nil
        // In a failed transaction the server refuses; then it keeps an unused statement until the connection ends.
        PQclear(PQexec(handle, "DEALLOCATE \(statement.name)"))
    }

    /// A password in the form in which the server stores it, so that the password itself never reaches the server's log.
    func verifier(of password: String, for role: String) throws -> String {
        guard let text = PQencryptPasswordConn(handle, password, role, nil) else { throw lost() }
        defer { PQfreemem(text) }
        return String(cString: text)
    }

    // MARK: Errors

    private func check(_ result: OpaquePointer?) throws {
        guard let result else { throw lost() }
        if let failure = failure(of: result) { throw failure }
    }

    private func failure(of result: OpaquePointer) -> PostgresError? {
        switch PQresultStatus(result) {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY, PGRES_PIPELINE_SYNC, PGRES_SINGLE_TUPLE:
            wasAnswered = true
            return nil
        case PGRES_PIPELINE_ABORTED:
            return PostgresError(sqlState: "25P02", message: "an earlier statement of the same round trip failed")
        default: break
        }
        func field(_ code: Int32) -> String? { PQresultErrorField(result, code).map { String(cString: $0) } }
        // libpq's field codes are characters that its header defines as macros Swift does not import.
        guard let state = field(Int32(UInt8(ascii: "C"))) else { return lost() }
        // A table changed under a prepared statement, or the server no longer knows it: a fresh connection prepares anew.
        if state == "0A000" || state == "26000" { isSpoiled = true }
        return PostgresError(
            sqlState: PQstatus(handle) == CONNECTION_OK || state.hasPrefix("57P") ? state : "08006",
            message: field(Int32(UInt8(ascii: "M"))) ?? "unknown error", constraint: field(Int32(UInt8(ascii: "n"))),
            detail: field(Int32(UInt8(ascii: "D"))))
    }

    private func lost() -> PostgresError {
        PostgresError(
            sqlState: PQstatus(handle) == CONNECTION_OK ? "XX000" : "08006",
            message: String(cString: PQerrorMessage(handle)).trimmingCharacters(in: .whitespacesAndNewlines))
    }
}

/// The values of a statement in the form that libpq wants them: pointers into one buffer.
private struct Parameters {
    private var bytes: [UInt8] = []
    private var ends: [Int] = []
    private var isNull: [Bool] = []
    private var lengths: [Int32] = []
    private var formats: [Int32] = []
    private var pointers: [UnsafePointer<CChar>?] = []

    /// Bytes of all values.
    var size: Int { bytes.count }

    mutating func fill(_ values: [any Bindable]) {
        bytes.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
        isNull.removeAll(keepingCapacity: true)
        for value in values {
            isNull.append(!value.encode(into: &bytes))
            ends.append(bytes.count)
        }
        // An empty value needs an address too: null would mean null.
        bytes.append(0)
    }

    mutating func withPointers<T>(
        _ body: (Int32, UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?) -> T
    ) -> T {
        lengths.removeAll(keepingCapacity: true)
        pointers.removeAll(keepingCapacity: true)
        while formats.count < ends.count { formats.append(1) }
        return bytes.withUnsafeBytes { buffer in
            var start = 0
            for (index, end) in ends.enumerated() {
                lengths.append(Int32(end - start))
                // The buffer holds at least one byte, so it has an address.
                let address = buffer.baseAddress! + start
                pointers.append(isNull[index] ? nil : address.assumingMemoryBound(to: CChar.self))
                start = end
            }
            return body(Int32(ends.count), pointers, lengths, formats)
        }
    }
}

import CLibPQ
import Foundation
import Logging
import Synchronization

/// A connection that only listens to one channel, with a thread of its own that sleeps on the socket.
enum Listener {
    /// How long the thread sleeps at most before it looks whether anyone still listens.
    private static let nap: Int32 = 500

    static func stream(_ channel: String, _ configuration: DatabaseConfiguration, logger: Logger) -> AsyncStream<String> {
        precondition(channel.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }, "a channel is a name")
        let isOver = Flag()
        return AsyncStream(bufferingPolicy: .bufferingNewest(10_000)) { continuation in
            continuation.onTermination = { _ in isOver.set() }
            let thread = Thread {
                var wait: TimeInterval = 0.1
                while !isOver.isSet {
                    do throws(PostgresError) {
                        let connection = try Listening(configuration, channel)
                        continuation.yield("")
                        wait = 0.1
                        try connection.listen(nap: nap, until: isOver) { continuation.yield($0) }
                    } catch {
                        logger.warning(
                            "listening was interrupted", metadata: ["channel": "\(channel)", "error": "\(error)"])
                        Thread.sleep(forTimeInterval: wait * Double.random(in: 0.7...1.3))
                        wait = min(wait * 2, 5)
                    }
                }
                continuation.finish()
            }
            thread.name = "listen \(channel)"
            thread.start()
        }
    }

    private final class Flag: Sendable {
        private let value = Atomic(false)
        var isSet: Bool { value.load(ordering: .relaxed) }
        func set() { value.store(true, ordering: .relaxed) }
    }

    /// The connection itself; lives on its thread.
    private final class Listening {
        private let handle: OpaquePointer

        init(_ configuration: DatabaseConfiguration, _ channel: String) throws(PostgresError) {
            guard let opened = PQconnectdb(configuration.connectionString) else {
                throw PostgresError(sqlState: "08001", message: "no memory for a connection")
            }
            handle = opened
            let result = PQstatus(opened) == CONNECTION_OK ? PQexec(opened, "LISTEN \(channel)") : nil
            let isListening = PQresultStatus(result) == PGRES_COMMAND_OK
            PQclear(result)
            guard isListening else { throw lost() }
        }

        deinit { PQfinish(handle) }

        func listen(nap: Int32, until isOver: Flag, _ heard: (String) -> Void) throws(PostgresError) {
            while !isOver.isSet {
                var descriptor = pollfd(fd: PQsocket(handle), events: Int16(POLLIN), revents: 0)
                guard poll(&descriptor, 1, nap) > 0 else { continue }
                guard PQconsumeInput(handle) == 1 else { throw lost() }
                while let notification = PQnotifies(handle) {
                    heard(String(cString: notification.pointee.extra))
                    PQfreemem(notification)
                }
            }
        }

        private func lost() -> PostgresError {
            PostgresError(
                sqlState: "08006",
                message: String(cString: PQerrorMessage(handle)).trimmingCharacters(in: .whitespacesAndNewlines))
        }
    }
}

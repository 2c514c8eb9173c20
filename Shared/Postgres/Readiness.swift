import CLibPQ
import Foundation

/// Tells when a socket has something to read: one thread watches all of them, so that nobody holds a thread of his own
/// while the server thinks.
final class Readiness: Sendable {
    static let shared = Readiness()

    /// Whoever waits for one socket; the kernel keeps the pointer to it until the socket is ready.
    private final class Waiter {
        let continuation: CheckedContinuation<Void, any Error>
        init(_ continuation: CheckedContinuation<Void, any Error>) { self.continuation = continuation }
    }

    private let watched: Int32

    private init() {
        watched = epoll_create1(Int32(EPOLL_CLOEXEC))
        let thread = Thread { [watched] in Self.watch(watched) }
        thread.name = "postgres.readiness"
        thread.start()
    }

    /// Returns when there is something to read on the socket, or when it was closed by the other side. One may wait for a
    /// socket at a time, and it stays open meanwhile.
    func wait(for socket: Int32) async throws {
        try await withCheckedThrowingContinuation { continuation in
            let waiter = Unmanaged.passRetained(Waiter(continuation))
            var event = epoll_event()
            // Told once: the socket is asleep for us until the next one waits for it.
            event.events = EPOLLIN.rawValue | EPOLLRDHUP.rawValue | EPOLLONESHOT.rawValue
            event.data.ptr = waiter.toOpaque()
            var result = epoll_ctl(watched, EPOLL_CTL_MOD, socket, &event)
            if result != 0, errno == ENOENT { result = epoll_ctl(watched, EPOLL_CTL_ADD, socket, &event) }
            guard result == 0 else {
                let reason = String(cString: strerror(errno))
                waiter.release()
                return continuation.resume(
                    throwing: PostgresError(sqlState: "58000", message: "the connection cannot be watched: \(reason)"))
            }
        }
    }

    private static func watch(_ watched: Int32) {
        var events = [epoll_event](repeating: epoll_event(), count: 64)
        while true {
            let count = epoll_wait(watched, &events, Int32(events.count), -1)
            guard count > 0 else {
                if count < 0, errno != EINTR { return }
                continue
            }
            for event in events[..<Int(count)] {
                guard let pointer = event.data.ptr else { continue }
                Unmanaged<Waiter>.fromOpaque(pointer).takeRetainedValue().continuation.resume()
            }
        }
    }
}

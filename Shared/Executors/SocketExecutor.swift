import CEpoll
import DequeModule
import Foundation
import Synchronization

/// Runs tasks, and tells them when their sockets have something to read, on the same few threads.
///
/// A thread with nothing to run waits for all watched sockets at once. The one that hears of an answer goes on with the task
/// that waits for it, on the spot: no thread has to wake another. Tasks come here by their preference:
///
/// ```swift
/// await withTaskExecutorPreference(SocketExecutor.shared) { … }     // this task, and the child tasks that it makes
/// ```
///
/// A task that runs elsewhere may wait for a socket all the same, and is woken where it runs. As on the pool of the
/// concurrency runtime, nothing that blocks may run here.
public final class SocketExecutor: TaskExecutor {
    public static let shared = SocketExecutor(threads: max(2, ProcessInfo.processInfo.activeProcessorCount))

    /// How many ready tasks run at most before somebody looks at the sockets.
    private static let mostInARow = 16

    private struct State {
        var ready: Deque<UnownedJob> = []
        /// Threads that wait for sockets and nothing else.
        var idle = 0
        /// Whether somebody has been called and has not come yet.
        var isCalled = false

        /// Whether to ring for one more thread.
        mutating func call() -> Bool {
            guard idle > 0, !isCalled else { return false }
            isCalled = true
            return true
        }

        /// The next to run, and whether to ring for somebody who runs the one after it.
        mutating func next() -> (job: UnownedJob, isCalled: Bool)? {
            guard let job = ready.popFirst() else { return nil }
            return (job, !ready.isEmpty && call())
        }
    }

    private let state = Mutex(State())
    /// The sockets, and the bell.
    private let watched: Int32
    /// Calls a thread that waits for sockets to a task.
    private let bell: Int32
    /// Set in our own threads while they hear of a socket, and until the task that waited for it suspends: what becomes ready
    /// then they run themselves, next.
    private let hearing: pthread_key_t

    private init(threads: Int) {
        watched = epoll_create1(Int32(EPOLL_CLOEXEC))
        bell = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        var key = pthread_key_t()
        pthread_key_create(&key, nil)
        hearing = key
        var event = epoll_event()
        // Edge-triggered: each stroke calls one thread, and nobody has to read it.
        event.events = EPOLLIN.rawValue | EPOLLET.rawValue
        event.data.ptr = nil
        epoll_ctl(watched, EPOLL_CTL_ADD, bell, &event)
        for number in 1...threads {
            let thread = Thread { [self] in serve() }
            thread.name = "sockets.\(number)"
            thread.start()
        }
    }

    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let runsItHere = pthread_getspecific(hearing) != nil
        let isCalled = state.withLock { state in
            state.ready.append(job)
            return (!runsItHere || state.ready.count > 1) && state.call()
        }
        if isCalled { eventfd_write(bell, 1) }
    }

    /// Returns when there is something to read on the socket, or when it was closed by the other side. One may wait for a
    /// socket at a time, and it stays open meanwhile.
    ///
    /// - Throws: ``SocketFailure`` when it cannot be watched.
    public func wait(for socket: Int32) async throws(SocketFailure) {
        let failure = await withUnsafeContinuation { (waiter: Waiter) in
            var event = epoll_event()
            // Told once: the socket is asleep for us until the next one waits for it.
            event.events = EPOLLIN.rawValue | EPOLLRDHUP.rawValue | EPOLLONESHOT.rawValue
            event.data.ptr = unsafeBitCast(waiter, to: UnsafeMutableRawPointer.self)
            var result = epoll_ctl(watched, EPOLL_CTL_MOD, socket, &event)
            if result != 0, errno == ENOENT { result = epoll_ctl(watched, EPOLL_CTL_ADD, socket, &event) }
            if result != 0 { waiter.resume(returning: errno) }
        }
        guard failure == 0 else {
            throw SocketFailure(code: failure)
        }
    }

    /// Whoever waits for one socket, resumed with 0 or the number of an error. The kernel keeps it until the socket is ready:
    /// it is one pointer, which a checked continuation is not.
    private typealias Waiter = UnsafeContinuation<Int32, Never>

    // MARK: The threads

    private func serve() {
        let executor = asUnownedTaskExecutor()
        while true {
            var inARow = 0
            while inARow < Self.mostInARow, let next = state.withLock({ $0.next() }) {
                if next.isCalled { eventfd_write(bell, 1) }
                next.job.runSynchronously(on: executor)
                if inARow == 0 { pthread_setspecific(hearing, nil) }
                inARow += 1
            }
            hear()
        }
    }

    /// Hears of one socket, waiting for it when there is nothing to run.
    private func hear() {
        let waits = state.withLock { state in
            guard state.ready.isEmpty else { return false }
            state.idle += 1
            return true
        }
        var event = epoll_event()
        let count = epoll_wait(watched, &event, 1, waits ? -1 : 0)
        let waiter = count == 1 ? event.data.ptr : nil
        if waits || count == 1 && waiter == nil {
            state.withLock { state in
                if waits { state.idle -= 1 }
                if count == 1, waiter == nil { state.isCalled = false }
            }
        }
        guard let waiter else { return }
        // Any address: the pointer is a flag.
        pthread_setspecific(hearing, waiter)
        unsafeBitCast(waiter, to: Waiter.self).resume(returning: 0)
    }
}

/// A socket that cannot be watched.
public struct SocketFailure: Error, CustomStringConvertible {
    /// The system's number of the error.
    public let code: Int32

    public var description: String { "the socket cannot be watched: \(String(cString: strerror(code)))" }
}

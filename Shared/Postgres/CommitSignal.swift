import Synchronization

/// Says that something was committed: whoever carries it on need not wait for his next look.
///
/// Several firings before anyone looks are one. Within one process only; between copies the slow look is the net.
public final class CommitSignal: Sendable {
    private struct State {
        var isPending = false
        var waiter: CheckedContinuation<Bool, Never>?
    }

    private let state = Mutex(State())

    public init() {}

    public func fire() {
        let waiter = state.withLock { state -> CheckedContinuation<Bool, Never>? in
            guard let waiter = state.waiter else {
                state.isPending = true
                return nil
            }
            state.waiter = nil
            return waiter
        }
        waiter?.resume(returning: true)
    }

    /// Returns when the signal is fired (at once if it has been since the last wait), after the time, or when the task is
    /// cancelled. One task waits at a time; a second releases the first.
    ///
    /// - Returns: whether it was fired.
    @discardableResult
    public func wait(upTo time: Duration) async -> Bool {
        var timer: Task<Void, Never>?
        defer { timer?.cancel() }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Bool, Never>) in
                let (resume, isFired) = state.withLock { state -> (CheckedContinuation<Bool, Never>?, Bool) in
                    if state.isPending || Task.isCancelled {
                        defer { state.isPending = false }
                        return (continuation, state.isPending)
                    }
                    defer { state.waiter = continuation }
                    return (state.waiter, false)
                }
                resume?.resume(returning: isFired)
                // Only now, when there is someone to release.
                timer = Task { [weak self] in
                    // Cancelled when the signal came first.
                    if (try? await Task.sleep(for: time)) != nil { self?.release() }
                }
            }
        } onCancel: {
            release()
        }
    }

    private func release() {
        let waiter = state.withLock { state -> CheckedContinuation<Bool, Never>? in
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume(returning: false)
    }
}

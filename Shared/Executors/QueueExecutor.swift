public import Dispatch

/// Runs an actor on a serial queue of its own, so that the actor may block without holding a thread that others need.
///
/// libpq and librabbitmq forbid touching one connection from two threads; the actor on this executor is that rule.
public final class QueueExecutor: SerialExecutor {
    public let queue: DispatchQueue

    /// - Parameter label: the queue's name, for debuggers.
    public init(label: String) { queue = DispatchQueue(label: label) }

    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }

    public func checkIsolated() { dispatchPrecondition(condition: .onQueue(queue)) }
}

/// Does something when its owner lets go of it: with it an actor that holds dispatch sources cancels them without a
/// deinitialiser on its own executor. (One that other modules see makes the optimiser of Swift 6.3.1 end with
/// "circular reference".)
public final class OnRelease {
    private let action: () -> Void

    /// - Parameter action: called once, on any thread.
    public init(_ action: @escaping () -> Void) { self.action = action }

    deinit { action() }
}

import Dispatch

/// Runs an actor on a serial queue of its own, so that the actor may block without holding a thread that others need.
///
/// librabbitmq forbids touching one connection from two threads; the actor on this executor is that rule.
final class QueueExecutor: SerialExecutor {
    let queue: DispatchQueue

    init(label: String) { queue = DispatchQueue(label: label) }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }

    func checkIsolated() { dispatchPrecondition(condition: .onQueue(queue)) }
}

/// Does something when its owner lets go of it: with it an actor that holds dispatch sources cancels them without a
/// deinitialiser on its own executor. (One that other modules see makes the optimiser of Swift 6.3.1 end with
/// "circular reference".)
final class OnRelease {
    private let action: () -> Void

    /// - Parameter action: called once, on any thread.
    init(_ action: @escaping () -> Void) { self.action = action }

    deinit { action() }
}

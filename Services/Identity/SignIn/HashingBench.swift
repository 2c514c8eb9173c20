import Dispatch

/// Where passwords are hashed: off the cooperative threads, at most two at once, with a queue that is not endless.
///
/// A hash takes 19 MiB and some 25 ms of a core on purpose. Without a bound a crowd of sign-ins, or somebody
/// playing a crowd, would take all memory and all threads from everybody else.
actor HashingBench {
    private let queue = DispatchQueue(label: "identity.hashing", attributes: .concurrent)
    private let width: Int
    private let longestQueue: Int
    private var running = 0
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(width: Int = 2, longestQueue: Int = 200) {
        self.width = width
        self.longestQueue = longestQueue
    }

    /// Whether nobody is hashing.
    var isIdle: Bool { running == 0 }

    /// Runs slow work on a thread of its own when it is its turn.
    ///
    /// - Throws: ``HashingBusy`` when too many wait already, and whatever `work` throws.
    func run<Result: Sendable>(_ work: @escaping @Sendable () throws -> Result) async throws -> Result {
        if running == width {
            guard waiting.count < longestQueue else { throw HashingBusy() }
            // Whoever finishes hands his place over, so `running` stays as it is.
            await withCheckedContinuation { waiting.append($0) }
        } else {
            running += 1
        }
        defer {
            if waiting.isEmpty { running -= 1 } else { waiting.removeFirst().resume() }
        }
        return try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Swift.Result { try work() }) }
        }
    }
}

/// More people sign in at once than can be served; worth trying again in a moment.
struct HashingBusy: Error {}

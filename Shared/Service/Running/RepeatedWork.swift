import Foundation
public import Logging
import Metrics
public import ServiceLifecycle

/// Work that is due again and again: a round, a pause, the next round, until the process leaves.
///
/// Copies of a service do it side by side and are killed anywhere, so a round must be right when two run at once and when one ends in
/// the middle. A round that fails is said aloud and tried again: after a second, then after twice as long each time, at most after a
/// minute and never later than it would have come anyway. Operators see `zvonok_round_failures_total`, `zvonok_round_changes_total`
/// and `zvonok_round_ended_timestamp_seconds` by `work`.
public protocol RepeatedWork: ServiceLifecycle.Service {
    /// What the log and the metrics call it, in a few words: "paid services".
    static var name: String { get }
    /// From the end of a round to the beginning of the next.
    var pause: Duration { get }
    var logger: Logger { get }

    /// Does what is due.
    ///
    /// - Returns: how much was changed; 0 is silent.
    func round() async throws -> Int

    /// Waits for the next round; whoever can be woken earlier has his own.
    func rest(_ pause: Duration) async
}

extension RepeatedWork {
    public func rest(_ pause: Duration) async { try? await Task.sleep(for: pause) }

    public func run() async throws {
        let labels = [("work", Self.name)]
        let failures = Counter(label: "zvonok_round_failures_total", dimensions: labels)
        let changes = Counter(label: "zvonok_round_changes_total", dimensions: labels)
        let ended = Gauge(label: "zvonok_round_ended_timestamp_seconds", dimensions: labels)
        await cancelWhenGracefulShutdown {
            var failed = 0
            while !Task.isCancelled {
                do {
                    let count = try await round()
                    failed = 0
                    changes.increment(by: Int64(count))
                    ended.record(Date().timeIntervalSince1970)
                    // What is done all the time is not worth a line each time.
                    if count > 0 {
                        logger.log(level: pause < .seconds(60) ? .debug : .info, "a round is done", metadata: ["work": "\(Self.name)", "changed": "\(count)"])
                    }
                } catch is CancellationError {
                    return
                } catch {
                    // Nothing is lost: what is due stays due.
                    failures.increment()
                    failed += 1
                    logger.warning("a round failed; tried again soon", metadata: ["work": "\(Self.name)", "error": "\(error)"])
                }
                await rest(RepeatedWorkRules.pause(pause, afterFailures: failed))
            }
        }
    }
}

/// When the next round comes.
enum RepeatedWorkRules {
    /// - Parameter failures: how many rounds in a row have failed.
    static func pause(_ pause: Duration, afterFailures failures: Int) -> Duration {
        guard failures > 0 else { return pause }
        return min(pause, .seconds(min(60, 1 << min(failures - 1, 6))))
    }
}

import ArgumentParser
import Executors
import Foundation
import Logging
import Postgres

/// Our side of the benchmarks of drivers and messaging: each command does a measured piece of work with the modules that
/// the services use, and prints one line of JSON. `run.py` sets it beside the same work done by others.
@main struct Benchmarks: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "Benchmarks",
        subcommands: [
            Prepare.self, Say.self, PostgresUpdate.self, PostgresSelect.self, Publish.self, Consume.self, RelayOutbox.self,
            Inbox.self, SessionCheck.self,
        ])

    /// Everything runs where services run it.
    static func main() async { await withTaskExecutorPreference(SocketExecutor.shared) { await main(nil) } }
}

/// What was done in what time.
struct Measurement: Encodable {
    /// Pieces of work a second.
    let rate: Double
    let seconds: Double
    let count: Int

    init(count: Int, in time: Duration) {
        self.count = count
        seconds = time / .seconds(1)
        rate = Double(count) / seconds
    }

    func show() throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        print(String(decoding: try encoder.encode(self), as: UTF8.self))
    }
}

/// The work did not come to its end.
struct Stuck: Error, CustomStringConvertible {
    let description: String
}

/// Says only what is wrong: a line for each message would be part of the figure.
func quietLogger() -> Logger {
    var logger = Logger(label: "benchmark") { StreamLogHandler.standardError(label: $0) }
    logger.logLevel = .warning
    return logger
}

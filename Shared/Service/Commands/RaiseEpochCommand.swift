import ArgumentParser
import Foundation
import Messaging
import Postgres

/// After a restore: makes what the service says from now on win over what it said and has forgotten.
struct RaiseEpochCommand<S: SchoolService>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "raise-epoch",
            abstract: "After restoring a backup: let new messages win over those that were forgotten.",
            discussion: "Stop every copy of the service first; republish to every reader afterwards.")
    }

    @OptionGroup var options: ServiceOptions

    func run() async throws {
        try await withParts(of: S.self, options) { parts in
            let epoch = Epoch.next(after: parts.outbox.epoch, at: Date())
            _ = try await parts.database.transaction { transaction in
                try transaction.execute("update owner_epoch set epoch = \(epoch)")
            }
            print("the epoch was \(parts.outbox.epoch) and is \(epoch)")
        }
    }
}

/// Which epoch follows.
enum Epoch {
    /// Greater than the one before, and than any that a later restore of the same backup could have been given: hours since
    /// 2025. The backup itself does not know what was counted after it.
    static func next(after epoch: Int64, at now: Date) -> Int64 {
        max(epoch + 1, Int64(now.timeIntervalSince1970 - 1_735_689_600) / 3600)
    }
}

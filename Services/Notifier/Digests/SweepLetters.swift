import Foundation
import Logging
import Postgres
import Service

/// Forgets letters that nobody will ask about any more.
struct SweepLetters: RepeatedWork {
    static let name = "old letters forgotten"

    let database: Database
    let logger: Logger
    var pause: Duration { .seconds(3600) }

    func round() async throws -> Int {
        let now = Date()
        try await database.transaction { tx in
            try Digests.sweep(at: now, in: tx)
            try AccessLetters.sweep(at: now, in: tx)
        }
        return 0
    }
}

import Events
import Foundation
import Kernel
import Messaging
import Postgres
import Support
import Testing

@testable import Canteen
@testable import Ledger

/// From Canteen's operator through the broker into Ledger's statements.
@Suite("Journey of a till's name") struct TillJourneyTests {
    @Test("AC-05: Ledger knows what a till is called: as soon as it works, after it was away, and from nothing when Canteen says all of them again")
    func name() async throws {
        try await SixServices.with(hears: { $0 == "ledger.tills" }) { six in
            let (canteen, ledger) = (six.member("canteen"), six.member("ledger"))
            @Sendable func names() async throws -> [String] {
                try await ledger.database.rows("select name from known_till order by name", as: String.self)
            }
            let school = UUID.v7()
            let (first, second) = try await canteen.database.transaction { [outbox = canteen.outbox] tx in
                (
                    try RegisterTill(school: school, name: "Касса 1").run(in: tx, outbox: outbox).tillID,
                    try RegisterTill(school: school, name: "Касса 2").run(in: tx, outbox: outbox).tillID
                )
            }
            try await eventually(within: .seconds(30), "both are known") { try await names() == ["Касса 1", "Касса 2"] }
            await six.stop("ledger")
            try await canteen.database.transaction { [outbox = canteen.outbox] tx in
                try RenameTill(till: first, name: "Буфет").run(in: tx, outbox: outbox)
                try EndTill(till: second).run(in: tx, outbox: outbox)
            }
            await six.start("ledger")
            // What has ended keeps its name: it stands in statements.
            try await eventually(within: .seconds(30), "the new name is known") { try await names() == ["Буфет", "Касса 2"] }
            try await ledger.database.execute("delete from known_till")
            _ = try await Republication.run(
                CanteenService.republications.filter { $0.name == TillChanged.name }, to: canteen.outbox.prefix + "ledger.tills",
                outbox: canteen.outbox, database: canteen.database)
            try await eventually(within: .seconds(30), "all were said again") { try await names() == ["Буфет", "Касса 2"] }
        }
    }
}

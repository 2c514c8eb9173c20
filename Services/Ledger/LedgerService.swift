import ArgumentParser
import Events
import Foundation
import Messaging
import Postgres
import Service
import ServiceLifecycle
import Web

/// Whose money is where. The only service that changes a balance.
///
/// Hears of pupils and schools from Identity and opens their accounts; is asked by Canteen for the price of sales and
/// answers each once; serves the family's pages of money and the accountant's cash desk.
@main struct LedgerService: SchoolService {
    static let name = "ledger"
    static let bundle = Bundle.module

    static func main() async { await run() }

    static func hearings(_ parts: Parts) -> [Hearing] { LedgerHearings.all }

    static func routes(_ parts: Parts) -> RouteBook {
        LedgerRoutes(database: parts.database, outbox: parts.outbox, logger: parts.logger).book
    }

    static let republications: [Republication] = [
        .of(AccountChanged.self) { tx, after, limit in
            try tx.accounts(.page(after: after, limit: limit), at: Date()).map { AccountChanged(account: $0.state) }
        },
        .of(AllowanceChanged.self) { tx, after, limit in
            try tx.allowances(
                tx.rows(
                    "select id from allowance where \(after)::uuid is null or id > \(after) order by id limit \(limit)",
                    as: UUID.self))
        },
    ]

    static func work(_ parts: Parts) -> [any ServiceLifecycle.Service] {
        [
            RollUpOrganisations(database: parts.database, logger: parts.logger),
            AccrueSubsidies(database: parts.database, logger: parts.logger),
            VerifyNightly(database: parts.database, logger: parts.logger),
        ]
    }

    static let commands: [any AsyncParsableCommand.Type] = [
        VerifyCommand.self, ImportSubsidiesCommand.self, ImportCalendarCommand.self, GrantAllowancesCommand.self,
        ReleaseAllowancesCommand.self,
        PartnersCommand.self,
    ]
}

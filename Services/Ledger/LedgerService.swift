import ArgumentParser
import Events
import Foundation
import Kernel
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

    static let settings = ConfiguredAcquirer.settings

    static func checks(_ parts: Parts) -> [ReadinessCheck] { [ConfiguredAcquirer.check(parts)] }

    static func main() async { await run() }

    /// What brings card payments forward; nil where none is configured, or wrongly.
    static func settle(_ parts: Parts) -> SettleCardPayment? {
        guard let acquirer = ConfiguredAcquirer.openOrSay(parts) else { return nil }
        return SettleCardPayment(
            database: parts.database, outbox: parts.outbox, acquirer: acquirer, publicAddress: parts.publicAddress,
            logger: parts.logger)
    }

    static func hearings(_ parts: Parts) -> [Hearing] { LedgerHearings.all }

    static func routes(_ parts: Parts) -> RouteBook {
        LedgerRoutes(database: parts.database, outbox: parts.outbox, logger: parts.logger, settle: settle(parts)).book
    }

    static let republications: [Republication] = [
        .of(AccountChanged.self) { tx, after, limit in
            try tx.accounts(.page(after: after, limit: limit), at: Date()).map { AccountChanged(account: $0.state) }
        },
        .of(SubscriptionChanged.self) { tx, after, limit in
            let today = SchoolZone.moscow.day(of: Date())
            return try tx.subscriptions(.page(after: after, limit: limit)).compactMap { try tx.subscriptionChanged($0, on: today) }
        },
        .of(AllowanceChanged.self) { tx, after, limit in
            try tx.allowances(
                tx.rows(
                    "select id from allowance where \(after)::uuid is null or id > \(after) order by id limit \(limit)",
                    as: UUID.self))
        },
        .of(BankDetailsChanged.self) { try $0.bankDetails(after: $1, limit: $2) },
    ]

    static func work(_ parts: Parts) -> [any ServiceLifecycle.Service] {
        var work: [any ServiceLifecycle.Service] = [
            RollUpOrganisations(database: parts.database, logger: parts.logger),
            AccrueSubsidies(database: parts.database, logger: parts.logger),
            ChargeSubscriptions(database: parts.database, outbox: parts.outbox, logger: parts.logger),
            VerifyNightly(database: parts.database, logger: parts.logger),
        ]
        if let settle = settle(parts) { work.append(AskAboutPayments(settle: settle, logger: parts.logger)) }
        return work
    }

    static let commands: [any AsyncParsableCommand.Type] = [
        VerifyCommand.self, ImportSubsidiesCommand.self, ImportCalendarCommand.self, GrantAllowancesCommand.self,
        ReleaseAllowancesCommand.self,
        PartnersCommand.self, SetCardTermsCommand.self, SetBankDetailsCommand.self, ImportRegisterCommand.self,
    ]
}

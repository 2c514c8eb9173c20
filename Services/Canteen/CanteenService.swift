import ArgumentParser
import Directory
import Events
import Foundation
import Kernel
import Messaging
import Postgres
import Service
import ServiceLifecycle
import Web

/// Menus and sales: what there is to eat, what was sold to whom.
///
/// Hears of people from Identity, of cards from Access and of money from Ledger; asks Ledger for the price of every sale; serves the
/// family's menu and purchases, the till, and the kitchen.
@main struct CanteenService: SchoolService {
    static let name = "canteen"
    static let bundle = Bundle.module

    /// Wakes the tills that wait for the end of a sale in this copy.
    static let salesEnded = SaleWaiters()
    private static let channel = "canteen_sales"

    static func main() async { await run() }

    static func hearings(_ parts: Parts) -> [Hearing] {
        [
            DirectoryParts.hearing(queue: "canteen.directory"), WhenPupilIsTransferred.hearing, WhatIsKept.hearing,
            Hearing(
                queue: "canteen.cards", [.batch(CardChanged.self) { changes, tx, _ in try KnownCard.remember(changes, in: tx) }]),
            Hearing(
                queue: "canteen.ledger",
                afterBatch: { database in
                    // After the commit, for the tills of other copies.
                    for word in salesEnded.sayEnded() { try? await database.notify(channel, word) }
                },
                [
                    .batch(ChargeAccepted.self) { answers, tx, outbox in
                        try WhenLedgerAnswers.accepted(answers, in: tx, outbox: outbox)
                        try WhenLedgerAnswers.remember(answers.map(\.event.account), in: tx)
                    },
                    .each(ChargeDeclined.self) { answer, tx, outbox in
                        try WhenLedgerAnswers.declined(answer, in: tx, outbox: outbox)
                    },
                    .each(ChargeWithdrawn.self) { answer, tx, outbox in
                        try WhenLedgerAnswers.withdrawn(answer, in: tx, outbox: outbox)
                        if let account = answer.event.account { try WhenLedgerAnswers.remember([account], in: tx) }
                    },
                    .batch(AccountChanged.self) { changes, tx, _ in
                        try WhenLedgerAnswers.remember(changes.map(\.event.account), in: tx)
                    },
                    .batch(RefundPosted.self) { refunds, tx, _ in
                        try WhenLedgerAnswers.remember(refunds.map(\.event.account), in: tx)
                    },
                    .batch(TopUpPosted.self) { topUps, tx, _ in
                        try WhenLedgerAnswers.remember(topUps.map(\.event.account), in: tx)
                    },
                ]),
        ]
    }

    static func routes(_ parts: Parts) -> RouteBook { CanteenRoutes(database: parts.database, outbox: parts.outbox).book }

    static let republications: [Republication] = [
        .of(MenuPublished.self) { tx, after, limit in try MenuOfDay.published(after: after, limit: limit, in: tx) },
        .of(TillChanged.self) { tx, after, limit in try Till.told(after: after, limit: limit, in: tx) },
        .of(BansChanged.self) { tx, after, limit in try ChangeBans.published(after: after, limit: limit, in: tx) },
    ]

    static func work(_ parts: Parts) -> [any ServiceLifecycle.Service] {
        [
            WakingTills(stream: parts.database.listen(channel), waiters: salesEnded),
            GivingUpForgotten(database: parts.database, outbox: parts.outbox, logger: parts.logger),
        ]
    }

    static let commands: [any AsyncParsableCommand.Type] = [
        ImportMenuCommand.self, ImportProductsCommand.self, RegisterTillCommand.self, TillsCommand.self,
    ]
}

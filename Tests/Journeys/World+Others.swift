import Directory
import Events
import Foundation
import Kernel
import Messaging
import Postgres

@testable import Access
@testable import Canteen
@testable import Ledger

extension World {
    /// Somebody who works at the child's school.
    private static let colleague = UUID.v7()

    /// A charge of the child's with its refund, a cash-out, a subsidy, a paid service and a card payment, as Ledger's routes name them.
    enum OfLedger {
        static func settle(_ world: World, in database: Database) async throws -> StrangerTests.Things {
            let (refund, request, subsidy) = (UUID.v7(), UUID.v7(), UUID.v7())
            let (service, subscription, payment) = (UUID.v7(), UUID.v7(), UUID.v7())
            let now = Date()
            let today = SchoolZone.moscow.day(of: now)
            let outbox = Outbox(service: "ledger")
            let charge = Charge(
                chargeID: .v7(), saleID: .v7(), attempt: 1, personID: world.child, amount: Money(kopecks: 4_500), kind: .personal, what: "Обед",
                soldAt: now)
            let pupil = PupilChanged(
                personID: world.child, version: 1, schoolID: world.school, classID: world.ownClass, accountNumber: "0000000000",
                pupilCode: "I00000000")
            let grant = GrantSubsidy(
                id: subsidy, child: world.child, title: "Питание", certificate: "1", issuer: "УСЗН", validFrom: today, validUntil: today + 30,
                purpose: .collective, amount: Money(kopecks: 10_000), rhythm: .once, by: colleague)
            try await database.transaction { tx in
                try tx.openBooks(of: world.school, version: 1, zone: .moscow, at: now)
                try WhenPupilAppears(pupil: pupil, version: 1).react(in: tx, outbox, at: now)
                _ = try TopUpAtDesk(id: .v7(), child: world.child, amount: Money(kopecks: 50_000), receipt: "1", by: colleague)
                    .run(in: tx, outbox, at: now)
                _ = try tx.decide([charge], at: now)
                try AskRefund(
                    id: refund, chargeID: charge.chargeID, child: world.child, amount: charge.amount, reason: "Ошибка", by: world.mother
                ).run(in: tx, at: now)
                try AskCashOut(id: request, child: world.child, amount: Money(kopecks: 1_000), way: .cashDesk, details: "", by: world.mother)
                    .run(in: tx, outbox, at: now)
                try grant.run(in: tx, at: now)
                try OfferService(
                    id: service, school: world.school, provider: "Школа", title: "Кружок", about: "",
                    terms: .init(rhythm: .visit, from: today - 30, until: nil), price: Money(kopecks: 10_000), places: nil,
                    audience: .init(grades: [], classes: []), by: colleague
                ).run(in: tx, at: now)
                try SubscribeChild(id: subscription, service: service, child: world.child, agreed: nil, by: world.mother)
                    .run(in: tx, outbox, at: now)
                try tx.execute(
                    """
                    insert into card_payment (id, account_id, person_id, school_id, by_id, amount, fee, state, acquirer_id, ask_at, made_at)
                    values (\(payment), \(Account.id(of: world.child)), \(world.child), \(world.school), \(world.mother), 5000, 0, 'open', 'p1',
                        \(now + 3_600), \(now))
                    """)
            }
            return { _ in
                [
                    "charge": charge.chargeID, "refund": refund, "request": request, "subsidy": subsidy, "service": service,
                    "subscription": subscription, "payment": payment,
                ]
            }
        }
    }

    /// A product of the school's kitchen, and a ban of the child's.
    enum OfCanteen {
        static func settle(_ world: World, in database: Database) async throws -> StrangerTests.Things {
            let product = UUID.v7()
            try await database.execute(
                """
                insert into product (id, school_id, name, product_group, price_kopecks)
                values (\(product), \(world.school), 'Пирожок', 'выпечка', 4500)
                """)
            let ban = Ban(scope: .product, name: "Пирожок")
            let change = ChangeBans(child: world.child, change: .set(ban), by: world.mother)
            _ = try await database.transaction { try change.run(in: $0, Outbox(service: "canteen"), at: Date()) }
            return { _ in ["product": product, "ban": ban.id(of: world.child)] }
        }
    }

    /// A device of the school's and a card of the child's.
    enum OfAccess {
        static func settle(_ world: World, in database: Database) async throws -> StrangerTests.Things {
            let (device, card) = (UUID.v7(), UUID.v7())
            try await database.execute(
                """
                insert into device (id, school_id, name, place, password_hash)
                values (\(device), \(world.school), 'main-door', 'Главный вход', 'x')
                """)
            try await database.execute(
                """
                insert into card (id, person_id, number, value, mask, low16, kind, status)
                values (\(card), \(world.child), '0001', 1, 65535, 1, 'serviceCard', 'active')
                """)
            return { _ in ["device": device, "card": card] }
        }
    }
}

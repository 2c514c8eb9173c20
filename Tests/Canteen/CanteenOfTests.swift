import Directory
import Events
import Foundation
import Kernel
import Messaging
import Postgres
import Support

@testable import Canteen

/// A school with two families, a buffet and a till, in the database of the running test case.
struct CanteenOfTests {
    let database = TestDatabase.current.database
    let outbox = Outbox(service: "canteen")
    let school = UUID.v7()
    let masha = UUID.v7()
    /// A child of another family.
    let timur = UUID.v7()
    let mother = UUID.v7()
    let otherMother = UUID.v7()
    let cashier = UUID.v7()
    let cook = UUID.v7()

    /// A Friday, 12:47 in Moscow.
    static let noon = Date(timeIntervalSince1970: 1_795_168_020)
    let now = Self.noon
    var today: Day { SchoolZone.moscow.day(of: now) }

    static let mashasCard = "04A2B3C4D5"

    var tea: UUID { .derived(from: school, "product Чай") }
    var bun: UUID { .derived(from: school, "product Булочка") }

    /// Introduces everybody and puts tea and a bun on sale.
    func open() async throws {
        let pupils = [masha, timur].enumerated().map { place, child in
            Told(
                PupilChanged(
                    personID: child, version: 1, schoolID: school, accountNumber: "027000000\(place + 1)",
                    pupilCode: "I44F2EUE\(place + 1)", ended: false))
        }
        func family(_ person: UUID, _ child: UUID) -> Told<RightsChanged> {
            Told(
                RightsChanged(
                    personID: person, version: 1, roles: [],
                    children: [Guardianship(childID: child, topics: Topic.allCases, isPrimary: true, until: nil)], ended: false))
        }
        func staff(_ person: UUID, _ role: Role) -> Told<RightsChanged> {
            Told(
                RightsChanged(
                    personID: person, version: 1, roles: [RoleHeld(schoolID: school, role: role, classID: nil)], children: [],
                    ended: false))
        }
        let pupil = Told(RightsChanged(personID: masha, version: 1, roles: [], children: [], ended: false))
        let rights = [family(mother, masha), family(otherMother, timur), staff(cashier, .cashier), staff(cook, .kitchen), pupil]
        let place = Told(
            SchoolChanged(
                schoolID: school, version: 1, name: "Школа № 7", timeZone: "Europe/Moscow", modules: [], contacts: [], ended: false))
        let card = Received(
            CardChanged(
                cardID: .v7(), version: 1, personID: masha, number: Self.mashasCard, kind: .serviceCard, status: .active,
                validUntil: nil, ended: false))
        try await database.transaction { [school] tx in
            try Directory.apply([place], in: tx)
            try Directory.apply(pupils, in: tx)
            try Directory.apply(rights, in: tx)
            try KnownCard.remember([card], in: tx)
            _ = try Product.put("Чай", group: "Напитки", price: Money(kopecks: 1_500), school: school, in: tx)
            _ = try Product.put("Булочка", group: "Выпечка", price: Money(kopecks: 3_250), school: school, in: tx)
        }
    }

    func selling(_ id: UUID, of items: [(UUID, Int)]? = nil, to child: UUID? = nil) -> SellGoods {
        SellGoods(
            saleID: id, school: school, till: nil, buyer: .person(child ?? masha),
            basket: Basket(lines: (items ?? [(tea, 1)]).map { Basket.Line(item: $0.0, quantity: $0.1) }), kind: .personal, soldAt: nil,
            localSequence: nil, soldBy: nil)
    }

    @discardableResult
    func sell(_ id: UUID, of items: [(UUID, Int)]? = nil) async throws -> Sale {
        let sell = selling(id, of: items)
        return try await database.transaction { [now, outbox] in try sell.run(now: now, in: $0, outbox: outbox) }
    }

    func giveUp(_ id: UUID) async throws {
        _ = try await database.transaction { [outbox] in try GiveUpSale(saleID: id).run(in: $0, outbox: outbox) }
    }

    func sale(_ id: UUID) async throws -> Sale? { try await database.read { try Sale.sale(id, in: $0) } }

    /// How the first attempt of a sale stands.
    func attempt(_ id: UUID) async throws -> String? {
        try await database.rows("select state from attempt where sale_id = \(id)", as: String.self).first
    }

    /// What was said about a sale, in order: names of events and commands.
    func said(_ id: UUID) async throws -> [String] {
        try await database.rows(
            """
            select type from outbox where convert_from(body, 'UTF8')::jsonb->'data'->>'saleID' = \(id.text) order by seq
            """, as: String.self)
    }

    // MARK: What Ledger may answer

    func accept(_ id: UUID) async throws {
        let answer = Received(
            ChargeAccepted(
                chargeID: Attempt.chargeID(of: id, number: 1), saleID: id, attempt: 1, personID: masha, amount: Money(kopecks: 1_500),
                kind: .personal, what: "Чай", day: today, postedAt: now, account: account(version: 1)))
        try await database.transaction { [outbox] in try WhenLedgerAnswers.accepted([answer], in: $0, outbox: outbox) }
    }

    func decline(_ id: UUID, _ reason: DeclineReason = .notEnoughMoney) async throws {
        let answer = Received(
            ChargeDeclined(
                chargeID: Attempt.chargeID(of: id, number: 1), saleID: id, attempt: 1, personID: masha, amount: Money(kopecks: 1_500),
                kind: .personal, reason: reason, available: Money(kopecks: 700), limitLeft: nil, at: now))
        try await database.transaction { [outbox] in try WhenLedgerAnswers.declined(answer, in: $0, outbox: outbox) }
    }

    func withdraw(_ id: UUID, wasPosted: Bool = false) async throws {
        let answer = Received(
            ChargeWithdrawn(
                chargeID: Attempt.chargeID(of: id, number: 1), saleID: id, attempt: 1, personID: masha, wasPosted: wasPosted,
                amount: Money(kopecks: 1_500), at: now, account: nil))
        try await database.transaction { [outbox] in try WhenLedgerAnswers.withdrawn(answer, in: $0, outbox: outbox) }
    }

    func account(version: Int64, balance: Int64 = 28_600, limit: Int64? = nil, spent: Int64 = 0) -> AccountState {
        AccountState(
            accountID: .v7(), version: version, personID: masha, schoolID: school, accountNumber: "0270000001",
            balance: Money(kopecks: balance), dailyLimit: limit.map { Money(kopecks: $0) }, spentToday: Money(kopecks: spent), day: today, isOpen: true)
    }
}

import Events
import Foundation
import HTTPTypes
import Kernel
import Messaging
import Postgres
import Service
import Support
import Testing

@testable import Ledger

/// At which till, desk, terminal or bank it was: of every way in which money comes and goes, in both languages (AC-05).
@Suite("Places of a statement", .database(LedgerService.migrations)) struct PlaceTests {
    let school = SchoolOfTests()

    /// A statement as a program reads it.
    private struct Statement: Decodable {
        struct Day: Decodable { let rows: [Row] }
        struct Row: Decodable {
            let id: UUID
            let what: String
            let how: String
            let place: String?
            let tillID: UUID?
            let receipt: String?
            let payment: String?
        }
        let days: [Day]

        var rows: [UUID: Row] { Dictionary(days.flatMap(\.rows).map { ($0.id, $0) }, uniquingKeysWith: { $1 }) }
    }

    private static func statement(_ cabinet: Cabinet, _ language: String) async throws -> [UUID: Statement.Row] {
        let path = "/ledger/children/\(cabinet.school.masha.text)/statement"
        let page = try await cabinet.mother(language: language).get(path)
        #expect(page.status == .ok && !page.body.contains("[[") && !page.body.contains("{{"))
        let json = try await cabinet.mother(language: language).get(path + ".json")
        let rows = try JSONDecoder().decode(Statement.self, from: Data(json.body.utf8)).rows
        for row in rows.values {
            let words = [row.what, row.how, row.place ?? ""].joined(separator: " ")
            #expect(!words.contains(/[0-9a-fA-F]{8}-/), "an identifier is no word: \(words)")
            // What the story itself calls things is Russian.
            if language == "ru" { #expect(!words.contains(/[A-Za-z]{2,}/), "not in Russian: \(words)") }
        }
        return rows
    }

    private func hear(_ tills: [TillChanged]) async throws {
        try await school.database.transaction { try KnownTill.remember(tills.map { Received($0) }, in: $0) }
    }

    /// What may become of a sale.
    enum Fate: CaseIterable { case posted, offline, reversed, refused, refunded, subsidised }

    @Test(
        "AC-05: whatever was bought and whatever became of it, the statement says at which till, by the till's newest name; one that was not heard of is a till of the canteen",
        arguments: ["ru", "en"])
    func tills(_ language: String) async throws {
        try await Cabinet.story(school) { cabinet in
            let (renamed, ended, unheard) = (UUID.v7(), UUID.v7(), UUID.v7())
            try await school.topUp(school.masha, 5000, receipt: "ПКО-9")
            let subsidy = GrantSubsidy(
                id: .v7(), child: school.masha, title: "Питание", certificate: "17", issuer: "УСЗН", validFrom: school.today - 9,
                validUntil: school.today + 20, purpose: .any, amount: .roubles(300), rhythm: .once, by: school.accountant)
            let tills: [(id: UUID?, name: String?)] = [
                (renamed, "Буфет"), (ended, "Ларёк"), (unheard, language == "ru" ? "касса столовой" : "till of the canteen"), (nil, nil),
            ]
            try await hear([
                TillChanged(tillID: renamed, version: 2, schoolID: school.school, name: "Буфет"),
                TillChanged(tillID: renamed, version: 1, schoolID: school.school, name: "Касса 1"),
                TillChanged(tillID: ended, version: 1, schoolID: school.school, name: "Ларёк"),
                TillChanged(tillID: ended, version: 2, schoolID: school.school, name: "Ларёк", ended: true),
            ])
            var expected: [UUID: (till: UUID?, name: String?)] = [:]
            for fate in Fate.allCases {
                if fate == .subsidised { try await school.database.transaction { [now = school.now] in try subsidy.run(in: $0, at: now) } }
                for kind in PurchaseKind.allCases {
                    for till in tills {
                        let charge = school.charge(
                            school.masha, fate == .refused ? 90_000 : 10, kind, offline: fate == .offline ? school.today - 1 : nil, till: till.id)
                        try await school.decide([charge])
                        expected[charge.chargeID] = (till.id, till.name)
                        if fate == .reversed {
                            try await school.withdraw([charge])
                            expected[.derived(from: charge.chargeID, "reversal")] = (till.id, till.name)
                        }
                        if fate == .refunded {
                            let ask = AskRefund(
                                id: .v7(), chargeID: charge.chargeID, child: school.masha, amount: .roubles(10), reason: "Ошибка", by: school.mother)
                            let decide = DecideRefund(id: ask.id, child: school.masha, refusal: nil, by: school.accountant)
                            try await school.database.transaction { [now = school.now, outbox = school.outbox] tx in
                                try ask.run(in: tx, at: now)
                                try decide.run(in: tx, outbox, at: now)
                            }
                            expected[ask.id] = (till.id, till.name)
                        }
                    }
                }
            }
            let rows = try await Self.statement(cabinet, language)
            for (id, till) in expected {
                let row = try #require(rows[id])
                #expect(row.place == till.name && row.tillID == till.till, "\(row.what), \(row.how)")
                if let name = till.name { #expect(row.how.contains(name), "\(row.what), \(row.how)") }
            }
            #expect(expected.count == 64)
            let difference = try await school.firstDifference()
            #expect(difference == nil)
        }
    }

    @Test("AC-05, AC-02, AC-03, AC-04, AC-09, BY-04: every way of money says its desk, terminal, bank, card, number and person", arguments: ["ru", "en"])
    func ways(_ language: String) async throws {
        try await Cabinet.story(school) { cabinet in
            let isRussian = language == "ru"
            let desk = isRussian ? "касса школы" : "cash desk of the school"
            var expected: [UUID: (place: String?, how: String)] = [:]

            // In cash, taken by an accountant and by one who has left the school.
            for (place, by) in [school.accountant, UUID.v7()].enumerated() {
                let topUp = TopUpAtDesk(id: .v7(), child: school.masha, amount: .roubles(500), receipt: "ПКО-\(place + 1)", by: by)
                _ = try await school.database.transaction { [now = school.now, outbox = school.outbox] in try topUp.run(in: $0, outbox, at: now) }
                let who = place == 0 ? (isRussian ? "бухгалтер" : "accountant") : isRussian ? "сотрудник школы" : "staff of the school"
                expected[topUp.id] = (desk, isRussian ? "чек № ПКО-\(place + 1); \(who) № \(place + 1)" : "receipt no. ПКО-\(place + 1); \(who) no. \(place + 1)")
            }

            // By every partner that may speak, whichever way its contract calls it, and back.
            for dialect in Partner.Dialect.allCases {
                for method in [TopUpMethod.terminal, .bankRegister] {
                    let title = method == .terminal ? "Терминал в холле" : "Сбербанк Онлайн"
                    let partner = TerminalOfTests.partner(
                        dialect, name: "\(dialect.rawValue)-\(method == .terminal ? 1 : 2)", title: title, method: method, cancels: true)
                    let terminal = try await cabinet.terminal(partner)
                    let heard = try await terminal.pay("777", "0270000001", "100.00")
                    #expect(terminal.isCredited(heard), "\(heard.text)")
                    let said = "\(title); \(isRussian ? "платёж №" : "payment no.") 777"
                    expected[.derived(from: partner.id, "payment.777")] = (title, said)
                    guard dialect == .osmp else { continue }
                    let cancel = CancelPartnerPayment(partner: partner, cancel: PartnerCancel(number: "777"))
                    _ = try await school.database.transaction { [now = school.now, outbox = school.outbox] in
                        try cancel.run(in: $0, outbox, at: now)
                    }
                    expected[.derived(from: partner.id, "cancel.777")] = (title, said)
                }
            }

            // With a card, and back to it; to another child; out of the account, both ways; for a service.
            let (card, back, moved, service) = (UUID.v7(), UUID.v7(), UUID.v7(), UUID.v7())
            let cashOuts = CashOutWay.allCases.map { AskCashOut(id: .v7(), child: school.masha, amount: .roubles(10), way: $0, details: "р/с", by: school.mother) }
            try await school.database.transaction { [school] tx in
                guard let account = try tx.lockedAccount(.child(school.masha), at: school.now) else { return }
                func organisation(_ kind: OrganisationAccount) -> UUID { kind.id(of: school.school) }
                try tx.post(
                    TopUp(id: card, amount: .roubles(50), method: .bankCard, what: "···· 4477", by: school.mother), to: account, school.outbox,
                    at: school.now)
                try tx.post(
                    Posting(
                        id: back, kind: .return, accountID: account.id, amount: .roubles(50), day: account.today, what: "···· 4477",
                        by: school.accountant, returned: .init(topUpID: card, method: .bankCard),
                        legs: [.meals(account.id, -.roubles(50)), .organisation(organisation(.acquiring), .roubles(50))]), at: school.now)
                try school.openProvider(in: tx)
                try tx.execute(
                    """
                    insert into charge (id, sale_id, attempt, person_id, account_id, payee_id, amount, purchase, what, decided_at, business_on,
                        state, position, balance)
                    select \(service), \(service), 1, person_id, id, \(school.provider), 500, 'service', 'Кружок', \(school.now),
                        \(account.today), 'posted', position + 1, balance - 500
                    from meals_account where id = \(account.id)
                    """)
                try TransferInFamily(id: moved, from: school.masha, to: school.egor, amount: .roubles(7), by: school.mother)
                    .run(in: tx, school.outbox, at: school.now)
                for ask in cashOuts {
                    try ask.run(in: tx, school.outbox, at: school.now)
                    try EndCashOut(id: ask.id, end: .paid(paper: "РКО-\(ask.way.rawValue.count)"), by: school.accountant, school: school.school)
                        .run(in: tx, school.outbox, at: school.now)
                }
            }
            let (you, accountant) = isRussian ? ("вы", "бухгалтер") : ("you", "accountant")
            let cardName = isRussian ? "карта ···· 4477" : "card ···· 4477"
            expected[card] = (cardName, "\(cardName); \(you)")
            expected[back] = (cardName, "\(cardName); \(accountant)")
            expected[moved] = (nil, you)
            expected[service] = (nil, isRussian ? "платная услуга, по расписанию" : "paid service, by the schedule")
            for ask in cashOuts {
                let order = "\(isRussian ? "ордер №" : "order no.") РКО-\(ask.way.rawValue.count)"
                let place = ask.way == .cashDesk ? desk : isRussian ? "на счёт в банке" : "to a bank account"
                let number = ask.way == .cashDesk ? (isRussian ? " № 1" : " no. 1") : ""
                expected[ask.id] = (place, "\(place); \(order); \(accountant)\(number)")
            }

            let rows = try await Self.statement(cabinet, language)
            #expect(rows.count == expected.count)
            for (id, words) in expected {
                let row = try #require(rows[id])
                #expect(row.place == words.place && row.how == words.how, "\(row.what)")
            }
            #expect(rows.values.count { $0.payment == "777" } == 10)
            #expect(rows[cashOuts[0].id]?.receipt?.hasPrefix("РКО-") == true)
        }
    }

    @Test("AC-05: a till has the newest name that its owner gave it, in whatever order and however often it was told", arguments: UInt64(1)...20)
    func newestName(_ seed: UInt64) async throws {
        var dice = SeededGenerator(seed: seed)
        let tills = (0..<3).map { _ in dice.uuid() }
        var told: [Received<TillChanged>] = []
        for till in tills {
            var (epoch, version) = (Int64(1), Int64(0))
            for change in 1...(2 + dice.below(6)) {
                // A restored owner counts again from where its backup was.
                if dice.chance(20) { (epoch, version) = (epoch + 1, 1) } else { version += 1 }
                told.append(
                    Received(
                        TillChanged(tillID: till, version: version, schoolID: school.school, name: "Касса \(change)", ended: dice.chance(10)),
                        epoch: epoch))
            }
        }
        let story = (told + dice.some(of: told)).shuffled(using: &dice)
        let cut = dice.below(story.count)
        for part in [story[..<cut], story[cut...]] {
            try await school.database.transaction { try KnownTill.remember(Array(part), in: $0) }
        }
        let kept = try await school.database.rows("select id, name from known_till", as: UUID.self, String.self)
        let newest = Dictionary(told.map { ($0.event.tillID, $0.event.name) }, uniquingKeysWith: { $1 })
        #expect(Dictionary(uniqueKeysWithValues: kept) == newest, "seed \(seed)")
    }
}

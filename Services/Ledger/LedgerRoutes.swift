import Directory
import HTTPTypes
import Logging
import Messaging
import Postgres
import Web

/// Every address of Ledger and who may use it. A pupil may use none (AC-06).
struct LedgerRoutes {
    let database: Database
    let outbox: Outbox
    let logger: Logger
    /// Nil where no acquirer is configured.
    var settle: SettleCardPayment?

    var book: RouteBook {
        let database = database
        let limits = LimitForm(database: database, outbox: outbox)
        let desk = DeskForm(database: database, outbox: outbox)
        var book = RouteBook(service: "/ledger")
        book.page("/ledger/money", .seeMoney, about: .oneself) { try await PursePage(for: $0, database) }
        book.page("/ledger/children/{child}/statement", .seeMoney, about: .child(parameter: "child")) {
            try await StatementPage(for: $0, database)
        }
        book.get("/ledger/children/{child}/statement.xlsx", .seeMoney, about: .child(parameter: "child")) {
            try await StatementSheet.answer($0, database)
        }
        book.page("/ledger/children/{child}/balance", .seeMoney, about: .child(parameter: "child")) {
            try await BalancePage(for: $0, database)
        }
        book.page("/ledger/children/{child}/limit", .setLimit, about: .child(parameter: "child")) {
            try await LimitPage(for: $0, database)
        }
        book.post("/ledger/children/{child}/limit", .setLimit, about: .child(parameter: "child")) {
            try await limits.set($0)
        }
        book.form(
            "/ledger/children/{child}/low-balance", .setLimit, about: .child(parameter: "child"),
            again: { try await LimitPage(for: $0, database, wrong: $1) }
        ) { try await limits.setLow($0) }
        book.page("/ledger/desk", .topUpAtDesk, about: .anySchool) { try await DeskPage(for: $0, database) }
        book.post("/ledger/children/{child}/top-ups", .topUpAtDesk, about: .child(parameter: "child")) {
            try await desk.topUp($0)
        }
        book.kiosk("/ledger/kiosk") { try await KioskBalancePage(for: $0, $1, database) }
        addMoneyBetweenPeople(to: &book)
        addPartners(to: &book)
        addCards(to: &book)
        addDeskDays(to: &book)
        book.kept(WhatIsKept.book, of: "ledger", in: database, isAboutChildrenOnly: true)
        return book
    }

    /// Where terminals and banks knock (AC-03); whoever knocks proves who he is by a password and his address.
    private func addPartners(to book: inout RouteBook) {
        let door = PartnerDoor(database: database, outbox: outbox, logger: logger)
        book.open(.get, "/ledger/partners/{partner}") { try await door.answer($0) }
        book.open(.post, "/ledger/partners/{partner}") { try await door.answer($0) }
    }

    /// What the accountant closes and compares at the end of a day (AC-03, AC-04).
    private func addDeskDays(to book: inout RouteBook) {
        let database = database
        let days = DeskDayForm(database: database)
        book.page("/ledger/desk/day", .topUpAtDesk, about: .anySchool) { try await DeskDayPage(for: $0, database) }
        book.post("/ledger/desk/day/{school}/{day}", .topUpAtDesk, about: .school(parameter: "school")) { try await days.close($0) }
        let settle = settle
        book.page("/ledger/desk/cards", .topUpAtDesk, about: .anySchool) { try await CardDeskPage(for: $0, database) }
        book.page("/ledger/schools/{school}/card-payments/{payment}", .topUpAtDesk, about: .school(parameter: "school")) {
            try await CardDeskPaymentPage(for: $0, database, settle)
        }
        let refunds = CardRefundForm(database: database, outbox: outbox, settle: settle)
        book.form(
            "/ledger/schools/{school}/card-payments/{payment}/refunds", .topUpAtDesk, about: .school(parameter: "school"),
            again: { try await CardDeskPaymentPage(for: $0, database, settle, wrong: $1) }
        ) { try await refunds.giveBack($0) }
        book.page("/ledger/desk/registers", .topUpAtDesk, about: .anySchool) { try await ReconciliationPage(for: $0, database) }
        let registers = ReconciliationForm(database: database, outbox: outbox)
        book.form(
            "/ledger/desk/registers", .topUpAtDesk, about: .anySchool,
            again: { try await ReconciliationPage(for: $0, database, wrong: $1) }
        ) { try await registers.bring($0) }
        book.form(
            "/ledger/schools/{school}/registers/{number}/credit", .topUpAtDesk, about: .school(parameter: "school"),
            again: { try await ReconciliationPage(for: $0, database, wrong: $1) }
        ) { try await registers.credit($0) }
    }

    /// Topping up by bank card (AC-02).
    private func addCards(to book: inout RouteBook) {
        let (database, takesCards) = (database, settle != nil)
        let cards = CardForm(database: database, settle: settle, logger: logger)
        book.page("/ledger/children/{child}/top-up", .topUpByCard, about: .child(parameter: "child")) {
            try await CardPage(for: $0, database, takesCards: takesCards)
        }
        book.form(
            "/ledger/children/{child}/top-up", .topUpByCard, about: .child(parameter: "child"),
            again: { try await CardPage(for: $0, database, takesCards: takesCards, wrong: $1) }
        ) { try await cards.pay($0) }
        book.get("/ledger/children/{child}/payments/{payment}", .topUpByCard, about: .child(parameter: "child")) {
            try await cards.show($0)
        }
        book.open(.post, "/ledger/acquiring/notifications") { try await cards.hear($0) }
    }
}

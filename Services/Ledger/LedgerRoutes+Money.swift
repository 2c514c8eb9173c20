import Directory
import Messaging
import Postgres
import Web

/// Where money moves between people: within a family, back for a mistake, out of an account, from the municipality.
extension LedgerRoutes {
    func addMoneyBetweenPeople(to book: inout RouteBook) {
        let database = database
        let transfers = TransferForm(database: database, outbox: outbox)
        book.page("/ledger/children/{child}/transfers", .moveMoney, about: .child(parameter: "child")) {
            try await TransferPage(for: $0, database)
        }
        book.form(
            "/ledger/children/{child}/transfers", .moveMoney, about: .child(parameter: "child"),
            again: { try await TransferPage(for: $0, database, wrong: $1) }
        ) { try await transfers.move($0) }
        addRefunds(to: &book)
        addCashOuts(to: &book)
        addSubsidies(to: &book)
        addCertificates(to: &book)
        addServices(to: &book)
        book.page("/ledger/settlement", .topUpAtDesk, about: .anySchool) { try await SettlementPage(for: $0, database) }
        book.get("/ledger/settlement.xlsx", .topUpAtDesk, about: .anySchool) { try await SettlementPage.sheet($0, database) }
    }

    /// AC-12: whoever paid or sold asks, a tutor decides.
    private func addRefunds(to book: inout RouteBook) {
        let database = database
        let refunds = RefundForm(database: database, outbox: outbox)
        book.page("/ledger/refunds", .seeRefunds, about: .anySchool) { try await RefundsPage(for: $0, database) }
        book.page("/ledger/class-balances", .watchBalances, about: .anySchool) { try await ClassBalancesPage(for: $0, database) }
        book.page("/ledger/children/{child}/charges/{charge}/refund", .askRefund, about: .child(parameter: "child")) {
            try await RefundFormPage(for: $0, database)
        }
        book.form(
            "/ledger/children/{child}/charges/{charge}/refund", .askRefund, about: .child(parameter: "child"),
            again: { try await RefundFormPage(for: $0, database, wrong: $1) }
        ) { try await refunds.ask($0) }
        book.form(
            "/ledger/children/{child}/refunds/{refund}/confirmation", .confirmRefund, about: .child(parameter: "child"),
            again: { try await RefundsPage(for: $0, database, wrong: $1) }
        ) { try await refunds.confirm($0) }
        book.form(
            "/ledger/children/{child}/refunds/{refund}/refusal", .confirmRefund, about: .child(parameter: "child"),
            again: { try await RefundsPage(for: $0, database, wrong: $1) }
        ) { try await refunds.refuse($0) }
    }

    /// BY-04: a guardian asks, an accountant pays out.
    private func addCashOuts(to book: inout RouteBook) {
        let database = database
        let cashOuts = CashOutForm(database: database, outbox: outbox)
        book.page("/ledger/children/{child}/cash-outs", .takeMoneyOut, about: .child(parameter: "child")) {
            try await CashOutPage(for: $0, database)
        }
        book.form(
            "/ledger/children/{child}/cash-outs", .takeMoneyOut, about: .child(parameter: "child"),
            again: { try await CashOutPage(for: $0, database, wrong: $1) }
        ) { try await cashOuts.ask($0) }
        book.form(
            "/ledger/children/{child}/cash-outs/{request}/withdrawal", .takeMoneyOut, about: .child(parameter: "child"),
            again: { try await CashOutPage(for: $0, database, wrong: $1) }
        ) { try await cashOuts.withdraw($0) }
        book.page("/ledger/cash-outs", .topUpAtDesk, about: .anySchool) { try await CashOutsPage(for: $0, database) }
        book.form(
            "/ledger/schools/{school}/cash-outs/{request}/payment", .topUpAtDesk, about: .school(parameter: "school"),
            again: { try await CashOutsPage(for: $0, database, wrong: $1) }
        ) { try await cashOuts.pay($0) }
        book.form(
            "/ledger/schools/{school}/cash-outs/{request}/refusal", .topUpAtDesk, about: .school(parameter: "school"),
            again: { try await CashOutsPage(for: $0, database, wrong: $1) }
        ) { try await cashOuts.refuse($0) }
    }

    /// AC-08: staff enters certificates, the family sees them.
    private func addSubsidies(to book: inout RouteBook) {
        let database = database
        let subsidies = SubsidyForm(database: database)
        book.page("/ledger/children/{child}/subsidies", .seeMoney, about: .child(parameter: "child")) {
            try await ChildSubsidiesPage(for: $0, database)
        }
        book.page("/ledger/subsidies", .manageSubsidies, about: .anySchool) { try await SubsidiesPage(for: $0, database) }
        book.form(
            "/ledger/subsidies", .manageSubsidies, about: .anySchool,
            again: { try await SubsidiesPage(for: $0, database, wrong: $1) }
        ) { try await subsidies.grant($0) }
        book.post("/ledger/schools/{school}/subsidies/{subsidy}/end", .manageSubsidies, about: .school(parameter: "school")) {
            try await subsidies.end($0)
        }
    }

    /// SE-02 to SE-05: staff enters what certificates can pay, the family sees it shrink.
    private func addCertificates(to book: inout RouteBook) {
        let database = database
        let certificates = CertificateForm(database: database)
        book.page("/ledger/children/{child}/certificate", .seeCertificate, about: .child(parameter: "child")) {
            try await CertificatePage(for: $0, database)
        }
        book.page("/ledger/certificates", .manageSubsidies, about: .anySchool) { try await CertificatesPage(for: $0, database) }
        book.form(
            "/ledger/certificates", .manageSubsidies, about: .anySchool,
            again: { try await CertificatesPage(for: $0, database, wrong: $1) }
        ) { try await certificates.enter($0) }
        book.post("/ledger/schools/{school}/certificate-cap", .manageSubsidies, about: .school(parameter: "school")) {
            try await certificates.noteCap($0)
        }
    }
}

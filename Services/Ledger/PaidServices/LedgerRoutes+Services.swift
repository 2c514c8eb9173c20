import Directory
import Messaging
import Postgres
import Web

/// Paid services: the family subscribes, staff keeps the catalogue, the teacher charges a class (ID-35, AC-13). A pupil sees none
/// of it.
extension LedgerRoutes {
    func addServices(to book: inout RouteBook) {
        let database = database
        let subscriptions = SubscriptionForm(database: database, outbox: outbox)
        book.page("/ledger/services", .seeServices, about: .oneself) { try await ServicesPage(for: $0, database) }
        book.page("/ledger/children/{child}/services", .seeServices, about: .child(parameter: "child")) {
            try await ChildServicesPage(for: $0, database)
        }
        book.page("/ledger/children/{child}/services/{service}", .seeServices, about: .child(parameter: "child")) {
            try await ServicePage(for: $0, database)
        }
        book.form(
            "/ledger/children/{child}/services/{service}/subscription", .subscribeServices, about: .child(parameter: "child"),
            again: { try await ServicePage(for: $0, database, wrong: $1) }
        ) { try await subscriptions.subscribe($0) }
        book.form(
            "/ledger/children/{child}/services/{service}/subscriptions/{subscription}/end", .subscribeServices,
            about: .child(parameter: "child"), again: { try await ServicePage(for: $0, database, wrong: $1) }
        ) { try await subscriptions.end($0) }
        addCatalogue(to: &book)
        addPaidLessons(to: &book)
    }

    private func addCatalogue(to book: inout RouteBook) {
        let database = database
        let catalogue = CatalogueForm(database: database, outbox: outbox)
        book.page("/ledger/catalogue", .manageServices, about: .anySchool) { try await CataloguePage(for: $0, database) }
        book.form(
            "/ledger/schools/{school}/services", .manageServices, about: .school(parameter: "school"),
            again: { try await CataloguePage(for: $0, database, wrong: $1) }
        ) { try await catalogue.offer($0) }
        book.page("/ledger/schools/{school}/services/{service}", .manageServices, about: .school(parameter: "school")) {
            try await CatalogueServicePage(for: $0, database)
        }
        book.form(
            "/ledger/schools/{school}/services/{service}/price", .manageServices, about: .school(parameter: "school"),
            again: { try await CatalogueServicePage(for: $0, database, wrong: $1) }
        ) { try await catalogue.changePrice($0) }
        book.form(
            "/ledger/schools/{school}/services/{service}/terms", .manageServices, about: .school(parameter: "school"),
            again: { try await CatalogueServicePage(for: $0, database, wrong: $1) }
        ) { try await catalogue.changeTerms($0) }
        book.post("/ledger/schools/{school}/services/{service}/end", .manageServices, about: .school(parameter: "school")) {
            try await catalogue.close($0)
        }
    }

    private func addPaidLessons(to book: inout RouteBook) {
        let database = database
        let lessons = ClassServiceForm(database: database, outbox: outbox)
        book.page("/ledger/class-services", .chargeServices, about: .anySchool) { try await ClassServicesPage(for: $0, database) }
        book.page("/ledger/classes/{class}/services/{service}", .chargeServices, about: .schoolClass(parameter: "class")) {
            try await ClassServicePage(for: $0, database)
        }
        book.form(
            "/ledger/classes/{class}/services/{service}", .chargeServices, about: .schoolClass(parameter: "class"),
            again: { try await ClassServicePage(for: $0, database, wrong: $1) }
        ) { try await lessons.charge($0) }
    }
}
